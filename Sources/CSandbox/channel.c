#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "include/CSandbox.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t prsm_sandbox_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int prsm_sandbox_poll(const int *descriptors, bool *ready, int count, int timeout_ms) {
  struct pollfd entries[16];
  if (count < 0 || count > 16) {
    errno = EINVAL;
    return -1;
  }
  for (int i = 0; i < count; i++) {
    entries[i].fd = descriptors[i];
    entries[i].events = POLLIN;
    entries[i].revents = 0;
    ready[i] = false;
  }
  int result = poll(entries, (nfds_t)count, timeout_ms);
  if (result < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; i < count; i++) ready[i] = entries[i].revents != 0;
  return result;
}

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

int prsm_sandbox_socketpair(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

int prsm_sandbox_streampair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

int prsm_sandbox_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  int flags = fcntl(ends[0], F_GETFL);
  if (flags < 0 || fcntl(ends[0], F_SETFL, flags | O_NONBLOCK) != 0) {
    close(ends[0]);
    close(ends[1]);
    return -1;
  }
  return 0;
}

int prsm_sandbox_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count,
                      int timeout_ms) {
  if (descriptor_count < 0 || descriptor_count > 8) {
    errno = EINVAL;
    return -1;
  }
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(8 * sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor_count > 0) {
    message.msg_control = control.room;
    message.msg_controllen = CMSG_SPACE((size_t)descriptor_count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)descriptor_count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, (size_t)descriptor_count * sizeof(int));
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    struct pollfd entry = {.fd = socket, .events = POLLOUT};
    int ready = poll(&entry, 1, timeout_ms);
    if (ready == 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    if (ready < 0 && errno != EINTR) return -1;
  }
}

ssize_t prsm_sandbox_receive(int socket, void *bytes, size_t capacity, int *descriptor) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  *descriptor = -1;
  ssize_t count;
  do {
    count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
      memcpy(descriptor, CMSG_DATA(header), sizeof(int));
  }
  return count;
}

int prsm_sandbox_sealed_file(const void *bytes, size_t count) {
  int file = memfd_create("prsm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -1;
  size_t written = 0;
  while (written < count) {
    ssize_t part = write(file, (const char *)bytes + written, count - written);
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) goto failed;
    written += (size_t)part;
  }
  if (lseek(file, 0, SEEK_SET) != 0) goto failed;
  if (fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) goto failed;
  return file;
failed:;
  int reason = errno;
  close(file);
  errno = reason;
  return -1;
}

#else

static int unsupported(void) {
  errno = ENOSYS;
  return -1;
}

int prsm_sandbox_socketpair(int ends[2]) { return (void)ends, unsupported(); }
int prsm_sandbox_streampair(int ends[2]) { return (void)ends, unsupported(); }
int prsm_sandbox_pipe(int ends[2]) { return (void)ends, unsupported(); }
int prsm_sandbox_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count,
                      int timeout_ms) {
  (void)socket, (void)bytes, (void)count, (void)descriptors, (void)descriptor_count, (void)timeout_ms;
  return unsupported();
}
ssize_t prsm_sandbox_receive(int socket, void *bytes, size_t capacity, int *descriptor) {
  (void)socket, (void)bytes, (void)capacity, (void)descriptor;
  return unsupported();
}
int prsm_sandbox_sealed_file(const void *bytes, size_t count) { return (void)bytes, (void)count, unsupported(); }

#endif

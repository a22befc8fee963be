#include "include/CSandbox.h"

#include <errno.h>
#include <string.h>

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/ioctl.h>

// The kernel may hand over larger structures than this header knows; both buffers are generous for that.
typedef union {
  struct seccomp_notif request;
  struct seccomp_notif_resp response;
  unsigned char room[1024];
} exchange;

int prsm_sandbox_notification_receive(int listener, prsm_sandbox_notification *notification) {
  exchange received;
  memset(&received, 0, sizeof received);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &received.request) != 0) return -1;
  notification->identifier = received.request.id;
  notification->process = (int32_t)received.request.pid;
  notification->call = received.request.data.nr;
  for (int i = 0; i < 6; i++) notification->arguments[i] = received.request.data.args[i];
  return 0;
}

int prsm_sandbox_notification_answer(int listener, uint64_t identifier, int error) {
  exchange answer;
  memset(&answer, 0, sizeof answer);
  answer.response.id = identifier;
  answer.response.error = error == 0 ? 0 : -error;
  answer.response.flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer.response);
}

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

void prsm_sandbox_notification_hasten(int listener) {
  (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

#else

void prsm_sandbox_notification_hasten(int listener) { (void)listener; }

int prsm_sandbox_notification_receive(int listener, prsm_sandbox_notification *notification) {
  (void)listener;
  (void)notification;
  errno = ENOSYS;
  return -1;
}

int prsm_sandbox_notification_answer(int listener, uint64_t identifier, int error) {
  (void)listener;
  (void)identifier;
  (void)error;
  errno = ENOSYS;
  return -1;
}

#endif

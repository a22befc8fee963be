#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "include/CSandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)

// Every wanted descriptor is first moved above all targets, so that placing one can never overwrite another.
enum { staging = 200 };

pid_t prsm_sandbox_spawn(const char *const *arguments, const int *descriptors, int descriptor_count) {
  if (descriptor_count < 3 || descriptor_count > 8) {
    errno = EINVAL;
    return -1;
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int result = posix_spawn_file_actions_init(&actions);
  if (result != 0) {
    errno = result;
    return -1;
  }
  result = posix_spawnattr_init(&attributes);
  if (result != 0) {
    posix_spawn_file_actions_destroy(&actions);
    errno = result;
    return -1;
  }
  int moved[8];
  int moved_count = 0;
  for (int i = 0; result == 0 && i < descriptor_count; i++) {
    int copy = fcntl(descriptors[i], F_DUPFD_CLOEXEC, staging);
    if (copy < 0) result = errno;
    else moved[moved_count++] = copy;
  }
  for (int i = 0; result == 0 && i < descriptor_count; i++)
    result = posix_spawn_file_actions_adddup2(&actions, moved[i], i);
  if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(&actions, descriptor_count);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  if (result == 0) result = posix_spawnattr_setsigmask(&attributes, &none);
  if (result == 0) result = posix_spawnattr_setsigdefault(&attributes, &all);
  if (result == 0)
    result = posix_spawnattr_setflags(&attributes,
                                      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  pid_t process = -1;
  char *const environment[] = {NULL};
  if (result == 0)
    result = posix_spawn(&process, arguments[0], &actions, &attributes, (char *const *)arguments, environment);
  for (int i = 0; i < moved_count; i++) close(moved[i]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (result != 0) {
    errno = result;
    return -1;
  }
  return process;
}

#else

pid_t prsm_sandbox_spawn(const char *const *arguments, const int *descriptors, int descriptor_count) {
  (void)arguments, (void)descriptors, (void)descriptor_count;
  errno = ENOSYS;
  return -1;
}

#endif

int prsm_sandbox_kill(pid_t process) {
  if (process <= 1) {
    errno = EINVAL;
    return -1;
  }
  return kill(process, SIGKILL);
}

int prsm_sandbox_reap(pid_t process) {
  int status;
  pid_t ended;
  do {
    ended = waitpid(process, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == process) return 1;
  return ended == 0 ? 0 : -1;
}

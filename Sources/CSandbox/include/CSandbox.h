#ifndef CSANDBOX_H
#define CSANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The few system calls of the sandbox that Swift cannot make by itself: descriptors passed over sockets, sealed memory
// files, spawning with every other descriptor closed, the seccomp filter, and its notifications. Every function returns
// -1 and leaves the reason in `errno` when it fails. On systems other than Linux each of them fails with ENOSYS.

/// A datagram-preserving pair of local sockets, closed on exec. `ends` receives two descriptors.
int prsm_sandbox_socketpair(int ends[2]);

/// A pair of local stream sockets, closed on exec.
int prsm_sandbox_streampair(int ends[2]);

/// A pipe, closed on exec, whose reading end does not block. `ends[0]` reads, `ends[1]` writes.
int prsm_sandbox_pipe(int ends[2]);

/// Sends one message with up to 8 descriptors; gives up after `timeout_ms`.
int prsm_sandbox_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count,
                      int timeout_ms);

/// Receives one message without waiting. At most one descriptor is accepted; `*descriptor` is -1 when none came.
/// Returns the number of bytes, 0 at the end of the stream, -1 with EAGAIN when nothing is there.
ssize_t prsm_sandbox_receive(int socket, void *bytes, size_t capacity, int *descriptor);

/// A memory file that holds `bytes`, sealed against every change, positioned at its start.
int prsm_sandbox_sealed_file(const void *bytes, size_t count);

/// Starts `arguments[0]` (an absolute path) with `descriptors[i]` as descriptor i and none besides, an empty
/// environment, default signals, and a session of its own. `arguments` ends with NULL.
pid_t prsm_sandbox_spawn(const char *const *arguments, const int *descriptors, int descriptor_count);

/// Sends SIGKILL.
int prsm_sandbox_kill(pid_t process);

/// Collects an ended child. Returns 1 when it had ended, 0 when it runs still, -1 when there is none.
int prsm_sandbox_reap(pid_t process);

/// Writes the filter's BPF program to `descriptor`. On failure `*culprit` names the call that could not be added.
int prsm_sandbox_write_filter(int descriptor, const char **culprit);

/// The number of the seccomp system call here, or -1.
int prsm_sandbox_seccomp_number(void);

/// What the filter hands over for a decision.
typedef struct {
  uint64_t identifier;
  int32_t process;
  int32_t call;
  uint64_t arguments[6];
} prsm_sandbox_notification;

/// Takes the next notification; call it only when `listener` is readable. -1 with ENOENT when the caller has died.
int prsm_sandbox_notification_receive(int listener, prsm_sandbox_notification *notification);

/// Lets the call go on (`error` 0) or makes it fail with `error`.
int prsm_sandbox_notification_answer(int listener, uint64_t identifier, int error);

/// Has callers and the supervisor hand over to each other at once, without a detour over another processor. Kernels before
/// Linux 6.6 cannot, and go on as they do.
void prsm_sandbox_notification_hasten(int listener);

/// The name of a system call, or "call N". Writes at most `capacity` bytes, always terminated.
void prsm_sandbox_call_name(int call, char *name, size_t capacity);

/// What a notified call is.
typedef enum {
  PRSM_SANDBOX_CALL_FORBIDDEN = 0,
  PRSM_SANDBOX_CALL_SPAWNS_PROCESS,
  PRSM_SANDBOX_CALL_CREATES_FILE,
  PRSM_SANDBOX_CALL_MAPS_CODE,
  PRSM_SANDBOX_CALL_EXECUTES,
  PRSM_SANDBOX_CALL_SIGNALS,
} prsm_sandbox_call_kind;

prsm_sandbox_call_kind prsm_sandbox_classify(const prsm_sandbox_notification *notification);

/// Waits until one of `descriptors` is readable or hung up; -1 entries are ignored. `ready[i]` tells which.
int prsm_sandbox_poll(const int *descriptors, bool *ready, int count, int timeout_ms);

/// Monotonic nanoseconds.
uint64_t prsm_sandbox_nanoseconds(void);

#endif

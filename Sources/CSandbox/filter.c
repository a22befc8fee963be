#include "include/CSandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | 0200000)
#endif

// What an interpreter needs to compute, to use its own files and pipes, and to end. Everything not named anywhere in
// this file is stopped and reported: SCMP_ACT_NOTIFY is the default action.
static const char *const allowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "_llseek", "close",
    "close_range", "fstat", "stat", "lstat", "newfstatat", "fstatat64", "fstat64", "statx", "fstatfs", "statfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir",
    "fchdir", "dup", "dup2", "dup3", "pipe", "pipe2", "fcntl", "flock", "fsync", "fdatasync", "ftruncate", "truncate",
    "fallocate", "fadvise64", "munmap", "mremap", "madvise", "msync", "mincore", "brk", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "alarm",
    "pause", "setitimer", "getitimer", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday",
    "time", "times", "getrusage", "uname", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid",
    "getresuid", "getresgid", "getgroups", "getpgrp", "getpgid", "getsid", "setsid", "umask", "getrlimit", "setrlimit",
    "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getpriority", "getcpu", "futex",
    "set_tid_address", "set_robust_list", "rseq", "arch_prctl", "exit", "exit_group", "wait4", "waitid", "select",
    "_newselect", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "eventfd", "eventfd2", "getrandom", "socketpair", "sendmsg", "recvmsg", "sendto", "recvfrom",
    "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername", "restart_syscall", "membarrier",
    "pidfd_open", "chmod", "fchmod", "fchmodat", "unlink", "unlinkat",
    "rmdir",
};

// Calls that libraries try out and do without: refused quietly, with the error that makes them do so.
static const struct {
  const char *name;
  int error;
} refused[] = {
    {"clone3", ENOSYS}, {"openat2", ENOSYS}, {"memfd_create", ENOSYS}, {"copy_file_range", ENOSYS},
    {"sendfile", ENOSYS}, {"splice", ENOSYS}, {"tee", ENOSYS}, {"preadv2", ENOSYS}, {"pwritev2", ENOSYS},
    {"futex_waitv", ENOSYS}, {"epoll_pwait2", ENOSYS}, {"fchmodat2", ENOSYS}, {"timerfd_create", EPERM},
    {"inotify_init", EPERM}, {"inotify_init1", EPERM}, {"signalfd", EPERM}, {"signalfd4", EPERM},
    {"sched_setaffinity", EPERM}, {"sched_setscheduler", EPERM}, {"sched_setparam", EPERM}, {"sched_setattr", EPERM},
    {"setpriority", EPERM}, {"ioprio_set", EPERM}, {"mlock", EPERM}, {"mlock2", EPERM}, {"mlockall", EPERM},
    {"munlock", EPERM}, {"sysinfo", EPERM}, {"get_mempolicy", EPERM}, {"set_mempolicy", EPERM}, {"mbind", EPERM},
    {"sync", EPERM}, {"syncfs", EPERM}, {"sync_file_range", EPERM}, {"chown", EPERM}, {"fchown", EPERM},
    {"lchown", EPERM}, {"fchownat", EPERM}, {"getxattr", ENOTSUP}, {"lgetxattr", ENOTSUP}, {"fgetxattr", ENOTSUP},
    {"listxattr", ENOTSUP}, {"llistxattr", ENOTSUP}, {"flistxattr", ENOTSUP}, {"setxattr", ENOTSUP},
    {"lsetxattr", ENOTSUP}, {"fsetxattr", ENOTSUP}, {"readahead", EPERM}, {"setpgid", EPERM}, {"timer_create", EPERM},
    {"get_robust_list", EPERM}, {"capget", EPERM}, {"capset", EPERM},
};

static int add(scmp_filter_ctx context, uint32_t action, const char *name, const struct scmp_arg_cmp *comparison) {
  int call = seccomp_syscall_resolve_name(name);
  if (call < 0) return 0;  // not a call of this architecture
  int result = comparison == NULL ? seccomp_rule_add(context, action, call, 0)
                                  : seccomp_rule_add_array(context, action, call, 1, comparison);
  return result == -EEXIST ? 0 : result;
}

static int build(scmp_filter_ctx context, const char **culprit) {
  int result = 0;
  for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++) {
    *culprit = allowed[i];
    result = add(context, SCMP_ACT_ALLOW, allowed[i], NULL);
  }
  for (size_t i = 0; result == 0 && i < sizeof refused / sizeof *refused; i++) {
    *culprit = refused[i].name;
    result = add(context, SCMP_ACT_ERRNO((uint16_t)refused[i].error), refused[i].name, NULL);
  }
  if (result != 0) return result;

  // Opening is free; creating is counted, so it is notified.
  const uint64_t creates = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
  struct scmp_arg_cmp opens_at = SCMP_A2_64(SCMP_CMP_MASKED_EQ, creates, 0);
  struct scmp_arg_cmp opens = SCMP_A1_64(SCMP_CMP_MASKED_EQ, creates, 0);
  // Memory that is writable may never become code: W^X for the life of the process.
  struct scmp_arg_cmp no_code = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  // Limits may be lowered on oneself alone.
  struct scmp_arg_cmp oneself = SCMP_A0_64(SCMP_CMP_MASKED_EQ, 0xffffffffu, 0);
  struct {
    const char *name;
    const struct scmp_arg_cmp *comparison;
  } conditional[] = {{"openat", &opens_at}, {"open", &opens}, {"mmap", &no_code}, {"mprotect", &no_code},
                     {"pkey_mprotect", &no_code}, {"prlimit64", &oneself}};
  for (size_t i = 0; result == 0 && i < sizeof conditional / sizeof *conditional; i++) {
    *culprit = conditional[i].name;
    result = add(context, SCMP_ACT_ALLOW, conditional[i].name, conditional[i].comparison);
  }

  // Times may be set on what is the caller's own, which the kernel asks of explicit times. "Now" it grants to whoever may
  // write, and so on the devices, whose nodes are the host's.
  const struct scmp_arg_cmp second = SCMP_A1_64(SCMP_CMP_NE, 0), third = SCMP_A2_64(SCMP_CMP_NE, 0);
  const struct scmp_arg_cmp no_second = SCMP_A1_64(SCMP_CMP_EQ, 0), no_third = SCMP_A2_64(SCMP_CMP_EQ, 0);
  struct {
    const char *name;
    const struct scmp_arg_cmp *times, *now;
  } dated[] = {{"utime", &second, &no_second}, {"utimes", &second, &no_second}, {"futimesat", &third, &no_third},
               {"utimensat", &third, &no_third}};
  for (size_t i = 0; result == 0 && i < sizeof dated / sizeof *dated; i++) {
    *culprit = dated[i].name;
    result = add(context, SCMP_ACT_ALLOW, dated[i].name, dated[i].times);
    if (result == 0) result = add(context, SCMP_ACT_ERRNO(EPERM), dated[i].name, dated[i].now);
  }

  // Terminals cannot be driven; the rest of ioctl pretends that there is no such device.
  const uint64_t requests[] = {TCGETS, FIONREAD, FIOCLEX, FIONCLEX, FIONBIO, TIOCGWINSZ};
  for (size_t i = 0; result == 0 && i < sizeof requests / sizeof *requests; i++) {
    *culprit = "ioctl";
    struct scmp_arg_cmp request = SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffffu, requests[i]);
    result = add(context, SCMP_ACT_ALLOW, "ioctl", &request);
  }
  const uint64_t options[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */, PR_GET_DUMPABLE};
  for (size_t i = 0; result == 0 && i < sizeof options / sizeof *options; i++) {
    *culprit = "prctl";
    struct scmp_arg_cmp option = SCMP_A0_64(SCMP_CMP_MASKED_EQ, 0xffffffffu, options[i]);
    result = add(context, SCMP_ACT_ALLOW, "prctl", &option);
  }
  return result;
}

int prsm_sandbox_write_filter(int descriptor, const char **culprit) {
  *culprit = "seccomp_init";
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_NOTIFY);
  if (context == NULL) {
    errno = ENOTSUP;
    return -1;
  }
  int result = build(context, culprit);
  if (result == 0) {
    *culprit = "seccomp_export_bpf";
    (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    result = seccomp_export_bpf(context, descriptor);
  }
  seccomp_release(context);
  if (result != 0) {
    errno = -result;
    return -1;
  }
  *culprit = "";
  return 0;
}

int prsm_sandbox_seccomp_number(void) { return SYS_seccomp; }

void prsm_sandbox_call_name(int call, char *name, size_t capacity) {
  char *found = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
  if (found != NULL) {
    snprintf(name, capacity, "%s", found);
    free(found);
  } else {
    snprintf(name, capacity, "call %d", call);
  }
}

static bool is(int call, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int number = seccomp_syscall_resolve_name(names[i]);
    if (number >= 0 && number == call) return true;
  }
  return false;
}

#define ONE_OF(call, ...) \
  is(call, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

prsm_sandbox_call_kind prsm_sandbox_classify(const prsm_sandbox_notification *notification) {
  int call = notification->call;
  if (call == SYS_clone) {
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_PARENT;
    return (notification->arguments[0] & namespaces) == 0 ? PRSM_SANDBOX_CALL_SPAWNS_PROCESS
                                                          : PRSM_SANDBOX_CALL_FORBIDDEN;
  }
  if (ONE_OF(call, "fork", "vfork")) return PRSM_SANDBOX_CALL_SPAWNS_PROCESS;
  if (ONE_OF(call, "open", "openat", "creat", "mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "rename",
             "renameat", "renameat2"))
    return PRSM_SANDBOX_CALL_CREATES_FILE;
  if (ONE_OF(call, "mmap", "mprotect", "pkey_mprotect")) return PRSM_SANDBOX_CALL_MAPS_CODE;
  if (ONE_OF(call, "execve", "execveat")) return PRSM_SANDBOX_CALL_EXECUTES;
  if (ONE_OF(call, "kill", "tkill", "tgkill")) return PRSM_SANDBOX_CALL_SIGNALS;
  return PRSM_SANDBOX_CALL_FORBIDDEN;
}

#else

int prsm_sandbox_write_filter(int descriptor, const char **culprit) {
  (void)descriptor;
  *culprit = "seccomp";
  errno = ENOSYS;
  return -1;
}

int prsm_sandbox_seccomp_number(void) { return -1; }

void prsm_sandbox_call_name(int call, char *name, size_t capacity) { snprintf(name, capacity, "call %d", call); }

prsm_sandbox_call_kind prsm_sandbox_classify(const prsm_sandbox_notification *notification) {
  (void)notification;
  return PRSM_SANDBOX_CALL_FORBIDDEN;
}

#endif

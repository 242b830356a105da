/* SPDX-License-Identifier: BSD-2-Clause */
#include "spawn.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../arch/breakpoints.h"
#include "../lib/signals.h"

#define EXEC_FAILED  127
#define STOP_SYSCALL (SIGTRAP | 0x80)

static _Noreturn void run_child(char *const argv[], int error_pipe)
{
	int error;

	signals_restore();
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execvp(argv[0], argv);
	error = errno;
	if (write(error_pipe, &error, sizeof(error)) < 0)
		error = 0;
	_exit(EXEC_FAILED);
}

int spawn_prepare(struct spawn *spawn, char *const argv[], struct failure *failure)
{
	int pipes[2];
	int status;

	if (pipe2(pipes, O_CLOEXEC))
		return failure_set(failure, STATUS_FAILURE, "cannot make a pipe: %s",
				   strerror(errno));
	spawn->command = argv[0];
	spawn->pid = fork();
	if (spawn->pid == 0)
		run_child(argv, pipes[1]);
	close(pipes[1]);
	spawn->error_fd = pipes[0];
	if (spawn->pid < 0)
		return failure_set(failure, STATUS_FAILURE, "cannot start a process: %s",
				   strerror(errno));
	if (waitpid(spawn->pid, &status, 0) != spawn->pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, spawn->pid, NULL,
		   (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)))
		return failure_set(failure, STATUS_FAILURE, "cannot trace the start of %s: %s",
				   argv[0], strerror(errno));
	return 0;
}

void spawn_release(struct spawn *spawn)
{
	if (spawn->error_fd > 0)
		close(spawn->error_fd);
	*spawn = (struct spawn){0};
}

/* Returns 0 where the auxiliary vector has no such entry. */
static uint64_t read_auxiliary(const struct procfs *procfs, pid_t pid, uint64_t type)
{
	Elf64_auxv_t entries[64];
	char path[128];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/%d/auxv", procfs->root, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, entries, sizeof(entries));
	close(fd);
	for (ssize_t i = 0; i < size / (ssize_t)sizeof(entries[0]); i++)
		if (entries[i].a_type == type)
			return entries[i].a_un.a_val;
	return 0;
}

enum stop { STOP_OTHER, STOP_EXEC, STOP_CODE_MAPPED, STOP_ENTRY, STOP_ENDED };

/* Tells whether the system call that just returned has mapped code. */
static bool has_mapped_code(pid_t pid, bool *mapping)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		bool maps = info.entry.nr == SYS_mmap || info.entry.nr == SYS_mprotect;

		*mapping = maps && info.entry.args[2] & PROT_EXEC;
		return false;
	}
	return info.op == PTRACE_SYSCALL_INFO_EXIT && *mapping && !info.exit.is_error;
}

static bool is_hardware_breakpoint(pid_t pid)
{
	siginfo_t info;

	return !ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) && info.si_code == TRAP_HWBKPT;
}

/* Lets the child run to its next stop; a signal for it goes along in *signal. */
static enum stop next_stop(pid_t pid, int *signal, bool *mapping)
{
	int status;

	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)*signal))
		return STOP_ENDED;
	*signal = 0;
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return STOP_ENDED;
	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
		return STOP_EXEC;
	if (WSTOPSIG(status) == STOP_SYSCALL)
		return has_mapped_code(pid, mapping) ? STOP_CODE_MAPPED : STOP_OTHER;
	if (WSTOPSIG(status) == SIGTRAP && is_hardware_breakpoint(pid))
		return STOP_ENTRY;
	if (status >> 16 == 0)
		*signal = WSTOPSIG(status);
	return STOP_OTHER;
}

static int exec_failure(const struct spawn *spawn, struct failure *failure)
{
	int error;

	if (read(spawn->error_fd, &error, sizeof(error)) != sizeof(error))
		return 0;
	return failure_set(failure, STATUS_TARGET, "cannot run %s: %s", spawn->command,
			   strerror(error));
}

static int let_go(pid_t pid)
{
	breakpoint_set(pid, 0);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

int spawn_run(struct spawn *spawn, const struct procfs *procfs, spawn_mapped_fn *mapped,
	      void *context, struct failure *failure)
{
	bool mapping = false;
	bool executed = false;
	int signal = 0;

	for (;;) {
		enum stop stop = next_stop(spawn->pid, &signal, &mapping);

		if (stop == STOP_ENDED)
			return executed ? 0 : exec_failure(spawn, failure);
		if (stop == STOP_ENTRY)
			return let_go(spawn->pid);
		if (stop == STOP_OTHER || (stop == STOP_CODE_MAPPED && !executed))
			continue;
		executed = true;
		if (mapped(context, spawn->pid, failure))
			break;
		if (stop == STOP_EXEC && !read_auxiliary(procfs, spawn->pid, AT_BASE))
			return let_go(spawn->pid);
		if (stop == STOP_EXEC &&
		    breakpoint_set(spawn->pid, read_auxiliary(procfs, spawn->pid, AT_ENTRY))) {
			failure_set(failure, STATUS_KERNEL,
				    "cannot follow the start of the command: no debug register");
			break;
		}
	}
	kill(spawn->pid, SIGKILL);
	waitpid(spawn->pid, NULL, __WALL);
	return -1;
}

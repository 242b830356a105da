// SPDX-License-Identifier: BSD-2-Clause
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int target_check_exists(const struct procfs *procfs, pid_t pid, struct failure *failure)
{
	struct process_status status;
	int error = procfs_read_status(procfs, pid, &status);

	if (error == -ESRCH || error == -ENOENT)
		return failure_set(failure, STATUS_TARGET, "there is no process %d", (int)pid);
	if (error)
		return failure_set(failure, STATUS_TARGET, "cannot read process %d: %s", (int)pid,
				   strerror(-error));
	if (status.tgid != pid)
		return failure_set(failure, STATUS_TARGET,
				   "%d is a thread of process %d; give the process", (int)pid,
				   (int)status.tgid);
	if (status.zombie)
		return failure_set(failure, STATUS_TARGET, "process %d (%s) has exited already",
				   (int)pid, status.comm);
	if (pid == getpid())
		return failure_set(failure, STATUS_TARGET, "process %d is this unfreed itself",
				   (int)pid);
	return 0;
}

/* The class byte of the executable's ELF header, ELFCLASSNONE where it cannot be read. */
static int executable_class(const struct procfs *procfs, pid_t pid)
{
	unsigned char header[EI_NIDENT] = {0};
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/exe", procfs->root, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ELFCLASSNONE;
	if (read(fd, header, sizeof(header)) != sizeof(header) || memcmp(header, ELFMAG, SELFMAG))
		header[EI_CLASS] = ELFCLASSNONE;
	close(fd);
	return header[EI_CLASS];
}

int target_check_process(const struct procfs *procfs, const struct kernel *kernel, pid_t pid,
			 struct failure *failure)
{
	struct process_status status;
	char *executable;

	if (procfs_read_status(procfs, pid, &status))
		return failure_set(failure, STATUS_TARGET, "process %d is gone", (int)pid);
	executable = procfs_read_exe(procfs, pid);
	if (!executable)
		return failure_set(failure, STATUS_TARGET,
				   "process %d (%s) has no executable: a kernel thread, or not "
				   "yours to read",
				   (int)pid, status.comm);
	free(executable);
	if (executable_class(procfs, pid) == ELFCLASS32)
		return failure_set(failure, STATUS_TARGET,
				   "process %d (%s) is a 32-bit program, which is not supported",
				   (int)pid, status.comm);
	if (kernel->return_kills_seccomp && status.seccomp)
		return failure_set(failure, STATUS_TARGET,
				   "refused: process %d (%s) runs under seccomp, and return probes "
				   "of Linux %s would kill it (CVE-2025-21834); update the kernel",
				   (int)pid, status.comm, kernel->release);
	return 0;
}

int target_check_cost(struct target_check *check, const struct procfs *procfs,
		      struct confined *confined, enum attach_kind kind, pid_t pid,
		      const struct estimate_window *window, struct failure *failure)
{
	struct mappings mappings = {0};
	int error;

	*check = (struct target_check){.allocators.linker_fd = -1};
	error = mappings_read(procfs, pid, &mappings);
	if (!error)
		error = allocators_find(procfs, confined, pid, &mappings, &check->allocators,
					&check->skipped);
	mappings_release(&mappings);
	if (error) {
		failure_set(failure, STATUS_TARGET, "cannot read the mappings of process %d: %s",
			    (int)pid, strerror(-error));
		goto failed;
	}
	if (!check->allocators.count) {
		failure_set(failure, STATUS_TARGET,
			    "found no malloc in process %d: a static executable without symbols?",
			    (int)pid);
		goto failed;
	}
	if (!estimate_make(&check->estimate, procfs, kind, pid, &check->allocators, window,
			   failure))
		return 0;
failed:
	target_check_release(check);
	return -1;
}

void target_check_release(struct target_check *check)
{
	estimate_release(&check->estimate);
	allocators_release(&check->allocators);
	free(check->skipped);
	*check = (struct target_check){.allocators.linker_fd = -1};
}

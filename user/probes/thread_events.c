/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_events.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int thread_event_open(const struct perf_event_attr *attributes, pid_t thread)
{
	struct perf_event_attr disabled = *attributes;

	disabled.size = sizeof(disabled);
	disabled.disabled = 1;
	int fd = (int)syscall(SYS_perf_event_open, &disabled, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int thread_event_run(const struct perf_event_attr *attributes, pid_t thread, int program_fd)
{
	int fd = thread_event_open(attributes, thread), error = 0;

	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program_fd) || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

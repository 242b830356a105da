/* SPDX-License-Identifier: BSD-2-Clause */
#include "supervisor.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns a socket whose other end that is; -1: there is none. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		*address.sun_path = '\0'; /* of the namespace that is no file system */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (fd < 0 || !connect(fd, (struct sockaddr *)&address, size))
		return fd;
	close(fd);
	return -1;
}

/* Unless it is meant for another process, which started us. */
static uint64_t watchdog_ns(void)
{
	const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t time_us = time ? strtoull(time, NULL, 10) : 0;
	bool is_ours = !pid || strtol(pid, NULL, 10) == getpid();

	return is_ours && time_us <= UINT64_MAX / 1000 ? time_us * 1000 : 0;
}

void supervisor_init(struct supervisor *supervisor)
{
	const char *path = getenv("NOTIFY_SOCKET");

	supervisor->fd = path ? connect_to(path) : -1;
	supervisor->watchdog_ns = supervisor->fd >= 0 ? watchdog_ns() : 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void supervisor_tell(const struct supervisor *supervisor, const char *format, ...)
{
	char text[500];
	va_list values;

	if (supervisor->fd < 0)
		return;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	send(supervisor->fd, text, strlen(text), MSG_NOSIGNAL);
}

void supervisor_release(struct supervisor *supervisor)
{
	if (supervisor->fd >= 0)
		close(supervisor->fd);
	supervisor->fd = -1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who started us, where it wants to hear how we are, as systemd does: datagrams to the socket that
 * NOTIFY_SOCKET names, and a sign of life more often than WATCHDOG_USEC. That is fixed, and its
 * manual shows it without a library, sd_notify(3); libsystemd would bring four more into a process
 * that may read all others.
 */
#ifndef UNFREED_SUPERVISOR_H
#define UNFREED_SUPERVISOR_H

#include <stdint.h>

struct supervisor {
	int fd;               /* -1: nobody wants to hear */
	uint64_t watchdog_ns; /* after so long without a sign of life we are ended; 0: never */
};

/* Takes it out of the environment: what we start is not what it waits for. */
void supervisor_init(struct supervisor *supervisor);

/* Lines such as "READY=1", cut to 500 bytes. Not heard is not told. */
void supervisor_tell(const struct supervisor *supervisor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void supervisor_release(struct supervisor *supervisor);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How long tasks waited for want of memory: PSI, of the host or of a cgroup of version 2. */
#ifndef UNFREED_PRESSURE_H
#define UNFREED_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct pressure {
	bool known;
	uint64_t some_us; /* while at least one of them waited, */
	uint64_t full_us; /* and while all did; added up since boot */
};

/* Not known where the kernel does not tell it. */
struct pressure pressure_read(const char *path);

#endif

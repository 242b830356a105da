/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a process by mappings, as the kernel accounts it: /proc/PID/smaps as an array,
 * sorted by address. Reading it costs the kernel a walk over the process's page tables (some 10 ms
 * a GiB), and touches nothing.
 */
#ifndef UNFREED_MEMORY_REGIONS_H
#define UNFREED_MEMORY_REGIONS_H

#include "../process/mappings.h"

enum region_flags {
	REGION_SHARED = 1,    /* MAP_SHARED */
	REGION_DEVICE = 2,    /* VM_IO or VM_PFNMAP: reading may have effects */
	REGION_USERFAULT = 4, /* registered with userfaultfd: a fault wakes the target's handler */
	REGION_HUGETLB = 8,
	REGION_STACK = 16, /* VM_GROWSDOWN: the main thread's stack */
	REGION_HUGE_ADVISED = 32,
	REGION_GUARDED = 64, /* has guard pages inside (MADV_GUARD_INSTALL) */
};

struct region {
	struct mapping mapping;
	uint32_t flags;              /* enum region_flags */
	uint64_t resident_bytes;     /* Rss */
	uint64_t proportional_bytes; /* Pss */
	uint64_t private_bytes;      /* Private_Clean + Private_Dirty */
	uint64_t anonymous_bytes;    /* Anonymous */
	uint64_t huge_bytes;         /* AnonHugePages */
	uint64_t swapped_bytes;      /* Swap */
};

struct regions {
	struct region *items;
	size_t count;
	size_t path_bytes; /* of all paths together */
	struct core *core; /* that they are of; NULL: of a live process */
};

/*
 * Of a core what is resident is what it holds and is not zeroes; other figures are as if all of it
 * were private.
 *
 * Returns 0 or a negative errno (-ESRCH: the process is gone). On failure `regions` is empty.
 */
int regions_read(const struct procfs *procfs, pid_t pid, struct regions *regions);
void regions_release(struct regions *regions);

/* The first one that ends behind an address; regions->count where there is none. */
size_t regions_from(const struct regions *regions, uint64_t address);

/* NULL where the address is not mapped. */
const struct region *regions_find(const struct regions *regions, uint64_t address);

/* Whether a look may read resident pages of it: readable, no device, no userfaultfd. */
bool region_may_be_read(const struct region *region);

/* Whether it holds what a program computed: writable, private, and may be read. */
bool region_is_data(const struct region *region);

/* Whether it is writable data of a program or library: its file's, or the zeroed rest behind it. */
bool region_is_module_data(const struct regions *regions, size_t index);

/* Whether Go's heap is among them: where it lays that out, or by the name that it gives it. */
bool regions_have_go_heap(const struct regions *regions);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program goes on which site of an allocator.
 */
#ifndef UNFREED_INSTALL_H
#define UNFREED_INSTALL_H

#include "../allocators/allocators.h"
#include "keeper.h"

/* Functions that are called often, by alloc_function_number(). */
struct frequent {
	bool of[ALLOC_FUNCTIONS_MAX];
};

/* Descriptors of the loaded programs. */
struct probe_programs {
	enum attach_kind kind;
	const struct frequent
		*frequent; /* probed in windows alone; NULL: all probes stay in place */
	int alloc_session; /* session only */
	int alloc_enter;   /* multi and perf */
	int alloc_return;
	bool direct; /* use the direct sites (direct.h) that were found */
	int alloc_direct;
	int alloc_note;
	int throwing_enter;
	int throwing_return;
	int free_enter;
	int library_loaded;
};

/*
 * Puts probes on every function of an allocator in one process, or (pid 0) in all. Those that close
 * blocks come first: a block must not be seen born and not seen freed. Returns 0, and a group of the
 * keeper's in *group, or a negative errno; on failure nothing stays attached.
 */
int allocator_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		      const struct allocator *allocator, uint32_t *group);

/* Puts a probe on the dynamic linker's rendezvous function, where it is known; *group as above. */
int linker_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		   const struct allocators *allocators, uint32_t *group);

#endif

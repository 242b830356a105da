/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program goes on which site of an allocator.
 *
 * A function that has direct sites gets them, and, until these are proven (proofs.h), probes at its
 * entry and return too: each in a group of its own, so that either can go.
 */
#ifndef UNFREED_INSTALL_H
#define UNFREED_INSTALL_H

#include "../allocators/allocators.h"
#include "keeper.h"
#include "proofs.h"

/* Functions that are called often, by alloc_function_number(). */
struct frequent {
	bool of[ALLOC_FUNCTIONS_MAX];
};

/* Descriptors of the loaded programs. */
struct probe_programs {
	enum attach_kind kind;
	const struct frequent
		*frequent; /* probed in windows alone; NULL: all probes stay in place */
	enum sites_choice sites;
	struct proofs *proofs;
	int alloc_session; /* session only */
	int alloc_enter;   /* multi and perf */
	int alloc_return;
	int alloc_direct;
	int alloc_note;
	int throwing_enter;
	int throwing_return;
	int free_enter;
	int library_loaded;
};

/* Groups of the keeper's; 0: none, or none any more. */
struct installed_function {
	uint32_t number; /* proofs_number() */
	uint32_t entries;
	uint32_t direct;
};

/* What was put in place for an allocator. Zeroed: nothing. */
struct installed {
	uint32_t group; /* what is not on trial */
	struct installed_function *functions;
	size_t function_count;
};

/*
 * Puts probes on every function of an allocator in one process, or (pid 0) in all. Those that close
 * blocks come first: a block must not be seen born and not seen freed. Returns 0 or a negative
 * errno; on failure nothing stays attached.
 */
int allocator_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		      const struct allocator *allocator, struct installed *installed);

/* Has those taken out that have nothing to do any more. */
void installed_settle(struct installed *installed, struct keeper *keeper,
		      const struct proofs *proofs);

/* Has all taken out, and is zeroed. */
void installed_remove(struct installed *installed, struct keeper *keeper);

/* Forgets what there is, which goes with the keeper. */
void installed_release(struct installed *installed);

/* Puts a probe on the dynamic linker's rendezvous function, where it is known, in a new group. */
int linker_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		   const struct allocators *allocators, uint32_t *group);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions whose direct sites are on trial, see bpf/proof.h: by the code that they are, so that
 * what was shown in one process is known for all that run the same file.
 *
 * The programs compare, and decide. Here is when which probes may go: those at entry and return a
 * while after the sites were proven, so that calls which began before are over.
 */
#ifndef UNFREED_PROOFS_H
#define UNFREED_PROOFS_H

#include "../../bpf/proof.h"
#include "../allocators/allocators.h"

/* Where calls of functions that have direct sites are seen. */
enum sites_choice {
	SITES_AUTO,   /* there, once they are proven */
	SITES_DIRECT, /* there, from the first call on */
	SITES_ENTRY,  /* at entry and return */
	SITES_BOTH,   /* likewise; there is compared with it, for good */
	SITES_CHOICES
};

const char *sites_choice_name(enum sites_choice choice);

struct proofs;

/* `memory` is what programs see, of PROOFS. NULL on out of memory. */
struct proofs *proofs_new(struct proof *memory);
void proofs_free(struct proofs *proofs);

/* The number of a function of an allocator, for cookies; 0: there are too many. */
uint32_t proofs_number(struct proofs *proofs, const struct allocator *allocator,
		       const struct alloc_function *function);

enum proof_state proofs_state(const struct proofs *proofs, uint32_t number);

/* All its probes are in place, in some process. */
void proofs_begin(struct proofs *proofs, uint32_t number);

/* Whether probes at its entry and return have nothing to do any more. */
bool proofs_entries_done(const struct proofs *proofs, uint32_t number);

/* To be called every now and then, with the time by CLOCK_MONOTONIC. */
void proofs_poll(struct proofs *proofs, uint64_t now_ns);

/* What came of one. */
struct proof_end {
	const char *path; /* of the file; the proofs' own */
	const struct alloc_function *function;
	enum proof_state state;
	uint64_t compared;       /* calls */
	const char *differences; /* where it failed: in what; static */
};

/* The next that is over and was not told yet; or, where nothing is compared any more (`all`),
 * also one that was under way. */
bool proofs_next_end(struct proofs *proofs, bool all, struct proof_end *end);

#endif

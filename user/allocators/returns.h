/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to see that a function ends, without a return probe: at its `ret`s, or short of them. A
 * `ret` is single-stepped on x86-64. The branch by which a call comes to it is emulated, and
 * where nothing happens in between but that registers are copied and restored, its result is in
 * a register there already.
 */
#ifndef UNFREED_RETURNS_H
#define UNFREED_RETURNS_H

#include "code_walk.h"
#include "sites.h"

struct returns_request {
	const struct alloc_function *function;
	uint64_t entry;      /* offset of the function in the code */
	uint64_t entry_site; /* file offset of the probe at its entry, which is no place for another
				one; CODE_NOWHERE: there is none */
	bool before_jumps;   /* a jump without a condition is no site: what leads to it is */
	bool before_forks; /* nor is a branch that leads to a `ret` on both sides, with one result */
};

/*
 * Finds sites such that each call of the function that returns something else than 0 is seen at
 * exactly one of them, as its cookie says (PROBE_PLACE). `walk` is what is reached from its entry.
 * Fills at most `max` sites; a conditional branch that leads to a `ret` on both sides is in two.
 * Where a `ret` cannot be done without, it is the site itself; one that other functions reach
 * too is among them (tcmalloc's malloc and operator new leave by the same one), so that only a hit
 * with the stack pointer of the function's entry counts. Returns how many there are, or -ENOMEM.
 * *complete is false where the function may also leave by a way that cannot be followed (an
 * indirect jump): then a caller must not rely on seeing each return.
 */
int returns_find(const struct code_walk *walk, const struct returns_request *request,
		 struct site *sites, size_t max, bool *complete);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where exactly to put a probe. The kernel emulates a few instructions and single-steps all others
 * at 10 to 60 times the cost, so that the choice of the instruction decides what tracing costs.
 *
 * The rule: decode from the function's entry, at most 64 bytes (jemalloc's free has its first
 * branch at 48); take the first emulated instruction, provided that nothing skipped writes the
 * stack pointer or loses an argument that the program reads, and nothing branches in between
 * (neither out of the skipped code nor into it). At such a site *(sp) is still the return address,
 * so that a return probe works there too.
 */
#ifndef UNFREED_SITES_H
#define UNFREED_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "code.h"
#include "functions.h"

enum site_kind {
	SITE_EMULATED,     /* push, nop, jcc, jmp, call: cheap on every kernel */
	SITE_EMULATED_NOP, /* a multi-byte nop: cheap from about Linux 6.16 on, stepped before */
	SITE_STEPPED,      /* single-stepped out of line */
};

const char *site_kind_name(enum site_kind kind); /* "emulated", "emulated nop", "single-stepped" */

struct site {
	const struct alloc_function *function;
	uint64_t cookie;      /* the function's, with the arguments as they are held at the site */
	uint64_t file_offset; /* of the probed instruction */
	uint32_t skipped;     /* bytes from the function's entry */
	enum site_kind kind;
	char instruction[80]; /* as the disassembler writes it */
};

/*
 * Chooses the site for a function whose code is `code[size]` (as long as its symbol says, or 64
 * bytes) at `file_offset`. Always fills `site`; where no cheap instruction qualifies, it is the
 * entry itself, stepped (or the first instruction behind it that every kernel accepts).
 */
void site_choose(const struct alloc_function *function, const uint8_t *code, size_t size,
		 uint64_t file_offset, struct site *site);

/*
 * Finds the `ret` instructions by which a function returns, tail jumps to other functions of the
 * same code followed, those through the GOT included. `entry` is the function's offset in `code`.
 * Fills at most `max` sites; a `ret` that other functions reach too is among them (tcmalloc's
 * malloc and operator new leave by the same one), so that only a hit with the stack pointer of an
 * operator new's entry counts. Returns how many there are, or -ENOMEM. *complete
 * is false where the function may also leave by a way that cannot be followed (an indirect jump):
 * then a caller must not rely on seeing each return.
 */
int sites_find_returns(const struct alloc_function *function, const struct code *code,
		       uint64_t entry, struct site *sites, size_t max, bool *complete);

#endif

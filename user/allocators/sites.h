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

/* What a probe is there for. */
enum site_role {
	ROLE_CALL,   /* the function is entered: the call is seen there and where it returns */
	ROLE_END,    /* a call of one that may throw ends here */
	ROLE_DIRECT, /* a call is seen here as a whole: direct.h */
	ROLE_NOTE,   /* on the way to a direct site that does not have the size: here it is known */
	ROLE_COUNT,
};

const char *site_kind_name(enum site_kind kind); /* "emulated", "emulated nop", "single-stepped" */

struct site {
	const struct alloc_function *function;
	uint64_t cookie; /* the function's, with the arguments as they are held at the site; where
				 the function ends, what a call looks like there (PROBE_PLACE) */
	uint64_t file_offset; /* of the probed instruction */
	uint32_t skipped;     /* bytes from the function's entry, modulo 2^32 */
	enum site_kind kind;
	enum site_role role;
	char instruction[80]; /* as the disassembler writes it */
};

/*
 * Chooses the site for a function whose code is `code[size]` (as long as its symbol says, or 64
 * bytes) at `file_offset`. Always fills `site`; where no cheap instruction qualifies, it is the
 * entry itself, stepped (or the first instruction behind it that every kernel accepts).
 */
void site_choose(const struct alloc_function *function, const uint8_t *code, size_t size,
		 uint64_t file_offset, struct site *site);

/* An instruction of the function as a site; offsets are those of its code. */
void site_fill(const struct alloc_function *function, uint64_t code_file_offset, uint64_t entry,
	       uint64_t cookie, const struct instruction *instruction, struct site *site);

#endif

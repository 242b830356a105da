/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one ELF file has to do with allocation, and where its probes would go.
 */
#ifndef UNFREED_SURVEY_H
#define UNFREED_SURVEY_H

#include "../confine/confined.h"
#include "sites.h"

/* A function that may throw, and that is not seen at each of its returns. */
struct survey_gap {
	const struct alloc_function *function;
	bool some; /* at some of them; else at none, and it has no entry site either */
};

struct survey {
	const char *kind; /* as struct allocator has it */
	struct site *entry_sites;
	size_t entry_count; /* 0: no allocator */
	struct site *return_sites;
	size_t return_count;
	struct site *direct_sites; /* of functions that can do without entry and return: direct.h */
	size_t direct_count;
	struct survey_gap *gaps;
	size_t gap_count;
	const char *hidden;    /* an allocator in it whose functions have no names; NULL */
	uint64_t linker_hook;  /* file offset of a site on the dynamic linker's rendezvous
				  function; 0: none */
	uint64_t linker_state; /* from that site to r_debug.r_state in memory; 0: not known */
};

/*
 * Reads a file in this process. A file that is no ELF file at all gives an empty survey. Returns 0
 * or a negative errno: -ENOEXEC: damaged; -ENOTSUP: not for 64-bit x86; -EFBIG: a part exceeds the
 * limits; -ENOMEM.
 */
int survey_read(int fd, struct survey *survey);

/*
 * The same in the confined process. Of what comes back each function, kind, cookie and text is
 * checked; offsets are not: that they lie in code only the mappings can tell. Returns as
 * survey_read or confined_call.
 */
int survey_request(struct confined *confined, int fd, struct survey *survey);

void survey_release(struct survey *survey);

/* On the way between processes. Return 0, -ENOMEM or -EPROTO; then there is nothing to release. */
int survey_encode(const struct survey *survey, struct confined_answer *answer);
int survey_decode(const struct confined_answer *answer, struct survey *survey);

#endif

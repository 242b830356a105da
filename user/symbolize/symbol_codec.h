/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses on their way to the confined process, and names on their way back.
 *
 *   question: text path, array of u64 offsets
 *   answer:   for each offset
 *               u64 vaddr, u32 symbols, and for each symbol
 *                 u32 line, u8 flags, text name, text linkage name, text file
 *
 * Neither side trusts the other: every length is checked against what is left and against the
 * limits here.
 */
#ifndef UNFREED_SYMBOL_CODEC_H
#define UNFREED_SYMBOL_CODEC_H

#include "symbolizer.h"

#define SYMBOL_PATH_MAX   4096u
#define SYMBOL_ANSWER_MAX (32u << 20)

struct symbol_question {
	char path[SYMBOL_PATH_MAX + 1];
	uint64_t offsets[SYMBOL_OFFSETS_MAX];
	size_t offset_count;
};

/*
 * Encodes at most SYMBOL_OFFSETS_MAX offsets, and as much of the path as fits, into a malloc'd
 * buffer. Returns 0 or -ENOMEM.
 */
int symbol_question_encode(const char *path, const uint64_t *offsets, size_t count, void **data,
			   size_t *length);

/* Returns 0 or -EPROTO. */
int symbol_question_decode(const void *data, size_t length, struct symbol_question *question);

/*
 * Encodes lists into at most SYMBOL_ANSWER_MAX bytes. Names and inlined frames that no longer fit
 * are left out. Returns 0 or -ENOMEM.
 */
int symbol_lists_encode(const struct symbol_list *lists, size_t count,
			struct confined_answer *answer);

/*
 * Decodes what symbol_lists_encode made. Returns 0, -EPROTO or -ENOMEM; on failure the lists are
 * empty.
 */
int symbol_lists_decode(const struct confined_answer *answer, struct symbol_list *lists,
			size_t count);

#endif

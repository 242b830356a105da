/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A question to the confined process about the bytes of a binary: where these lie, and words. It is
 * in the file's own addresses, as is the answer: so it is the same for each process, wherever that
 * has the file mapped, and need not be asked again (confine/kept.h).
 */
#ifndef UNFREED_PYTHON_BINARY_CODEC_H
#define UNFREED_PYTHON_BINARY_CODEC_H

#include "binary.h"

enum { QUESTION_WORDS = 4 };

struct binary_question {
	struct elf_segment segments[BINARY_SEGMENTS_MAX];
	uint64_t segment_count;
	uint64_t words[QUESTION_WORDS];
};

/*
 * Asks a process that has read no other file, as probes go where the answers say. The first words
 * are so many addresses, of the process; 0: none. Returns as confined_call.
 */
int binary_ask(const struct python_binary *binary, confined_fn *function,
	       const uint64_t words[QUESTION_WORDS], size_t addresses,
	       struct confined_answer *answer);

/* An address of the process as the file has it, and back; 0 stays 0. */
uint64_t binary_to_file(const struct python_binary *binary, uint64_t address);
uint64_t binary_from_file(const struct python_binary *binary, uint64_t address);

/* As confined_settle. */
int binary_settle(const struct python_binary *binary, struct confined_answer *answer, int error);

/* In the confined process: what was asked, and about what. `binary` needs no release. */
int binary_asked(int fd, const void *input, size_t length, struct python_binary *binary,
		 uint64_t words[QUESTION_WORDS]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which variable of C, C++ or Rust lies at an address of a process, by the symbol table of the file
 * that is mapped there: the way back of variable.h. The file is the target's, and is read in the
 * confined process.
 *
 * Descriptors stay the caller's. Each function returns 0 or a negative errno, as confined_call has
 * it.
 */
#ifndef UNFREED_VARIABLE_NAMES_H
#define UNFREED_VARIABLE_NAMES_H

#include <stdbool.h>

#include "variable.h"

struct variable_place {
	uint64_t address; /* in the process; of a thread-local one, from the block's beginning on */
	uint64_t code_start;       /* of the file's first executable mapping */
	uint64_t code_file_offset; /* likewise */
	uint64_t is_thread_local;
};

struct variable_cover {
	uint64_t start; /* as the place has it */
	uint64_t end;
	char name[VARIABLE_NAME_MAX]; /* readable */
};

/* -ENOENT: no symbol covers it. -ERANGE: it lies behind what the file has in memory. */
int variable_name_at(struct confined *confined, int fd, const struct variable_place *place,
		     struct variable_cover *cover);

/* Thread-local variables of a file. */
struct thread_local_block {
	uint64_t bytes; /* with what aligns it; 0: it has none */
	uint64_t end;   /* of the variables in it */
};
int thread_local_block_read(struct confined *confined, int fd, struct thread_local_block *block);

#endif

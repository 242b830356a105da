/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked about a file, told from every other question. A file is known by its numbers, its
 * size, and when it was changed.
 */
#ifndef UNFREED_QUESTION_H
#define UNFREED_QUESTION_H

#include <sys/stat.h>

#include "confined.h"

/* Questions are the same where all their bytes are. */
struct question {
	uint64_t bytes; /* of all of it */
	uint64_t function;
	uint64_t need;
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	uint64_t modified_ns;
	uint64_t changed_ns;
	uint8_t input[];
};

/* malloc'd; NULL on out of memory. */
struct question *question_of(const struct confined_call *call, const struct stat *file);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Garbage in memory that is streamed: of each type that takes part in collections some objects are
 * followed back, and judged (chain_garbage.c). What is told of a type is that share of it.
 */
#ifndef UNFREED_PYTHON_OBJECTS_GARBAGE_STREAMED_H
#define UNFREED_PYTHON_OBJECTS_GARBAGE_STREAMED_H

#include "chains.h"

/* Some objects of each type. */
struct type_samples {
	struct type_sample *items; /* by index of the type, as far as there is room */
	size_t max;
};

/* Returns 0 or -ENOMEM. */
int type_samples_init(struct type_samples *samples, uint64_t bytes);
void type_samples_release(struct type_samples *samples);
void type_samples_begin(struct type_samples *samples);
void type_samples_see(struct type_samples *samples, uint64_t address, uint32_t type);

/* Adds them to the chains that are to be looked for; of types with fewer than some objects none. */
void type_samples_choose(const struct type_samples *samples, struct chains *chains);

/* The share of a type's samples that are garbage; how many were judged in *judged. */
double type_samples_garbage(const struct type_samples *samples, const struct chains *chains,
			    uint32_t type, size_t *judged);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Some of very many objects, each as likely as any other: those whose address, as a hash, is below
 * a limit, which is halved whenever there are too many. So it is the same ones at each look.
 */
#ifndef UNFREED_PYTHON_OBJECTS_SAMPLER_H
#define UNFREED_PYTHON_OBJECTS_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampled {
	uint64_t address;
	uint32_t type;
};

struct sampler {
	struct sampled *items; /* as they were seen */
	size_t count;
	size_t max;
	uint64_t limit;
	uint64_t seen; /* objects, taken or not */
};

/* Returns 0 or -ENOMEM. */
int sampler_init(struct sampler *sampler, size_t max);
void sampler_release(struct sampler *sampler);

void sampler_see(struct sampler *sampler, uint64_t address, uint32_t type);

/* A number for an address, all numbers as likely. */
uint64_t sampler_hash(uint64_t address);

#endif

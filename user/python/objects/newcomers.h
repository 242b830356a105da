/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that were not there at the first look, in memory that is streamed. Which ones were there
 * is two bits for each, by hashes of address and type: some newcomers are taken for old, none of
 * those that were there for new. Of many newcomers some are followed from look to look, always the
 * same ones: what fills up stays, what comes and goes does not.
 */
#ifndef UNFREED_PYTHON_OBJECTS_NEWCOMERS_H
#define UNFREED_PYTHON_OBJECTS_NEWCOMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct newcomer {
	uint64_t address;
	uint32_t type;
	uint16_t born; /* look at which it was seen first, the first one being 0 */
	uint16_t seen; /* and last */
};

struct newcomers {
	uint64_t *bits;
	uint64_t bit_count; /* a power of two */
	uint64_t bits_set;
	struct newcomer *items;
	size_t count;
	size_t max;
	uint32_t *slots; /* index + 1, by address */
	size_t slot_count;
	uint64_t limit; /* of the hash of those that are followed */
	uint16_t looks;
};

/* Takes about so much memory. Returns 0 or -ENOMEM. */
int newcomers_init(struct newcomers *newcomers, uint64_t bytes);
void newcomers_release(struct newcomers *newcomers);

/* A look begins: those that the one before did not see are forgotten. */
void newcomers_begin(struct newcomers *newcomers);

/* Takes an object of a look. Returns whether it was there at the first one. */
bool newcomers_see(struct newcomers *newcomers, uint64_t address, uint32_t type);

/* Whether an object of a pool was not there at the first look. */
bool newcomers_is_new(const struct newcomers *newcomers, uint64_t address, uint32_t type);

/* Whether one that is followed was there at two looks. */
bool newcomers_stayed(const struct newcomers *newcomers, const struct newcomer *newcomer);

/* How many newcomers each one that is followed stands for. */
double newcomers_weight(const struct newcomers *newcomers);

#endif

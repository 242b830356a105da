/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address ranges that may nest, each with an index of the caller's; the innermost is found.
 */
#ifndef UNFREED_CODE_RANGES_H
#define UNFREED_CODE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_range {
	uint64_t start;
	uint64_t end;
	uint64_t reach; /* the farthest end up to and with this one */
	size_t index;
};

struct code_ranges {
	struct code_range *items;
	size_t count;
	size_t capacity;
};

/* Empty ranges are left out. Returns 0 or -ENOMEM. */
int code_ranges_add(struct code_ranges *ranges, uint64_t start, uint64_t end, size_t index);

/* To be called after the last add, before the first find. */
void code_ranges_sort(struct code_ranges *ranges);

/* Returns false where no range covers the address. */
bool code_ranges_find(const struct code_ranges *ranges, uint64_t address, size_t *index);

void code_ranges_release(struct code_ranges *ranges);

#endif

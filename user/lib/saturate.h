/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums that stop at the largest value: a wrong small number would look like a right one. */
#ifndef UNFREED_SATURATE_H
#define UNFREED_SATURATE_H

#include <stdint.h>

static inline uint64_t saturating_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in copied memory, at any offset: what is there is the target's, and seldom aligned. */
#ifndef UNFREED_BYTES_H
#define UNFREED_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bytes_u64(const void *bytes, size_t offset)
{
	uint64_t number;

	memcpy(&number, (const uint8_t *)bytes + offset, sizeof(number));
	return number;
}

static inline uint32_t bytes_u32(const void *bytes, size_t offset)
{
	uint32_t number;

	memcpy(&number, (const uint8_t *)bytes + offset, sizeof(number));
	return number;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* FNV-1a (Fowler, Noll, Vo), 64 bits, of bytes one after another. Not for
 * what an enemy may choose. */
#ifndef UNFREED_HASH_H
#define UNFREED_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FNV_SEED UINT64_C(0xcbf29ce484222325)

/* Goes on with a hash, FNV_SEED at first. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static inline uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_bytes(hash, text, strlen(text));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading bytes that nobody vouches for: each read checks its bounds, gives 0 beyond them and
 * remembers that it did.
 */
#ifndef UNFREED_CURSOR_H
#define UNFREED_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool overrun;
};

static inline size_t cursor_left(const struct cursor *cursor)
{
	return cursor->end - cursor->at;
}

static inline const uint8_t *cursor_skip(struct cursor *cursor, uint64_t bytes)
{
	const uint8_t *at = cursor->at;

	if (bytes > cursor_left(cursor)) {
		cursor->overrun = true;
		cursor->at = cursor->end;
		return NULL;
	}
	cursor->at += bytes;
	return at;
}

#define CURSOR_READ(name, type)                                        \
	static inline type cursor_##name(struct cursor *cursor)        \
	{                                                              \
		const uint8_t *at = cursor_skip(cursor, sizeof(type)); \
		type value = 0;                                        \
                                                                       \
		if (at)                                                \
			memcpy(&value, at, sizeof(value));             \
		return value;                                          \
	}

CURSOR_READ(u8, uint8_t)
CURSOR_READ(u16, uint16_t)
CURSOR_READ(u32, uint32_t)
CURSOR_READ(u64, uint64_t)
#undef CURSOR_READ

/* LEB128; bits beyond the 64th are dropped. */
static inline uint64_t cursor_uleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t byte = cursor_u8(cursor);

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80) || cursor->overrun)
			return value;
	}
}

static inline int64_t cursor_sleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t byte = cursor_u8(cursor);

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80 && !cursor->overrun)
			continue;
		if (shift < 57 && byte & 0x40)
			value |= ~0ull << (shift + 7);
		return (int64_t)value;
	}
}

#endif

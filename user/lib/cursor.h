/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading bytes that nobody vouches for: each read checks its bounds, gives 0 beyond them and
 * remembers that it did. What an encoder (encoder.h) wrote is read with it, too.
 */
#ifndef UNFREED_CURSOR_H
#define UNFREED_CURSOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool overrun;
};

static inline struct cursor cursor_of(const void *bytes, size_t size)
{
	return (struct cursor){.at = bytes, .end = (const uint8_t *)bytes + size};
}

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

/* Bytes into a buffer, all zeroes where there are not so many. */
static inline void cursor_bytes(struct cursor *cursor, void *buffer, size_t size)
{
	const uint8_t *at = cursor_skip(cursor, size);

	if (!at)
		memset(buffer, 0, size);
	else if (size)
		memcpy(buffer, at, size);
}

/* --- what an encoder wrote --- */

/* How many items of at least `size` bytes follow, not more than `most`; else 0 and an overrun. */
static inline size_t cursor_count(struct cursor *cursor, size_t most, size_t size)
{
	uint64_t count = cursor_u64(cursor);

	if (count <= most && count <= cursor_left(cursor) / size)
		return count;
	cursor->overrun = true;
	return 0;
}

/*
 * An array of at most `most` items, for the caller to free; NULL where it has none. Returns 0,
 * -ENOMEM or -EPROTO.
 */
static inline int cursor_array(struct cursor *cursor, void *items, size_t *count, size_t most,
			       size_t size)
{
	void **array = items;

	*count = cursor_count(cursor, most, size);
	*array = *count ? malloc(*count * size) : NULL;
	if (*count && !*array) {
		*count = 0;
		return -ENOMEM;
	}
	if (*count)
		cursor_bytes(cursor, *array, *count * size);
	return cursor->overrun ? -EPROTO : 0;
}

/* Text of at most `most` bytes, and a NUL behind it; NULs inside end it. */
static inline void cursor_text(struct cursor *cursor, char *text, size_t most)
{
	uint32_t length = cursor_u32(cursor);

	if (length > most)
		cursor->overrun = true;
	else
		cursor_bytes(cursor, text, length);
	text[cursor->overrun ? 0 : length] = '\0';
}

/* Behind the last: 0, or -EPROTO where something was missing or is left. */
static inline int cursor_end(const struct cursor *cursor)
{
	return cursor->overrun || cursor_left(cursor) ? -EPROTO : 0;
}

/* --- variable length --- */

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

/* SPDX-License-Identifier: BSD-2-Clause */
#include "encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 512 };

static bool reserve(struct encoder *encoder, size_t size)
{
	size_t needed = encoder->length + size, capacity = 2 * encoder->capacity + CAPACITY_MIN;
	void *grown;

	if (encoder->failed || size > SIZE_MAX / 2 - encoder->length)
		return false;
	if (needed <= encoder->capacity)
		return true;
	if (capacity < needed)
		capacity = needed;
	grown = realloc(encoder->bytes, capacity);
	if (!grown)
		return false;
	encoder->bytes = grown;
	encoder->capacity = capacity;
	return true;
}

void encode_bytes(struct encoder *encoder, const void *bytes, size_t size)
{
	if (!reserve(encoder, size)) {
		encoder->failed = true;
		return;
	}
	if (size)
		memcpy((char *)encoder->bytes + encoder->length, bytes, size);
	encoder->length += size;
}

void encode_array(struct encoder *encoder, const void *items, size_t count, size_t size)
{
	encode_u64(encoder, count);
	encode_bytes(encoder, items, count * size);
}

void encode_text(struct encoder *encoder, const char *text, size_t length)
{
	encode_u32(encoder, (uint32_t)length);
	encode_bytes(encoder, text, length);
}

void encode_u64(struct encoder *encoder, uint64_t value)
{
	encode_bytes(encoder, &value, sizeof(value));
}

void encode_u32(struct encoder *encoder, uint32_t value)
{
	encode_bytes(encoder, &value, sizeof(value));
}

void encode_u8(struct encoder *encoder, uint8_t value)
{
	encode_bytes(encoder, &value, sizeof(value));
}

int encoder_take(struct encoder *encoder, void **bytes, size_t *length)
{
	int error = encoder->failed ? -ENOMEM : 0;

	if (error)
		free(encoder->bytes);
	*bytes = error ? NULL : encoder->bytes;
	*length = error ? 0 : encoder->length;
	*encoder = (struct encoder){};
	return error;
}

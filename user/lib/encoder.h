/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes what a cursor (cursor.h) reads: values one behind the other, in the byte order and the
 * layout of this program, so for another process of the same program.
 *
 * A failure to get memory is remembered: what follows is dropped, and encoder_take says so.
 */
#ifndef UNFREED_ENCODER_H
#define UNFREED_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder {
	void *bytes;
	size_t length;
	size_t capacity;
	bool failed;
};

void encode_bytes(struct encoder *encoder, const void *bytes, size_t size);

/* How many items, and these. */
void encode_array(struct encoder *encoder, const void *items, size_t count, size_t size);

/* How many bytes, and these. */
void encode_text(struct encoder *encoder, const char *text, size_t length);

void encode_u64(struct encoder *encoder, uint64_t value);
void encode_u32(struct encoder *encoder, uint32_t value);
void encode_u8(struct encoder *encoder, uint8_t value);

/* What was written, for the caller to free. Returns 0 or -ENOMEM; then there is none. */
int encoder_take(struct encoder *encoder, void **bytes, size_t *length);

#endif

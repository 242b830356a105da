/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes to the confined process and comes back.
 *
 *   request: struct wire_request, path, offsets
 *   answer:  for each offset
 *              u64 vaddr, u32 symbols, and for each symbol
 *                u32 line, u8 flags, u32 length + bytes of the name, likewise of the linkage name
 *                and of the file
 *
 * Neither side trusts the other: every length is checked against what is left and against the
 * limits here.
 */
#ifndef UNFREED_WIRE_H
#define UNFREED_WIRE_H

#include "symbolizer.h"

#define WIRE_OFFSETS_MAX 4096u
#define WIRE_PATH_MAX    4096u
#define WIRE_REPLY_MAX   (32u << 20)
#define WIRE_REQUEST_MAX \
	(sizeof(struct wire_request) + WIRE_PATH_MAX + WIRE_OFFSETS_MAX * sizeof(uint64_t))

struct wire_request {
	uint32_t path_length; /* without a terminating NUL */
	uint32_t offset_count;
};

/* What a request says; the offsets may lie at any address. */
struct wire_question {
	char path[WIRE_PATH_MAX + 1];
	uint64_t offsets[WIRE_OFFSETS_MAX];
	size_t offset_count;
};

/*
 * Encodes at most WIRE_OFFSETS_MAX offsets into `data`, which has room for WIRE_REQUEST_MAX bytes;
 * a longer path is cut. Returns the length.
 */
size_t wire_encode_request(const char *path, const uint64_t *offsets, size_t count, void *data);

/* Returns 0 or -EPROTO. */
int wire_decode_request(const void *data, size_t length, struct wire_question *question);

/*
 * Encodes lists into a malloc'd buffer of at most WIRE_REPLY_MAX bytes. Names and inlined frames
 * that no longer fit are left out. Returns 0 or -ENOMEM.
 */
int wire_encode_lists(const struct symbol_list *lists, size_t count, void **data, size_t *length);

/*
 * Decodes what wire_encode_lists made. Returns 0, -EPROTO or -ENOMEM; on failure the lists are
 * empty.
 */
int wire_decode_lists(const void *data, size_t length, struct symbol_list *lists, size_t count);

#endif

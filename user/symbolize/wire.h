/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the symbolizer and its helper process, over a stream socket.
 *
 *   request: struct wire_request with the ELF file as SCM_RIGHTS, path, offsets
 *   reply:   struct wire_reply, then for each offset
 *              u64 vaddr, u32 symbols, and for each symbol
 *                u32 line, u8 flags, u32 length + bytes of the name, likewise of the file
 *
 * Both sides are one program on one machine, so numbers are in its byte order. Neither side trusts
 * the other: every length is checked against what is left and against the limits here.
 */
#ifndef UNFREED_WIRE_H
#define UNFREED_WIRE_H

#include "symbolizer.h"

#define WIRE_MAGIC       0x756e6672u
#define WIRE_OFFSETS_MAX 4096u
#define WIRE_PATH_MAX    4096u
#define WIRE_REPLY_MAX   (32u << 20)

struct wire_request {
	uint32_t magic;
	uint32_t path_length; /* without a terminating NUL */
	uint32_t offset_count;
	uint32_t reserved;
};

struct wire_reply {
	uint32_t magic;
	int32_t status; /* 0 or a negative errno; then there are no lists */
	uint32_t length;
	uint32_t reserved;
};

bool wire_request_valid(const struct wire_request *request);
bool wire_reply_valid(const struct wire_reply *reply);

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

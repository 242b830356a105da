/* SPDX-License-Identifier: BSD-2-Clause */
#include "value_now.h"

#include "entry_bytes.h"

enum { HEAD_BYTES = 64, TRIES = 3 };

/* What tells how long it is, which may be outside of it. */
static void refresh_head(struct object_reader *reader, uint64_t address, uint32_t type)
{
	view_refresh(reader->view, address - reader->types->items[type].header_bytes, HEAD_BYTES);
	if (reader->types->items[type].kind == KIND_DICT)
		view_refresh(reader->view, object_word(reader, address + DICT_KEYS), HEAD_BYTES);
	if (reader->types->items[type].kind != KIND_NDARRAY)
		return;
	view_refresh(reader->view, object_word(reader, address + NDARRAY_SHAPE), HEAD_BYTES);
	view_refresh(reader->view, object_word(reader, address + NDARRAY_STRIDES), HEAD_BYTES);
	view_refresh(reader->view, object_word(reader, address + NDARRAY_DATA) - 16, 16);
}

uint64_t value_read(struct object_reader *reader, uint64_t slot, uint32_t type,
		    struct value_now *now)
{
	for (int i = 0; i < TRIES; i++) {
		view_refresh(reader->view, slot, 8);
		uint64_t address = object_word(reader, slot);

		view_refresh(reader->view, address, OBJECT_SIZE);
		if (object_type_at(reader, address) != type)
			continue;
		refresh_head(reader, address, type);
		*now = (struct value_now){
			.address = address,
			.bytes = object_bytes(reader, address, type) +
				 object_payload(reader, address, type),
			.length = object_length(reader, address, type),
		};
		now->entry_bytes = object_own_entry_bytes(reader, address, type, now->length);
		view_refresh(reader->view, slot, 8);
		if (object_word(reader, slot) == address && object_type_at(reader, address) == type)
			return now->bytes;
	}
	return 0;
}

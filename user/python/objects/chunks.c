/* SPDX-License-Identifier: BSD-2-Clause */
#include "chunks.h"

#include <errno.h>
#include <string.h>

#include "../../memory/arenas.h"

enum { HEAD_BYTES = 128 }; /* of a block: as much as tells whether it is an object */

struct reading {
	struct object_reader *reader;
	uint64_t view_bytes;
	chunk_object_fn *act;
	void *context;
};

static void see_chunk(void *context, const struct chunk *chunk)
{
	const struct reading *reading = context;
	struct object_reader *reader = reading->reader;
	_Alignas(8) uint8_t head[HEAD_BYTES] = {0};
	uint32_t header = 0, marks = 0, size;
	bool listed;

	if (chunk->state != CHUNK_LIVE && chunk->state != CHUNK_MMAPPED)
		return;
	uint64_t usable = chunk_usable(chunk);
	size = usable < UINT32_MAX ? (uint32_t)usable : UINT32_MAX;
	memcpy(head, chunk->content, chunk->at_hand < HEAD_BYTES ? chunk->at_hand : HEAD_BYTES);
	if (object_block_is_marked(head, size)) {
		marks = BLOCK_HEAD_BYTES;
		size -= BLOCK_HEAD_BYTES + BLOCK_TAIL_BYTES;
		memmove(head, head + marks, HEAD_BYTES - marks);
	}
	if (reading->view_bytes && view_numbers(reader->view).kept_bytes > reading->view_bytes / 2)
		view_clear(reader->view, view_regions(reader->view));
	uint32_t type =
		object_block_type(reader->types, reader->view, head, size, &header, &listed);
	if (type)
		reading->act(reading->context, chunk->block + marks + header, type, usable);
}

int object_chunks_read(struct object_reader *reader, uint64_t view_bytes, chunk_object_fn *act,
		       void *context)
{
	struct reading reading = {reader, view_bytes, act, context};
	struct pages *pages = pages_new(view_memory(reader->view).pid, view_regions(reader->view));
	struct walk_numbers numbers;
	struct arenas arenas = {0};
	int error;

	if (!pages)
		return -errno;
	error = arenas_find(pages, &arenas);
	if (!error && *arenas.problem)
		error = -ENOTSUP;
	if (!error)
		error = arenas_walk(pages, &arenas, see_chunk, &reading, &numbers);
	arenas_release(&arenas);
	pages_free(pages);
	return error;
}

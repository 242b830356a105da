/* SPDX-License-Identifier: BSD-2-Clause */
#include "block_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dicts.h"
#include "free_lists.h"

enum {
	VIEW_BYTES = 64 << 20,
	HEAD_BYTES = 128, /* of a block: as much as tells what it is */
};

struct block_types {
	struct python_structs structs;
	struct regions regions;
	struct view *view;
	struct python_object_types types;
	struct object_pools pools;
};

struct block_types *block_types_new(const struct procfs *procfs,
				    const struct python_interpreter *interpreter)
{
	struct block_types *types = calloc(1, sizeof(*types));
	int error = types ? python_structs_for(&interpreter->layout, &types->structs) : -ENOMEM;

	if (!error)
		error = regions_read(procfs, interpreter->memory.pid, &types->regions);
	if (!error) {
		types->view = view_new(interpreter->memory.pid, &types->regions, VIEW_BYTES);
		error = types->view ? 0 : -errno;
	}
	if (!error)
		error = python_types_init(&types->types, interpreter, &types->structs);
	if (!error)
		error = object_pools_init(&types->pools, &types->structs, &types->types);
	if (!error) {
		python_types_begin(&types->types);
		object_pools_begin(&types->pools, false);
		return types;
	}
	block_types_free(types);
	errno = -error;
	return NULL;
}

void block_types_free(struct block_types *types)
{
	if (!types)
		return;
	object_pools_release(&types->pools);
	python_types_release(&types->types);
	view_free(types->view);
	regions_release(&types->regions);
	free(types);
}

/* Half of it is for the types. */
static void make_room(struct block_types *types)
{
	if (view_numbers(types->view).kept_bytes > VIEW_BYTES / 2)
		view_clear(types->view, &types->regions);
}

/* Its size says so, which follows from what it says of its entries. */
static bool is_table(struct block_types *types, uint64_t address, uint64_t bytes)
{
	struct dict_keys keys;

	return dict_keys_read(types->view, &types->structs, address, &keys) && keys.bytes == bytes;
}

bool block_types_block(struct block_types *types, uint64_t address, uint64_t bytes,
		       struct block_content *content)
{
	_Alignas(8) uint8_t head[HEAD_BYTES] = {0};
	uint32_t size = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	uint32_t header = 0;
	bool listed;

	*content = (struct block_content){.type = TYPE_NONE};
	make_room(types);
	if (!view_bytes(types->view, address, head, size < HEAD_BYTES ? size : HEAD_BYTES))
		return false;
	content->type = object_block_type(&types->types, types->view, head, size, &header, &listed);
	content->reused =
		content->type ? free_lists_have(&types->structs, &types->types.items[content->type],
						head + header, size)
			      : listed || free_lists_have_keys(&types->structs, head, size);
	content->table = !content->type && !listed && is_table(types, address, bytes);
	return true;
}

struct pool_reading {
	block_content_fn *act;
	void *context;
	uint32_t size;
};

static void see_object(void *context, uint64_t address, uint32_t type)
{
	const struct pool_reading *reading = context;
	const struct block_content content = {.type = type};

	(void)address;
	reading->act(reading->context, content, 1, reading->size);
}

static int read_pool(struct block_types *types, uint64_t start, uint64_t end,
		     struct pool_reading *reading)
{
	uint64_t raw = types->pools.raw_blocks;
	uint8_t header[POOL_HEADER_BYTES];
	uint32_t used;

	if (!view_bytes(types->view, start, header, sizeof(header)) ||
	    !object_pool_header(&types->pools, start, header, &reading->size, &used))
		return 0;
	int error = object_pools_read(&types->pools, types->view, start, end, see_object, reading);

	raw = types->pools.raw_blocks - raw;
	if (!error && raw)
		reading->act(reading->context, (struct block_content){.type = TYPE_NONE}, raw,
			     raw * reading->size);
	return error;
}

int block_types_pools(struct block_types *types, uint64_t start, uint64_t end,
		      block_content_fn *act, void *context)
{
	struct pool_reading reading = {.act = act, .context = context};
	uint64_t bytes = UINT64_C(1) << types->structs.pool_shift;
	int error;

	make_room(types);
	error = view_fill(types->view, start, end);
	for (uint64_t at = (start + bytes - 1) & ~(bytes - 1); at + bytes <= end && !error;
	     at += bytes)
		error = read_pool(types, at, at + bytes, &reading);
	return error;
}

const char *block_types_name(const struct block_types *types, uint32_t type)
{
	return types->types.items[type].name;
}

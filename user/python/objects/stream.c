/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <stdlib.h>

enum {
	WINDOW_BYTES_MAX = 8 << 20,
	WINDOW_BYTES_MIN = 512 << 10,
	WINDOWS_IN_VIEW = 4,
	SHARE = 32, /* of the budget: a window, holders of chains */
	HOLDER_BYTES = 128,
	GROWING_MAX = CHAINS_MAX / 2,
};

/* A power of two, so that no pool lies across two. */
static uint64_t window_bytes(const struct objects *objects)
{
	uint64_t bytes = WINDOW_BYTES_MAX;

	while (bytes > WINDOW_BYTES_MIN && bytes > objects->budget_bytes / SHARE)
		bytes /= 2;
	return bytes;
}

uint64_t stream_view_bytes(const struct objects *objects)
{
	return window_bytes(objects) * WINDOWS_IN_VIEW;
}

static int stream_region(struct objects *objects, const struct mapping *mapping)
{
	uint64_t bytes = window_bytes(objects);
	int error = 0;

	for (uint64_t at = mapping->start & ~(bytes - 1); at < mapping->end && !error;
	     at += bytes) {
		uint64_t start = at > mapping->start ? at : mapping->start;
		uint64_t end = at + bytes < mapping->end ? at + bytes : mapping->end;

		view_clear(objects->view, &objects->regions);
		error = view_fill(objects->view, start, end);
		if (!error)
			error = object_pools_read(&objects->pools, objects->view, start, end,
						  objects_see, objects);
	}
	return error;
}

int stream_all(struct objects *objects)
{
	int error = 0;

	for (size_t i = 0; i < objects->regions.count && !error; i++)
		if (may_hold_pools(&objects->regions.items[i]))
			error = stream_region(objects, &objects->regions.items[i].mapping);
	return error;
}

/* Puts a container among those that matter most so far, up to `max`. */
static void rank(const struct container **best, size_t *count, size_t max,
		 const struct container *container, uint64_t (*weight)(const struct container *))
{
	size_t at = *count;

	if (at == max && weight(best[at - 1]) >= weight(container))
		return;
	at -= at == max;
	for (; at && weight(best[at - 1]) < weight(container); at--)
		best[at] = best[at - 1];
	best[at] = container;
	*count += *count < max;
}

static uint64_t growth(const struct container *container)
{
	return container->length - container->length0;
}

static uint64_t length(const struct container *container)
{
	return container->length;
}

static void add_chain(struct chains *chains, const struct container *container)
{
	if (!chains_at(chains, container->address))
		chains->items[chains->count++] = (struct chain){
			.address = container->address,
			.type = container->type,
			.length = container->length,
		};
}

/* What grows most, then what is longest. */
static void choose(struct objects *objects)
{
	const struct container *growing[GROWING_MAX], *longest[CHAINS_MAX - GROWING_MAX];
	size_t growing_count = 0, longest_count = 0;
	const struct containers *containers = &objects->containers;

	for (size_t i = 0; i < containers->count; i++) {
		const struct container *container = &containers->items[i];

		if (container->look + 1 < containers->looks)
			continue;
		if (containers->looks > 1 && container_grew(containers, container, false))
			rank(growing, &growing_count, GROWING_MAX, container, growth);
		if (object_kind_is_container(objects->types.items[container->type].kind))
			rank(longest, &longest_count, CHAINS_MAX - GROWING_MAX, container, length);
	}
	for (size_t i = 0; i < growing_count; i++)
		add_chain(&objects->chains, growing[i]);
	for (size_t i = 0; i < longest_count; i++)
		add_chain(&objects->chains, longest[i]);
}

int objects_find_chains(struct objects *objects)
{
	struct regions now;
	int error;

	if (!objects->streamed || objects->chains.count)
		return 0;
	/* a look takes seconds, in which tables move */
	error = regions_read(objects->procfs, objects->interpreter->memory.pid, &now);
	if (error)
		return error;
	view_clear(objects->view, &now);
	regions_release(&objects->regions);
	objects->regions = now;
	view_clear(objects->view, &objects->regions);
	choose(objects);
	return chains_find(&objects->chains, &objects->reader, objects->interpreter,
			   window_bytes(objects), objects->budget_bytes / SHARE / HOLDER_BYTES);
}

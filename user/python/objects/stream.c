/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

#include "chunks.h"
#include "growth_streamed.h"

enum {
	WINDOW_BYTES_MAX = 8 << 20,
	WINDOW_BYTES_MIN = 512 << 10,
	WINDOWS_IN_VIEW = 4,
	SHARE = 32,        /* of the budget: a window */
	HOLDERS_SHARE = 8, /* of it: holders of chains */
	HOLDER_BYTES = 128,
	GROWING_MAX = 96,
	LONGEST_MAX = 16,
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

static int stream_region(struct objects *objects, struct object_pools *pools,
			 const struct mapping *mapping, object_fn *act, void *context)
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
			error = object_pools_read(pools, objects->view, start, end, act, context);
	}
	return error;
}

static int stream_pools(struct objects *objects, struct object_pools *pools, object_fn *act,
			void *context)
{
	int error = 0;

	for (size_t i = 0; i < objects->regions.count && !error; i++)
		if (may_hold_pools(&objects->regions.items[i]))
			error = stream_region(objects, pools, &objects->regions.items[i].mapping,
					      act, context);
	return error;
}

int stream_all(struct objects *objects)
{
	return stream_pools(objects, &objects->pools, objects_see, objects);
}

struct visiting {
	object_fn *act;
	void *context;
};

static void visit_chunk(void *context, uint64_t address, uint32_t type, uint64_t bytes)
{
	const struct visiting *visiting = context;

	(void)bytes;
	visiting->act(visiting->context, address, type);
}

int stream_each(struct objects *objects, object_fn *act, void *context)
{
	struct visiting visiting = {act, context};
	struct object_pools pools;
	int error;

	if (objects->pools.absent) {
		error = object_chunks_read(&objects->reader, stream_view_bytes(objects),
					   visit_chunk, &visiting);
		return error == -ENOTSUP ? 0 : error;
	}
	error = object_pools_init(&pools, &objects->structs, &objects->types);
	if (error)
		return error;
	object_pools_begin(&pools, false);
	error = stream_pools(objects, &pools, act, context);
	object_pools_release(&pools);
	return error;
}

void stream_spare(struct objects *objects)
{
	if (view_numbers(objects->view).kept_bytes > stream_view_bytes(objects) / 2)
		view_clear(objects->view, &objects->regions);
}

size_t stream_holders(const struct objects *objects)
{
	return objects->budget_bytes / HOLDERS_SHARE / HOLDER_BYTES;
}

int stream_find(struct objects *objects, struct chains *chains)
{
	return chains_find(chains, &objects->reader, objects->interpreter, window_bytes(objects),
			   stream_holders(objects));
}

int stream_referrers(struct objects *objects, const struct chain *object,
		     struct referrer **referrers, size_t *count, bool *full)
{
	return chains_referrers(&objects->reader, objects->interpreter, object,
				window_bytes(objects), stream_holders(objects), referrers, count,
				full);
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
	size_t before = chains->count;

	if (chains_add(chains, container->address, container->type, true) && chains->count > before)
		chains->items[before].length = container->length;
}

/* What grows most, then what is longest. */
static void choose(struct objects *objects)
{
	const struct container *growing[GROWING_MAX], *longest[LONGEST_MAX];
	size_t growing_count = 0, longest_count = 0;
	const struct containers *containers = &objects->containers;

	for (size_t i = 0; i < containers->count; i++) {
		const struct container *container = &containers->items[i];

		if (container->look + 1 < containers->looks)
			continue;
		if (containers->looks > 1 && container_grew(containers, container, false))
			rank(growing, &growing_count, GROWING_MAX, container, growth);
		if (object_kind_is_container(objects->types.items[container->type].kind))
			rank(longest, &longest_count, LONGEST_MAX, container, length);
	}
	for (size_t i = 0; i < growing_count; i++)
		add_chain(&objects->chains, growing[i]);
	for (size_t i = 0; i < longest_count; i++)
		add_chain(&objects->chains, longest[i]);
	growth_choose_newcomers(objects);
	type_samples_choose(&objects->samples, &objects->chains);
}

int stream_renew(struct objects *objects)
{
	struct regions now;
	int error = regions_read(objects->procfs, objects->interpreter->memory.pid, &now);

	if (error)
		return error;
	view_clear(objects->view, &now);
	regions_release(&objects->regions);
	objects->regions = now;
	view_clear(objects->view, &objects->regions);
	return 0;
}

int objects_find_chains(struct objects *objects)
{
	int error;

	if (!objects->streamed || objects->chains.count)
		return 0;
	/* a look takes seconds, in which tables move */
	error = stream_renew(objects);
	if (error)
		return error;
	choose(objects);
	return stream_find(objects, &objects->chains);
}

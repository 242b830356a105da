/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each byte that the kernel calls resident belongs to one part. Mappings of one kind are counted as
 * a whole, by what smaps says. Those that hold chunks of malloc, or what CPython's allocator
 * claims, are divided: by which pages of each chunk and claim are resident, and what is left of the
 * mapping is anonymous memory of somebody else.
 *
 * The process runs on, so that chunks may be resident of which smaps did not know yet: what is
 * beyond its figure is taken off the parts again, in proportion, for the sum to be the kernel's.
 */
#include "parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../memory/arena_objects.h"
#include "../memory/chunk_classes.h"
#include "../memory/free_runs.h"
#include "../memory/module_end.h"
#include "../memory/stacks.h"
#include "../allocators/allocators.h"
#include "../lib/sorted.h"
#include "../process/cgroup.h"
#include "anonymous.h"
#include "hints.h"

enum { MOVED_SHARE = 16 }; /* of its size a block may have grown by while it is looked for */

struct divider {
	const struct parts_request *request;
	struct look *look;
	struct pages *pages;
	struct arenas arenas;
	struct free_runs runs;
	struct arena_objects arena_objects;
	struct memory_claims claims; /* those of the request, and what is free beside them */
	struct chunk_classes classes;
	struct look_malloc malloc;
	bool *stacks;
	struct look_part divided[PART_COUNT]; /* of mappings that are divided */
};

static void add_divided(struct divider *divider, enum look_part_id part, uint64_t resident,
			uint64_t bytes)
{
	divider->divided[part].resident_bytes += resident;
	divider->divided[part].bytes += bytes;
}

/* --- chunks of malloc --- */

static void count_cached(struct divider *divider, const struct chunk *chunk)
{
	add_divided(divider, PART_MALLOC_CACHE, chunk->resident_bytes, chunk->size);
	if (chunk->state == CHUNK_FASTBIN) {
		divider->malloc.fastbin_bytes += chunk->size;
		return;
	}
	divider->malloc.cached_bytes += chunk->size;
	divider->malloc.cached_chunks += !chunk->clipped;
}

static void count_live(struct divider *divider, const struct chunk *chunk)
{
	add_divided(divider, PART_MALLOC_LIVE, chunk->resident_bytes, chunk->size);
	if (!chunk->clipped)
		chunk_classes_add(&divider->classes, chunk->size);
	if (chunk->state == CHUNK_MMAPPED)
		return;
	divider->malloc.live_bytes += chunk->size;
	divider->malloc.live_chunks += !chunk->clipped;
}

static void count_chunk(void *context, const struct chunk *chunk)
{
	struct divider *divider = context;

	if (chunk->state != CHUNK_MMAPPED)
		free_runs_add(&divider->runs, chunk);
	switch (chunk->state) {
	case CHUNK_LIVE:
	case CHUNK_MMAPPED:
		count_live(divider, chunk);
		break;
	case CHUNK_FASTBIN:
	case CHUNK_TCACHE:
		count_cached(divider, chunk);
		break;
	case CHUNK_TOP:
		divider->malloc.top_bytes += chunk->size;
		break;
	case CHUNK_FENCE:
	case CHUNK_UNKNOWN:
		add_divided(divider, PART_OTHER, chunk->resident_bytes, chunk->size);
		break;
	default: /* free ones: by runs. Foreign: what is left of the mapping */
		break;
	}
	if ((chunk->state == CHUNK_FREE || chunk->state == CHUNK_TOP) && chunk->arena)
		divider->malloc.thread_arena_free += chunk->resident_bytes;
	arena_objects_consider(&divider->arena_objects, divider->pages, chunk);
	if (divider->request->chunk)
		divider->request->chunk(divider->request->context, chunk);
}

/* A fastbin chunk is counted as cached, though malloc_trim may free it: its bytes count once. */
static void count_free(struct divider *divider)
{
	const struct free_runs *runs = &divider->runs;
	uint64_t fast = divider->malloc.fastbin_bytes;
	uint64_t fast_resident = fast < runs->free_resident ? fast : runs->free_resident;
	uint64_t rest = runs->free_resident - fast_resident;
	uint64_t returnable = runs->returnable_resident < rest ? runs->returnable_resident : rest;
	uint64_t bytes = runs->free_bytes - fast;
	uint64_t returnable_bytes = runs->returnable_bytes < bytes ? runs->returnable_bytes : bytes;

	add_divided(divider, PART_MALLOC_FREE_RETURNABLE, returnable, returnable_bytes);
	add_divided(divider, PART_MALLOC_FREE_PINNED, rest - returnable, bytes - returnable_bytes);
	divider->malloc.free_bytes = runs->free_bytes;
	divider->malloc.returnable_bytes = runs->returnable_resident;
}

/* Blocks with mappings of their own that the allocator counts and that were not found. */
static uint64_t missing_bytes(const struct arenas *arenas)
{
	uint64_t found = 0;

	if (arenas->mmapped_found >= arenas->mmapped_count)
		return 0;
	for (size_t i = 0; i < arenas->mmapped_found; i++)
		found += arenas->mmapped[i].end - arenas->mmapped[i].start;
	return found < arenas->mmapped_bytes ? arenas->mmapped_bytes - found : 0;
}

static void describe_malloc(struct divider *divider, const struct walk_numbers *numbers)
{
	struct look *look = divider->look;
	struct look_malloc *found = zone_alloc(look->zone, 1, sizeof(*found));
	const struct arenas *arenas = &divider->arenas;

	*found = divider->malloc;
	found->version = arenas->version;
	found->arenas = arenas->count;
	for (size_t i = 0; i < arenas->count; i++) {
		found->threads += arenas->items[i].threads;
		found->heaps += arenas->items[i].heap_count;
		found->system_bytes += arenas->items[i].system_bytes;
	}
	found->mmapped_bytes = arenas->mmapped_bytes;
	found->mmapped_chunks = arenas->mmapped_count;
	found->retries = numbers->retries;
	look->malloc = found;
	look->uncertain[UNCERTAIN_MALLOC_TORN] += numbers->torn_bytes + missing_bytes(arenas);
}

static void describe_chunks(struct divider *divider)
{
	struct look *look = divider->look;
	struct look_chunks *chunks;
	size_t count = 0;

	for (size_t i = 0; i < CHUNK_CLASSES; i++)
		count += divider->classes.items[i].count != 0;
	look->chunks = chunks = zone_alloc(look->zone, count, sizeof(*chunks));
	look->chunk_class_count = count;
	for (size_t i = 0; i < CHUNK_CLASSES; i++)
		if (divider->classes.items[i].count)
			*chunks++ = (struct look_chunks){chunk_class_least(i),
							 divider->classes.items[i].count,
							 divider->classes.items[i].bytes};
}

/* By the symbols of its files, where no mapping told the name. */
static void name_allocator(struct divider *divider)
{
	const struct parts_request *request = divider->request;
	struct allocators allocators = {0};
	struct mappings mappings;
	char *skipped = NULL;

	if (!request->confined || !divider->arenas.is_other || divider->arenas.other ||
	    mappings_read(request->procfs, request->pid, &mappings))
		return;
	if (!allocators_find(request->procfs, request->confined, request->pid, &mappings,
			     &allocators, &skipped)) {
		for (size_t i = 0; i < allocators.count && !divider->arenas.other; i++) {
			const char *kind = allocators.items[i].kind;

			if (strcmp(kind, "unknown") && strcmp(kind, "glibc"))
				arenas_name_other(&divider->arenas, kind);
		}
		allocators_release(&allocators);
	}
	free(skipped);
	mappings_release(&mappings);
}

static int divide_malloc(struct divider *divider)
{
	struct walk_numbers numbers;
	int error = arenas_find_beside(divider->pages, divider->request->claims, &divider->arenas);

	if (error)
		return error;
	if (*divider->arenas.problem) {
		name_allocator(divider);
		divider->look->malloc_problem =
			zone_strdup(divider->look->zone, divider->arenas.problem);
		if (divider->arenas.is_other && divider->arenas.other &&
		    !divider->arenas.is_runtime)
			divider->look->other_malloc =
				zone_strdup(divider->look->zone, divider->arenas.other);
		return 0;
	}
	if (divider->request->heaps)
		divider->request->heaps(divider->request->context, &divider->arenas);
	free_runs_init(&divider->runs, divider->pages, divider->arenas.top_granule);
	error = arenas_walk(divider->pages, &divider->arenas, count_chunk, divider, &numbers);
	if (error)
		return error;
	free_runs_finish(&divider->runs);
	count_free(divider);
	describe_malloc(divider, &numbers);
	describe_chunks(divider);
	return 0;
}

/* --- CPython's allocator --- */

static int divide_claims(struct divider *divider)
{
	struct memory_claims *claims = &divider->claims;

	if (!divider->request->claims)
		return 0;
	claims->items = arena_objects_claims(&divider->arena_objects, divider->pages,
					     divider->request->claims, &claims->count);
	if (!claims->items)
		return -ENOMEM;
	for (size_t i = 0; i < claims->count; i++) {
		const struct memory_claim *claim = &claims->items[i];
		struct page_bytes there = pages_count(divider->pages, claim->start, claim->end);
		uint64_t live = claim->live_bytes, size = claim->end - claim->start;
		uint64_t live_resident = live < there.resident ? live : there.resident;

		add_divided(divider, PART_PYTHON_LIVE, live_resident, live);
		add_divided(divider, PART_PYTHON_FREE, there.resident - live_resident,
			    size > live ? size - live : 0);
	}
	return 0;
}

/* --- mappings --- */

static bool has_claim(const struct memory_claims *claims, uint64_t start, uint64_t end)
{
	const struct memory_claim *claim = claims_from(claims, start);

	return claim && claim->start < end;
}

static bool has_segment(const struct arenas *arenas, uint64_t start, uint64_t end)
{
	size_t low = sorted_count(arenas->segments, arenas->segment_count, end, start);

	return low < arenas->segment_count && arenas->segments[low].from < end;
}

static bool has_mmapped(const struct arenas *arenas, uint64_t start, uint64_t end)
{
	size_t low = sorted_count(arenas->mmapped, arenas->mmapped_found, end, start);

	return low < arenas->mmapped_found && arenas->mmapped[low].start < end;
}

static bool is_divided(const struct divider *divider, const struct mapping *mapping)
{
	return has_segment(&divider->arenas, mapping->start, mapping->end) ||
	       has_mmapped(&divider->arenas, mapping->start, mapping->end) ||
	       has_claim(&divider->claims, mapping->start, mapping->end);
}

/* The kernel's own mappings: [vdso], [vvar], [vsyscall], [uprobes]. */
static bool is_kernels(const char *path)
{
	return *path == '[' && strcmp(path, "[heap]") && strncmp(path, "[stack", 6) &&
	       strncmp(path, "[anon", 5);
}

/* What allocators align their heaps to: PHP's, jemalloc's, mimalloc's, Go's. */
#define HEAP_UNIT (UINT64_C(2) << 20)

/*
 * A module that is loaded below a heap has it right behind its own zeroes, in one mapping with
 * these. No module has as much of them, or it is memory in use as any other.
 */
static bool has_heap_unit(const struct mapping *mapping)
{
	uint64_t first = (mapping->start + HEAP_UNIT - 1) & ~(HEAP_UNIT - 1);

	return first + HEAP_UNIT <= mapping->end;
}

static bool is_of_file(const struct regions *regions, size_t index)
{
	const struct mapping *mapping = &regions->items[index].mapping;

	return mapping->inode || (region_is_module_data(regions, index) && !has_heap_unit(mapping));
}

static enum look_part_id judge_region(const struct divider *divider, size_t index)
{
	const struct regions *regions = divider->request->regions;
	const struct region *region = &regions->items[index];

	if (region->flags & REGION_DEVICE || is_kernels(region->mapping.path))
		return PART_OTHER;
	if (region->flags & REGION_SHARED)
		return PART_SHARED;
	if (is_of_file(regions, index))
		return PART_FILES;
	return divider->stacks[index] ? PART_STACKS : PART_ANONYMOUS;
}

/*
 * The mapping of the one block that the allocator counts and that was not found in any: it has
 * moved since they were listed, as one does that grows (mremap), and has about the size that
 * is missing. SIZE_MAX: none.
 */
static size_t find_moved_block(const struct divider *divider)
{
	const struct regions *regions = divider->request->regions;
	const struct arenas *arenas = &divider->arenas;
	uint64_t missing = missing_bytes(arenas);

	if (!missing || *arenas->problem || arenas->mmapped_count - arenas->mmapped_found != 1)
		return SIZE_MAX;
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->items[i];
		uint64_t size = region->mapping.end - region->mapping.start;
		uint64_t off = size > missing ? size - missing : missing - size;

		if (off <= missing / MOVED_SHARE && region_is_data(region) &&
		    !*region->mapping.path && !is_divided(divider, &region->mapping) &&
		    judge_region(divider, i) == PART_ANONYMOUS)
			return i;
	}
	return SIZE_MAX;
}

#define BEHIND_LEAST (UINT64_C(64) << 10)

/* Whether it is zeroes of a module alone. */
static bool is_static_data(const struct divider *divider, struct file_pages *files, size_t index)
{
	const struct parts_request *request = divider->request;
	const struct region *region = &request->regions->items[index];

	return !region->mapping.inode && !request->regions->core &&
	       region_is_module_data(request->regions, index) &&
	       module_end(files, request->pid, request->regions, index) >= region->mapping.end;
}

/* What of a mapping that begins with a module's zeroes lies behind these,
 * and is a heap of someone's. */
static struct page_bytes count_behind(const struct divider *divider, struct file_pages *files,
				      size_t index)
{
	const struct parts_request *request = divider->request;
	const struct region *region = &request->regions->items[index];
	const struct mapping *mapping = &region->mapping;
	uint64_t end;

	if (mapping->inode || request->regions->core || region->resident_bytes < BEHIND_LEAST)
		return (struct page_bytes){0};
	end = module_end(files, request->pid, request->regions, index);
	if (!end || end >= mapping->end)
		return (struct page_bytes){0};
	return pages_count(divider->pages, end > mapping->start ? end : mapping->start,
			   mapping->end);
}

/* Of anonymous memory what was ever touched counts, since runtimes reserve much more than they use;
 * of the rest the mapping's size, but for what is only reserved. */
static uint64_t region_bytes(const struct region *region, enum look_part_id part)
{
	if (part == PART_ANONYMOUS)
		return region->resident_bytes + region->swapped_bytes;
	return region->mapping.readable || region->resident_bytes
		       ? region->mapping.end - region->mapping.start
		       : 0;
}

/* Returns how much of it is resident. */
static uint64_t move_behind(const struct divider *divider, struct file_pages *files, size_t index)
{
	struct look_part *of_files = &divider->look->parts[PART_FILES];
	struct look_part *anonymous = &divider->look->parts[PART_ANONYMOUS];
	struct page_bytes behind = count_behind(divider, files, index);

	if (behind.resident > of_files->resident_bytes)
		behind.resident = of_files->resident_bytes;
	of_files->resident_bytes -= behind.resident;
	anonymous->resident_bytes += behind.resident;
	anonymous->bytes += behind.resident + behind.swapped;
	return behind.resident;
}

struct guesses {
	struct zone *zone;
	struct look_count *items;
	size_t count;
};

static bool add_guess(struct guesses *guesses, const char *name, uint64_t count, uint64_t bytes)
{
	for (size_t i = 0; i < guesses->count; i++) {
		if (strcmp(guesses->items[i].name, name))
			continue;
		guesses->items[i].count += count;
		guesses->items[i].bytes += bytes;
		return true;
	}
	struct look_count item = {zone_strdup(guesses->zone, name), count, bytes};
	return array_append(&guesses->items, &guesses->count, item);
}

static int compare_counts(const void *a, const void *b)
{
	const struct look_count *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return strcmp(left->name, right->name);
}

static void keep_guesses(struct look *look, struct guesses *guesses)
{
	struct look_count *kept = zone_alloc(look->zone, guesses->count, sizeof(*kept));

	if (guesses->count) {
		qsort(guesses->items, guesses->count, sizeof(*guesses->items), compare_counts);
		memcpy(kept, guesses->items, guesses->count * sizeof(*kept));
	}
	look->mappings = kept;
	look->mapping_count = guesses->count;
}

/* What is beyond the kernel's figure is taken off in proportion. */
static void shrink_divided(struct divider *divider, uint64_t resident, uint64_t sum)
{
	uint64_t left = resident;

	for (size_t i = 0; i < PART_COUNT; i++) {
		uint64_t *bytes = &divider->divided[i].resident_bytes;

		*bytes = (uint64_t)((__uint128_t)*bytes * resident / sum);
		left -= *bytes;
	}
	divider->divided[PART_OTHER].resident_bytes += left; /* some bytes of rounding */
}

/* Adds the divided mappings, of so many resident bytes. Returns what is left for anonymous ones. */
static uint64_t add_up_divided(struct divider *divider, uint64_t resident)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		sum += divider->divided[i].resident_bytes;
	if (sum > resident)
		shrink_divided(divider, resident, sum);
	for (size_t i = 0; i < PART_COUNT; i++) {
		divider->look->parts[i].resident_bytes += divider->divided[i].resident_bytes;
		divider->look->parts[i].bytes += divider->divided[i].bytes;
	}
	return sum > resident ? 0 : resident - sum;
}

static int add_up(struct divider *divider)
{
	const struct regions *regions = divider->request->regions;
	struct anonymous_owner owner = anonymous_owner_guess(regions);
	struct look *look = divider->look;
	struct guesses guesses = {.zone = look->zone};
	uint64_t divided = 0;
	size_t moved = find_moved_block(divider);
	struct file_pages files = {0};
	bool room = true;
	char text[64];

	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->items[i];

		look->resident_bytes += region->resident_bytes;
		look->anonymous_bytes += region->anonymous_bytes;
		look->swapped_bytes += region->swapped_bytes;
		look->proportional_bytes += region->proportional_bytes;
		look->huge_bytes += region->huge_bytes;
		if (is_divided(divider, &region->mapping)) {
			divided += region->resident_bytes;
			continue;
		}
		enum look_part_id part = i == moved ? PART_MALLOC_LIVE : judge_region(divider, i);
		look->parts[part].resident_bytes += region->resident_bytes;
		look->parts[part].bytes += region_bytes(region, part);
		look->shared_bytes += part == PART_SHARED ? region->proportional_bytes : 0;
		uint64_t anonymous = part == PART_ANONYMOUS ? region->resident_bytes : 0;

		if (part == PART_FILES)
			anonymous = move_behind(divider, &files, i);
		if (!anonymous)
			continue;
		const char *guess = part == PART_ANONYMOUS && is_static_data(divider, &files, i)
					    ? LOOK_STATIC_DATA
					    : anonymous_guess(&owner, region, text, sizeof(text));

		room &= add_guess(&guesses, guess, 1, anonymous);
	}
	file_pages_close(&files);
	look->collector = anonymous_collector_guess(regions);
	uint64_t left = add_up_divided(divider, divided);
	look->parts[PART_ANONYMOUS].resident_bytes += left;
	look->parts[PART_ANONYMOUS].bytes += left;
	if (left)
		room &= add_guess(&guesses, owner.name ?: LOOK_PLAIN_MAPPING, 0, left);
	keep_guesses(look, &guesses);
	free(guesses.items);
	return room ? 0 : -ENOMEM;
}

static int look_with(struct divider *divider)
{
	const struct parts_request *request = divider->request;
	struct look *look = divider->look;

	divider->stacks = stacks_find(request->procfs, request->pid, divider->pages);
	if (!divider->stacks)
		return -ENOMEM;
	if (request->claims)
		arena_objects_init(&divider->arena_objects, request->claims->arena_bytes);
	int error = divide_malloc(divider) ?: divide_claims(divider) ?: add_up(divider);
	if (error)
		return error;
	look->limit_bytes = cgroup_read_limit(request->procfs, request->pid).bytes;
	look->uncertain[UNCERTAIN_SWAPPED] =
		look->uncertain[UNCERTAIN_SWAPPED] ?: look->swapped_bytes;
	look->parts_known = true;
	look_add_hints(look);
	return 0;
}

int look_parts(const struct parts_request *request, struct look *look)
{
	struct divider *divider = calloc(1, sizeof(*divider));
	int error = -ENOMEM;

	if (!divider)
		return error;
	divider->request = request;
	divider->look = look;
	divider->pages = pages_new(request->pid, request->regions);
	error = divider->pages ? look_with(divider) : -errno;
	arenas_release(&divider->arenas);
	arena_objects_release(&divider->arena_objects);
	free((void *)divider->claims.items);
	pages_free(divider->pages);
	free(divider->stacks);
	free(divider);
	return error;
}

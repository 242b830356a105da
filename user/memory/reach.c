/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Marks and sweeps a process that runs on, from outside. Every word that may be read counts as a
 * pointer if it has the value of one, also into the middle of a block: a block that is called lost
 * wrongly costs more than one that is missed.
 *
 * Nothing is stopped, so a look may miss a reference that moved from what was not read yet to what
 * was; or one in a block that came since the walk over the chunks, which is why a pointer to what
 * the walk saw as free is looked at again. What stays is left to other looks: a block is lost if it
 * lies there in each of them, unchanged (nobody who has no pointer to it can change it), and none
 * of them found a reference.
 *
 * A core stands still, and has the registers of all threads: there one look can tell.
 *
 * What cannot be seen: references in registers of threads that run on (but for arguments of system
 * calls), and pointers that a program keeps in another form: compressed, combined with tags, or
 * encrypted.
 */
#include "reach_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/hash.h"
#include "glibc_layout.h"

enum {
	STACK_MAX = 1 << 18,
	CACHE_SHIFT = 14, /* 16 KiB are read at once */
	CACHE_BYTES = 1 << CACHE_SHIFT,
	CACHE_PAGES = CACHE_BYTES / PAGES_BYTES,
	LOST_MAX = 1 << 20,
	HASHED_BYTES = 256,
};

/* What is read of a heap that is larger than the cache, over and over: so many times its size. */
#define READ_TIMES 16
#define READ_LEAST (UINT64_C(1) << 30)

void reach_refuse(struct reach *reach, const char *format, ...)
{
	va_list arguments;

	if (*reach->problem)
		return;
	va_start(arguments, format);
	vsnprintf(reach->problem, sizeof(reach->problem), format, arguments);
	va_end(arguments);
}

bool reach_refused(const struct reach *reach)
{
	return *reach->problem;
}

/* In places that are come by often: not so often that it would cost more than what is read. */
static void pause_often(struct reach *reach)
{
	if (!(++reach->checks & 1023) && reach->meanwhile)
		reach->meanwhile(reach->meanwhile_context);
}

/* --- what the walk tells --- */

static void end_look(struct reach *reach)
{
	block_map_release(&reach->map);
	free(reach->holes);
	free(reach->unclear);
	free(reach->cache_keys);
	free(reach->stack);
	free(reach->cache);
	free(reach->cached);
	pages_free(reach->pages);
	regions_release(&reach->regions);
	reach->holes = reach->unclear = NULL;
	reach->stack = NULL;
	reach->cache_keys = reach->cached = NULL;
	reach->cache = NULL;
	reach->pages = NULL;
	reach->hole_count = reach->unclear_count = reach->cache_key_count = reach->stack_count = 0;
	reach->read_bytes = reach->swapped_bytes = 0;
	reach->overflowed = reach->begun = false;
	reach->error = 0;
}

static void add_span(struct reach *reach, struct span **spans, size_t *count, uint64_t start,
		     uint64_t end)
{
	struct span span = {start, end};

	if (!array_append(spans, count, span))
		reach->error = -ENOMEM;
}

void reach_add_hole(struct reach *reach, uint64_t start, uint64_t end)
{
	add_span(reach, &reach->holes, &reach->hole_count, start, end);
}

static void keep_cache_keys(struct reach *reach, const struct arenas *arenas)
{
	if (!arenas->cache_key_count)
		return;
	reach->cache_keys = calloc(arenas->cache_key_count, sizeof(*reach->cache_keys));
	if (!reach->cache_keys) {
		reach->error = -ENOMEM;
		return;
	}
	memcpy(reach->cache_keys, arenas->cache_keys,
	       arenas->cache_key_count * sizeof(*reach->cache_keys));
	reach->cache_key_count = arenas->cache_key_count;
}

/* The cache holds the whole heap where there is room. */
static void make_cache(struct reach *reach, uint64_t heap_bytes, uint64_t room)
{
	uint64_t slots = heap_bytes / CACHE_BYTES * 2 + 256, most = room / CACHE_BYTES + 1;

	reach->cache_slots = slots < most ? slots : most;
	reach->read_limit = READ_LEAST + READ_TIMES * heap_bytes;
	reach->cache = malloc(reach->cache_slots * CACHE_BYTES);
	reach->cached = calloc(reach->cache_slots, sizeof(*reach->cached));
	reach->stack = malloc(STACK_MAX * sizeof(*reach->stack));
	if (!reach->cache || !reach->cached || !reach->stack)
		reach->error = -ENOMEM;
}

void reach_begin(void *context, const struct arenas *arenas)
{
	struct reach *reach = context;
	uint64_t map_bytes = block_map_bytes(arenas), heap_bytes = 0;

	end_look(reach);
	reach->begun = true;
	uint64_t needed = map_bytes + STACK_MAX * sizeof(*reach->stack) + (4 << 20);
	if (needed > reach->budget_bytes) {
		reach_refuse(reach, "its heap is larger than can be gone through in %llu MB",
			     (unsigned long long)(reach->budget_bytes >> 20));
		return;
	}
	reach->error = block_map_init(&reach->map, arenas);
	reach_add_hole(reach, arenas->main_address,
		       arenas->main_address + arenas->layout->system_bytes + 16);
	for (size_t i = 0; i < arenas->segment_count; i++) {
		const struct heap_segment *segment = &arenas->segments[i];

		reach_add_hole(reach, segment->from, segment->end);
		heap_bytes += segment->end - segment->start;
	}
	keep_cache_keys(reach, arenas);
	reach->torn_fastbins = arenas->torn_fastbins;
	make_cache(reach, heap_bytes, reach->budget_bytes - needed);
}

void reach_add(void *context, const struct chunk *chunk)
{
	struct reach *reach = context;

	pause_often(reach);
	if (*reach->problem || reach->error)
		return;
	block_map_add(&reach->map, chunk);
	if (chunk->state == CHUNK_MMAPPED)
		reach_add_hole(reach, chunk->address, chunk->address + chunk->size);
	if (chunk->clipped || chunk->state == CHUNK_UNKNOWN || chunk->state == CHUNK_FOREIGN)
		add_span(reach, &reach->unclear, &reach->unclear_count, chunk->address,
			 chunk->address + chunk->size);
}

void reach_add_registers(struct reach *reach, pid_t thread, const uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct register_word item = {words[i], thread};

		if (!array_append(&reach->registers, &reach->register_count, item))
			reach_refuse(reach, "there is no memory for its registers");
	}
}

/* --- reading heaps --- */

static const uint8_t *read_cached(struct reach *reach, uint64_t address)
{
	uint64_t number = address >> CACHE_SHIFT;
	size_t slot = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15) >> 20) % reach->cache_slots);
	uint8_t *bytes = reach->cache + slot * CACHE_BYTES, states[CACHE_PAGES];

	if (reach->cached[slot] == number)
		return bytes;
	reach->read_bytes += CACHE_BYTES;
	reach->error =
		pages_read_some(reach->pages, number << CACHE_SHIFT, CACHE_PAGES, bytes, states);
	for (size_t i = 0; i < CACHE_PAGES && !reach->error; i++)
		reach->swapped_bytes += states[i] == PAGE_SWAPPED ? PAGES_BYTES : 0;
	reach->cached[slot] = reach->error ? 0 : number;
	return reach->error ? NULL : bytes;
}

/* A part of a range that lies in the cache in one piece; NULL on an error. */
static const uint8_t *read_piece(struct reach *reach, uint64_t address, uint64_t end, size_t *size)
{
	uint64_t offset = address & (CACHE_BYTES - 1), left = CACHE_BYTES - offset;
	const uint8_t *bytes = read_cached(reach, address);

	*size = left < end - address ? left : end - address;
	return bytes ? bytes + offset : NULL;
}

/* All of it, or zeroes from where it could not be read. */
static void read_bytes(struct reach *reach, uint64_t address, void *buffer, size_t size)
{
	memset(buffer, 0, size);
	for (size_t done = 0, part; done < size; done += part) {
		const uint8_t *bytes = read_piece(reach, address + done, address + size, &part);

		if (!bytes)
			return;
		memcpy((uint8_t *)buffer + done, bytes, part);
	}
}

/* --- marking --- */

static void push(struct reach *reach, const struct block *block)
{
	if (reach->stack_count < STACK_MAX) {
		reach->stack[reach->stack_count++] = (struct step){
			{block->address, block->address + block->bytes}, reach->path.root};
		return;
	}
	block_map_postpone(&reach->map, block);
	reach->overflowed = true;
}

static void take(struct reach *reach, const struct block *block)
{
	if (reach->reached)
		reach->reached(reach->reached_context, block->address, &reach->path);
	push(reach, block);
}

static bool is_cache_key(const struct reach *reach, uint64_t word)
{
	for (size_t i = 0; i < reach->cache_key_count; i++)
		if (reach->cache_keys[i] == word)
			return true;
	return false;
}

/* As the header behind a chunk says; nothing is behind the last one, which is no block's. */
static bool is_in_use(struct reach *reach, const struct block_stretch *stretch, uint64_t chunk,
		      uint64_t size)
{
	uint64_t behind[2];

	if (chunk + size + sizeof(behind) > stretch->end)
		return false;
	read_bytes(reach, chunk + size, behind, sizeof(behind));
	return behind[1] & CHUNK_PREV_IN_USE;
}

/* Whether a chunk that the walk saw as free is what it was: what lies in it is left over. */
static bool is_still_free(struct reach *reach, const struct block *seen)
{
	const struct block_stretch *stretch = &reach->map.items[seen->stretch];
	uint64_t chunk = seen->address - CHUNK_HEADER_BYTES, size = seen->bytes + 8, head[2];

	read_bytes(reach, chunk, head, sizeof(head));
	return chunk_bytes(head[1]) == size && !is_in_use(reach, stretch, chunk, size);
}

/*
 * What the walk saw as free may be in use by now. Then a chunk's header stands in front of what is
 * pointed to, the header behind it says that it is in use, and no cache has left its key in it.
 */
static void visit_late(struct reach *reach, uint64_t address, const struct block *seen)
{
	const struct block_stretch *stretch = &reach->map.items[seen->stretch];
	struct block block = {.address = address, .stretch = seen->stretch};
	uint64_t chunk = address - CHUNK_HEADER_BYTES, size, head[4];

	if (!seen->address || address & 15 || chunk < stretch->start || is_still_free(reach, seen))
		return;
	block.granule = (chunk - stretch->start) / CHUNK_HEADER_BYTES;
	read_bytes(reach, chunk, head, sizeof(head));
	size = chunk_bytes(head[1]);
	if (!chunk_bytes_fit(size) || head[1] & CHUNK_IS_MMAPPED || size > stretch->end - chunk ||
	    is_cache_key(reach, head[3]) || !is_in_use(reach, stretch, chunk, size))
		return;
	block.bytes = size - 8;
	/* once alone; it is no block of the map, so that it cannot be postponed */
	if (reach->stack_count < STACK_MAX && block_map_mark(&reach->map, &block))
		take(reach, &block);
}

/* What may be a pointer, found where reach->path says; marks the block that it points to. */
static void visit(struct reach *reach, uint64_t word)
{
	struct block block;

	if (word - reach->map.low >= reach->map.high - reach->map.low)
		return;
	enum block_found found = block_map_find(&reach->map, word, &block);
	if (found == BLOCK_LIVE && block_map_mark(&reach->map, &block))
		take(reach, &block);
	else if (found == BLOCK_OTHER)
		visit_late(reach, word, &block);
}

void reach_visit_root(struct reach *reach, enum reach_root kind, pid_t thread, uint64_t word)
{
	reach->path = (struct reach_path){REACH_ROOT(kind, thread), true};
	visit(reach, word);
}

void reach_scan(struct reach *reach, uint64_t address, const uint8_t *bytes, size_t size,
		size_t step)
{
	uint64_t low = reach->map.low, length = reach->map.high - low, word;

	for (size_t i = 0; i + sizeof(word) <= size; i += step) {
		memcpy(&word, bytes + i, sizeof(word));
		if (word - low < length) {
			reach->path = (struct reach_path){address + i, true};
			visit(reach, word);
		}
	}
}

static void scan_words(struct reach *reach, const uint64_t *words, size_t count)
{
	uint64_t low = reach->map.low, length = reach->map.high - low;

	for (size_t i = 0; i < count; i++)
		if (words[i] - low < length)
			visit(reach, words[i]);
}

static void check_limits(struct reach *reach)
{
	if (reach->read_bytes > reach->read_limit)
		reach_refuse(reach, "its heap is larger than can be gone through in %llu MB",
			     (unsigned long long)(reach->budget_bytes >> 20));
	pause_often(reach);
}

/*
 * The first piece of what is to be gone through. The rest of it waits below what the piece refers
 * to, so that a block of a million pointers does not need room for as many. A piece is copied
 * before it is gone through: what it refers to may take its place in the cache.
 */
static void scan_piece(struct reach *reach, const struct step *step)
{
	uint64_t copy[PAGES_BYTES / 8], start = step->span.start, left = step->span.end - start;
	size_t size = left < sizeof(copy) ? left : sizeof(copy);

	if (left >= size + 8)
		reach->stack[reach->stack_count++] =
			(struct step){{start + size, step->span.end}, step->root};
	reach->path = (struct reach_path){step->root, false};
	read_bytes(reach, start, copy, size);
	if (!reach->error)
		scan_words(reach, copy, size / 8);
	check_limits(reach);
}

static void drain(struct reach *reach)
{
	while (reach->stack_count && !reach->error && !*reach->problem) {
		struct step step = reach->stack[--reach->stack_count];

		scan_piece(reach, &step);
	}
}

void reach_relieve(struct reach *reach)
{
	if (reach->meanwhile)
		reach->meanwhile(reach->meanwhile_context);
	if (reach->stack_count > STACK_MAX / 4)
		drain(reach);
}

static void drain_all(struct reach *reach)
{
	drain(reach);
	while (reach->overflowed && !reach->error && !*reach->problem) {
		struct block block = {0};

		reach->overflowed = false;
		while (block_map_next_pending(&reach->map, &block)) {
			reach->path.root = REACH_ROOT(REACH_BLOCKS, 0);
			push(reach, &block);
			drain(reach);
		}
	}
}

/* --- what is left --- */

/* Whether a block has the size of free ones that cannot be told from those in use. */
static bool may_be_in_fastbin(const struct reach *reach, const struct block *block)
{
	uint64_t bin = (block->bytes + 8 - CHUNK_BYTES_MIN) / CHUNK_HEADER_BYTES;

	return bin < FASTBIN_COUNT && reach->torn_fastbins >> bin & 1;
}

/*
 * Whether a block is in use at this moment, by what is read now: most of what the walk saw and
 * nothing refers to was freed meanwhile.
 */
static bool is_still_in_use(const struct reach *reach, const struct block *block)
{
	const struct block_stretch *stretch = &reach->map.items[block->stretch];
	uint64_t chunk = block->address - CHUNK_HEADER_BYTES, head[4], behind[2];

	if (pages_read(reach->pages, chunk, head, sizeof(head)))
		return false;
	if (!stretch->starts)
		return head[1] & CHUNK_IS_MMAPPED;
	if (may_be_in_fastbin(reach, block))
		return false;
	return chunk_bytes(head[1]) == block->bytes + 8 && !is_cache_key(reach, head[3]) &&
	       !pages_read(reach->pages, chunk + block->bytes + 8, behind, sizeof(behind)) &&
	       behind[1] & CHUNK_PREV_IN_USE;
}

/* The last 8 bytes of a block may be the allocator's, of a free chunk that was behind it. */
static struct lost_block describe(struct reach *reach, const struct block *block)
{
	struct lost_block lost = {.address = block->address, .bytes = block->bytes};
	uint8_t bytes[HASHED_BYTES];
	size_t size = block->bytes - 8 < sizeof(bytes) ? block->bytes - 8 : sizeof(bytes);

	read_bytes(reach, block->address, bytes, size);
	memcpy(&lost.word, bytes, sizeof(lost.word));
	lost.hash = hash_bytes(FNV_SEED, bytes, size);
	return lost;
}

static void find_first(struct reach *reach)
{
	for (struct block block = {0};
	     block_map_next_unmarked(&reach->map, &block) && !reach->error;) {
		if (!is_still_in_use(reach, &block))
			continue;
		struct lost_block lost = describe(reach, &block);
		if (reach->lost_count == LOST_MAX)
			reach->left_out++;
		else if (!array_append(&reach->lost, &reach->lost_count, lost))
			reach->error = -ENOMEM;
	}
}

/* Both by address: keeps what is in both and the same. */
static void find_again(struct reach *reach)
{
	struct block block = {0};
	size_t kept = 0, at = 0;

	while (at < reach->lost_count && !reach->error &&
	       block_map_next_unmarked(&reach->map, &block)) {
		while (at < reach->lost_count && reach->lost[at].address < block.address)
			at++;
		if (at == reach->lost_count || reach->lost[at].address != block.address)
			continue;
		struct lost_block lost = describe(reach, &block);
		if (lost.bytes == reach->lost[at].bytes && lost.hash == reach->lost[at].hash &&
		    is_still_in_use(reach, &block))
			reach->lost[kept++] = lost;
		at++;
	}
	if (!reach->error)
		reach->lost_count = kept;
}

/* A guard page looks swapped to kernels before 6.15, but does not count as that. */
static bool has_swapped(const struct regions *regions)
{
	for (size_t i = 0; i < regions->count; i++)
		if (regions->items[i].swapped_bytes)
			return true;
	return false;
}

static int mark(struct reach *reach)
{
	int error = regions_read(reach->procfs, reach->pid, &reach->regions);

	if (error)
		return error;
	reach->pages = pages_new(reach->pid, &reach->regions);
	if (!reach->pages)
		return -errno;
	block_map_seal(&reach->map);
	error = reach_scan_roots(reach);
	if (!error)
		drain_all(reach);
	if (reach->swapped_bytes && has_swapped(&reach->regions))
		reach_refuse(reach, "%llu bytes of it are in swap, which may hold references",
			     (unsigned long long)reach->swapped_bytes);
	error = error ? error : reach->error;
	if (error == -E2BIG)
		reach_refuse(reach, "it has mapped more than can be gone through");
	return error == -E2BIG ? 0 : error;
}

int reach_finish(struct reach *reach)
{
	int error = reach->error;

	if (!reach->begun)
		reach_refuse(reach, "its malloc is not understood");
	if (!error && !*reach->problem)
		error = mark(reach);
	if (!error && !*reach->problem) {
		if (reach->looks)
			find_again(reach);
		else
			find_first(reach);
		error = reach->error;
		reach->looks++;
	}
	end_look(reach);
	free(reach->registers);
	reach->registers = NULL;
	reach->register_count = 0;
	return error;
}

/* --- life --- */

struct lost_blocks reach_lost(const struct reach *reach)
{
	struct lost_blocks lost = {.items = reach->lost,
				   .count = reach->lost_count,
				   .left_out = reach->left_out,
				   .looks = reach->looks};

	memcpy(lost.problem, reach->problem, sizeof(lost.problem));
	if (!*lost.problem && reach->looks < 2 && !(reach->procfs->core && reach->looks))
		snprintf(lost.problem, sizeof(lost.problem), "one look cannot tell: two can");
	return lost;
}

void reach_watch(struct reach *reach, reach_fn *reached, void *context)
{
	reach->reached = reached;
	reach->reached_context = context;
}

void reach_meanwhile(struct reach *reach, void (*act)(void *context), void *context)
{
	reach->meanwhile = act;
	reach->meanwhile_context = context;
}

struct reach *reach_new(const struct procfs *procfs, pid_t pid, uint64_t budget_bytes)
{
	struct reach *reach = calloc(1, sizeof(*reach));

	if (reach)
		*reach = (struct reach){.procfs = procfs, .pid = pid, .budget_bytes = budget_bytes};
	return reach;
}

void reach_free(struct reach *reach)
{
	if (!reach)
		return;
	end_look(reach);
	free(reach->registers);
	free(reach->lost);
	free(reach);
}

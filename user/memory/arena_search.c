/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main_arena and mp_ of a stripped C library: both lie in its writable data, and what they look
 * like is hardly to be had by chance. An arena is 127 lists that either point at themselves or
 * somewhere plausible, and a ring of arenas that must close at it; mp_ is a dozen limits that fit
 * each other. The C library is searched first, then all other modules: of a static program.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/path.h"
#include "arenas_internal.h"

enum {
	PIECE_BYTES = 1 << 20,
	RING_ARENAS_MAX = 4096,
};

#define SEARCHED_BYTES_MAX (UINT64_C(1) << 30)

/* The writable data of one module, in one piece. */
struct span {
	uint64_t start;
	uint64_t end;
};

struct candidate {
	uint64_t address;
	const struct arena_layout *layout;
	enum arena_use use;
	struct span span;
	bool alone; /* there is no other arena */
};

struct search {
	struct pages *pages;
	uint8_t *piece;
	uint8_t states[PIECE_BYTES / PAGES_BYTES];
	struct candidate used, unused; /* address 0: none */
	size_t used_count;
	bool has_libc;
	struct span mp_span;
	uint64_t mp_address;
	const struct parameters_layout *mp_layout;
	size_t mp_count;
	const struct candidate *mp_of;
	uint64_t searched_bytes;
	uint64_t swapped_bytes;
};

static bool is_libc(const char *path)
{
	const char *name = path_base(path);

	return !strncmp(name, "libc.so.6", 9) || !strncmp(name, "libc-2.", 7);
}

/* The span that begins with a region; its path in *path. Returns how many regions it has. */
static size_t find_span(const struct regions *regions, size_t first, struct span *span,
			const char **path)
{
	const struct mapping *mapping = &regions->items[first].mapping;
	size_t count = 1;

	*span = (struct span){mapping->start, mapping->end};
	*path = mapping->path;
	while (first + count < regions->count && region_is_module_data(regions, first + count)) {
		const struct mapping *next = &regions->items[first + count].mapping;

		if (next->start != span->end || (next->inode && !mapping_same_file(next, mapping)))
			break;
		span->end = next->end;
		count++;
	}
	return count;
}

typedef void search_fn(struct search *search, const struct span *span, const uint8_t *bytes,
		       uint64_t address);

/* Whether a piece has anything but zeroes, which are no structure; counts what is in swap. */
static bool has_content(struct search *search, size_t pages)
{
	bool found = false;

	for (size_t i = 0; i < pages; i++) {
		found |= search->states[i] == PAGE_RESIDENT;
		search->swapped_bytes += search->states[i] == PAGE_SWAPPED ? PAGES_BYTES : 0;
	}
	return found;
}

/* Each position of a span, with `size` bytes from there on; what is not resident is zeroes. */
static int search_span(struct search *search, const struct span *span, size_t size,
		       search_fn *judge)
{
	for (uint64_t at = span->start; at < span->end;) {
		uint64_t left = span->end - at;
		size_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
		int error = search->searched_bytes > SEARCHED_BYTES_MAX
				    ? -E2BIG
				    : pages_read_some(search->pages, at, bytes / PAGES_BYTES,
						      search->piece, search->states);

		if (error)
			return error;
		bool judged = has_content(search, bytes / PAGES_BYTES);
		for (size_t offset = 0; judged && offset + size <= bytes; offset += 8)
			judge(search, span, search->piece + offset, at + offset);
		search->searched_bytes += bytes;
		if (bytes == left)
			break;
		at += bytes - PAGES_BYTES; /* no structure is larger */
	}
	return 0;
}

/* Whether the arenas that follow lead back here: bins alone also look like a shifted layout. */
static bool ring_closes(struct pages *pages, uint64_t address, const struct arena_layout *layout)
{
	uint64_t at = address;

	for (size_t i = 0; i < RING_ARENAS_MAX; i++) {
		if (pages_read(pages, at + layout->next, &at, sizeof(at)))
			return false;
		if (at == address)
			return true;
		if (!at || (at & 7))
			return false;
	}
	return false;
}

/* What sorts out nearly all positions: the link, and the last bin. */
static bool may_be_arena(const struct arena_layout *layout, const uint8_t *bytes, uint64_t address)
{
	uint64_t next = word_at(bytes, layout->next);
	size_t bin = layout->bins + 16 * 126;
	uint64_t first = word_at(bytes, bin);

	if (!next || (next & 7) || next >> 47)
		return false;
	return first ? first == address + bin - 16 || !(first & 15) : next == address;
}

static void judge_arena(struct search *search, const struct span *span, const uint8_t *bytes,
			uint64_t address)
{
	for (size_t i = 0; i < arena_layout_count; i++) {
		const struct arena_layout *layout = &arena_layouts[i];
		enum arena_use use = ARENA_INVALID;

		if (may_be_arena(layout, bytes, address))
			use = arena_judge(layout, bytes, address, true);
		if (use == ARENA_INVALID || !ring_closes(search->pages, address, layout))
			continue;
		bool alone = word_at(bytes, layout->next) == address;
		struct candidate found = {address, layout, use, *span, alone};
		if (use == ARENA_UNUSED) {
			search->unused = found;
			continue;
		}
		search->used = found;
		search->used_count++;
	}
}

static int search_modules(struct search *search, bool libc)
{
	const struct regions *regions = pages_regions(search->pages);
	int error = 0;

	for (size_t i = 0; i < regions->count && !error;) {
		const char *path;
		struct span span;

		if (!regions->items[i].mapping.inode || !region_is_module_data(regions, i)) {
			i++;
			continue;
		}
		i += find_span(regions, i, &span, &path);
		search->has_libc |= is_libc(path);
		if (is_libc(path) == libc)
			error = search_span(search, &span, ARENA_BYTES_MAX, judge_arena);
	}
	return error == -E2BIG ? 0 : error;
}

/* Where the main heap begins must be mapped; without a main heap it is 0. */
static bool sbrk_base_fits(const struct search *search, uint64_t sbrk_base)
{
	const struct region *region = regions_find(pages_regions(search->pages), sbrk_base);

	if (!sbrk_base)
		return search->mp_of->use == ARENA_FRESH;
	return region && region->mapping.readable && region->mapping.writable;
}

static void judge_parameters(struct search *search, const struct span *span, const uint8_t *bytes,
			     uint64_t address)
{
	(void)span;
	if (!word_at(bytes, 0x18)) /* arena_test: seldom anything but 8 */
		return;
	for (size_t i = 0; i < parameters_layout_count; i++) {
		const struct parameters_layout *layout = &parameters_layouts[i];

		if (layout->with_fastbins != search->mp_of->layout->has_fastbins ||
		    !parameters_judge(layout, bytes) ||
		    !sbrk_base_fits(search, word_at(bytes, layout->sbrk_base)))
			continue;
		search->mp_address = address;
		search->mp_layout = layout;
		search->mp_count++;
	}
}

/* Libraries by which other allocators are known, and what a statically linked one maps. */
static const struct {
	const char *part;
	const char *name;
} other_allocators[] = {
	{"libjemalloc", "jemalloc"}, {"libtcmalloc", "tcmalloc"}, {"libmimalloc", "mimalloc"},
	{"ld-musl-", "musl"},        {"libc.musl-", "musl"},      {"-linux-musl/libc.so", "musl"},
	{"libsnmalloc", "snmalloc"}, {"libhoard", "Hoard"},       {"librpmalloc", "rpmalloc"},
	{"libscudo", "Scudo"},       {"libasan", "ASan's"},
};

static const char *other_allocator(const struct regions *regions)
{
	for (size_t k = 0; k < sizeof(other_allocators) / sizeof(*other_allocators); k++)
		for (size_t i = 0; i < regions->count; i++)
			if (strstr(regions->items[i].mapping.path, other_allocators[k].part))
				return other_allocators[k].name;
	return NULL;
}

void arenas_name_other(struct arenas *arenas, const char *name)
{
	arenas->is_other = true;
	arenas->other = name;
	arenas_refuse(arenas, "%s: %s",
		      arenas->is_unused ? "glibc's malloc is not in use"
					: "no arena of glibc was found",
		      name ?: "another allocator is in use");
}

static void refuse_other(struct search *search, struct arenas *arenas)
{
	const struct regions *regions = pages_regions(search->pages);
	const char *other = other_allocator(regions);

	arenas->is_unused = search->unused.address;
	arenas->swapped_bytes += search->swapped_bytes;
	if (search->swapped_bytes && !arenas->is_unused) {
		arenas_refuse(arenas, "the data of its C library is in swap");
		return;
	}
	arenas->is_runtime = !other && regions_have_go_heap(regions);
	arenas_name_other(arenas, arenas->is_runtime ? "Go's" : other);
}

/* Who calls mallinfo or malloc_trim has glibc's ready, and takes nothing from it where
 * another one stands in its place. */
static bool is_only_ready(const struct search *search)
{
	return search->used_count == 1 && search->used.use == ARENA_FRESH && search->used.alone &&
	       other_allocator(pages_regions(search->pages));
}

static int search_all(struct search *search, struct arenas *arenas)
{
	int error = search_modules(search, true);

	if (!error && !search->has_libc)
		error = search_modules(search, false);
	if (error)
		return error;
	/* What a thread is changing may look like no arena for a moment. */
	if (!search->used_count && search->has_libc && !search->unused.address &&
	    !search->swapped_bytes)
		return ARENAS_TORN;
	if (is_only_ready(search)) {
		search->unused = search->used;
		refuse_other(search, arenas);
		return 0;
	}
	if (search->used_count != 1) {
		if (search->used_count)
			arenas_refuse(arenas, "%zu arenas look like the main one of glibc",
				      search->used_count);
		else
			refuse_other(search, arenas);
		return 0;
	}
	search->mp_of = &search->used;
	error = search_span(search, &search->used.span, PARAMETERS_BYTES_MAX, judge_parameters);
	if (error || search->mp_count == 1) {
		arenas->main_address = search->used.address;
		arenas->layout = search->used.layout;
		arenas->parameters_address = search->mp_address;
		arenas->parameters = search->mp_layout;
		return error;
	}
	return ARENAS_TORN;
}

int arenas_find_main(struct pages *pages, struct arenas *arenas)
{
	struct search *search = calloc(1, sizeof(*search));
	int error = -ENOMEM;

	if (arenas->parameters) { /* of an earlier attempt: they do not move */
		free(search);
		return 0;
	}
	if (!search)
		return error;
	search->pages = pages;
	search->piece = malloc(PIECE_BYTES);
	if (search->piece)
		error = search_all(search, arenas);
	free(search->piece);
	free(search);
	return error;
}

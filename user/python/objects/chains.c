/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pass goes through all writable memory and asks of each word whether it points to one of those
 * whose holders are wanted. Who holds by such a word (holders.c) is taken into a net of holders;
 * the next pass asks who holds these. Where a module's dictionary, a variable of a function that
 * runs, or the like holds, a chain is complete. Most need one pass, or two: modules' tables are
 * known before the first.
 *
 * The net is bounded: of something that very many hold, only the first are followed. Cycles do no
 * harm, because a holder is taken in once and a chain only gets shorter.
 */
#include "chains_internal.h"
#include "chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "../../lib/sorted.h"

enum {
	PASSES_MAX = 16,
	HITS_MAX = 64, /* of each holder, in a pass: of what many hold, the first */
	PASSES_BEYOND_FRAMES = 3,
	PASSES_OF_SAMPLES = 8,
	PASSES_WITHOUT_POOLS = 6, /* where each table takes one more */
	FILTER_BITS = 1 << 18,
	WINDOWS_KEPT = 2, /* of those that the view has room for */
	BLOCK_WORDS = 8,  /* of a block that may be pointed into behind its beginning */
};

/* What a pass looks for: addresses, and whom they are of. */
struct sought {
	uint64_t *filter;
	struct sought_slot {
		uint64_t address;
		uint32_t holder;
	} * slots;
	size_t slot_count;
	size_t count;
	uint64_t low;
	uint64_t high;
};

static size_t hash(uint64_t address)
{
	return (size_t)((address >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static uint32_t *find_slot(const struct search *search, uint64_t address)
{
	size_t at = hash(address) & (search->slot_count - 1);

	while (search->slots[at] && search->holders[search->slots[at]].address != address)
		at = (at + 1) & (search->slot_count - 1);
	return &search->slots[at];
}

/* The holder at an address, 0 where there is none. */
static uint32_t find_holder(const struct search *search, uint64_t address)
{
	return *find_slot(search, address);
}

static const struct chain_root *find_root(const struct search *search, uint64_t address)
{
	size_t low = sorted_below(search->roots, search->root_count, address, address);

	return low < search->root_count && search->roots[low].address == address
		       ? &search->roots[low]
		       : NULL;
}

uint32_t search_add(struct search *search, enum holder_kind kind, uint64_t address, uint32_t type)
{
	uint32_t *slot = find_slot(search, address);

	if (*slot)
		return *slot;
	if (search->holder_count == search->max_holders) {
		search->full = true;
		return 0;
	}
	*slot = (uint32_t)search->holder_count++;
	struct holder *holder = &search->holders[*slot];
	*holder = (struct holder){
		.address = address,
		.type = type,
		.kind = (uint8_t)kind,
		.rank = RANK_NONE,
		.pass = search->pass,
	};
	const struct chain_root *root = kind == HOLDER_OBJECT ? find_root(search, address) : NULL;
	if (root) {
		holder->root_label = root->label;
		holder->rank = root->rank;
	}
	return *slot;
}

void search_connect(struct search *search, uint32_t holder, uint32_t held, uint64_t word)
{
	const struct holding holding = {holder, held, word};

	if (holder && holder == held)
		search->holders[held].own++;
	if (!holder || holder == held)
		return;
	if (search->holding_count == 2 * search->max_holders ||
	    !array_append(&search->holdings, &search->holding_count, holding))
		search->full = true;
}

/* What the way from a holder to what it holds adds; a table is its holder's own. */
static int step_length(const struct holder *held)
{
	return is_table(held) ? 0 : 1;
}

/* From memory of unknown form to other such memory nothing is sure. */
static uint8_t rank_through(const struct holder *holder, const struct holder *held)
{
	bool is_guess = is_table(holder) && is_table(held) && holder->rank < RANK_C;

	return is_guess ? RANK_C : holder->rank;
}

/* Whether a chain through a holder is better than what is known of what it holds. */
static bool is_better(const struct holder *holder, const struct holder *held)
{
	uint8_t rank = rank_through(holder, held);

	return rank < held->rank || (rank == held->rank && rank != RANK_NONE &&
				     holder->distance + step_length(held) < held->distance);
}

static void relax(struct search *search)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < search->holding_count; i++) {
			const struct holding *holding = &search->holdings[i];
			const struct holder *holder = &search->holders[holding->holder];
			struct holder *held = &search->holders[holding->held];

			if (!is_better(holder, held))
				continue;
			held->rank = rank_through(holder, held);
			held->distance = (uint16_t)(holder->distance + step_length(held));
			held->up = (uint32_t)i + 1;
			changed = true;
		}
	}
}

/* A variable of a function that runs may hold what has a better name elsewhere. */
static bool is_open(const struct search *search, const struct holder *holder)
{
	int passes = search->reader->pools->absent ? PASSES_WITHOUT_POOLS : PASSES_BEYOND_FRAMES;

	if (search->chains->thorough)
		passes = PASSES_MAX;
	return holder->rank >= RANK_LEFTOVER ||
	       (holder->rank == RANK_FRAME && search->pass <= passes);
}

/* Marks what holds, directly or not, something that is wanted; `tables`: as far as tables do. */
static void want_above(struct search *search, bool tables)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < search->holding_count; i++) {
			struct holder *holder = &search->holders[search->holdings[i].holder];

			if (holder->wanted || !search->holders[search->holdings[i].held].wanted ||
			    (tables && !is_table(holder)))
				continue;
			holder->wanted = changed = true;
		}
	}
}

/* Holders of what has no good chain yet. */
static bool mark_wanted(struct search *search)
{
	bool any = false;

	for (size_t i = 1; i < search->holder_count; i++)
		search->holders[i].wanted = false;
	for (size_t i = 0; i < search->chains->count; i++) {
		uint32_t number = find_holder(search, search->chains->items[i].address);
		struct holder *holder = &search->holders[number];

		/* of what some others stand for too a long way is not worth its passes */
		holder->wanted = number && is_open(search, holder) &&
				 (search->chains->thorough || search->chains->items[i].is_weighed ||
				  search->pass <= PASSES_OF_SAMPLES);
		any |= holder->wanted;
	}
	want_above(search, false);
	return any;
}

static struct sought_slot *find_sought(const struct sought *sought, uint64_t address)
{
	size_t at = hash(address) & (sought->slot_count - 1);

	while (sought->slots[at].address && sought->slots[at].address != address)
		at = (at + 1) & (sought->slot_count - 1);
	return &sought->slots[at];
}

static void seek(struct sought *sought, uint64_t address, uint32_t holder)
{
	struct sought_slot *slot = find_sought(sought, address);
	size_t bit = hash(address) & (FILTER_BITS - 1);

	if (slot->address)
		return;
	*slot = (struct sought_slot){address, holder};
	sought->filter[bit / 64] |= UINT64_C(1) << bit % 64;
	sought->low = address < sought->low ? address : sought->low;
	sought->high = address > sought->high ? address : sought->high;
	sought->count++;
}

/* Values of instances are pointed to behind what precedes them, in 3.11 and 3.12. */
static void seek_block(struct sought *sought, const struct search *search, uint32_t number)
{
	const struct holder *holder = &search->holders[number];
	unsigned int minor = search->reader->structs->minor;
	uint32_t words = minor == 11 || minor == 12 ? BLOCK_WORDS : 1;

	for (uint32_t i = 0; i < words && i * 8 < holder->bytes; i++)
		seek(sought, holder->address + 8 * (uint64_t)i, number);
}

static void sought_release(struct sought *sought)
{
	free(sought->filter);
	free(sought->slots);
}

static int compare_words(const void *a, const void *b, void *context)
{
	const struct search *search = context;
	uint64_t left = search->holders[*(const uint32_t *)a].address;
	uint64_t right = search->holders[*(const uint32_t *)b].address;

	return left < right ? -1 : left > right;
}

/* What is wanted, and no pass asked for yet. */
static int sought_init(struct sought *sought, struct search *search)
{
	size_t count = 0;

	for (size_t i = 1; i < search->holder_count; i++)
		count += search->holders[i].wanted && !search->holders[i].sought;
	*sought = (struct sought){
		.filter = calloc(FILTER_BITS / 64, sizeof(*sought->filter)),
		.slot_count = 1024,
		.low = UINT64_MAX,
	};
	while (sought->slot_count < 2 * BLOCK_WORDS * count)
		sought->slot_count *= 2;
	sought->slots = calloc(sought->slot_count, sizeof(*sought->slots));
	search->word_count = 0;
	if (!sought->filter || !sought->slots)
		return -ENOMEM;
	for (uint32_t i = 1; i < search->holder_count; i++) {
		struct holder *holder = &search->holders[i];

		holder->hits = 0;
		if (!holder->wanted || holder->sought || !is_open(search, holder))
			continue;
		holder->sought = true;
		if (holder->kind == HOLDER_OBJECT)
			seek(sought, holder->address, i);
		else if (holder->kind == HOLDER_BLOCK)
			seek_block(sought, search, i);
		else if (holder->kind == HOLDER_WORD)
			search->words[search->word_count++] = i;
	}
	if (search->word_count)
		qsort_r(search->words, search->word_count, sizeof(*search->words), compare_words,
			search);
	return 0;
}

/*
 * Tags in the low bits of a reference (3.14's frames; 3.12's values - 1) do not hide it.
 */
static void search_page(struct search *search, const struct sought *sought, size_t region,
			uint64_t address, const uint64_t *words)
{
	for (size_t i = 0; i < VIEW_PAGE_BYTES / 8; i++) {
		uint64_t target = (words[i] + 1) & ~UINT64_C(7);

		if (target < sought->low || target > sought->high)
			continue;
		size_t bit = hash(target) & (FILTER_BITS - 1);
		if (!(sought->filter[bit / 64] >> bit % 64 & 1))
			continue;
		const struct sought_slot *slot = find_sought(sought, target);
		if (slot->address)
			search_hit(search, region, address + 8 * i, slot->holder);
	}
}

static void see_object(void *context, uint64_t address, uint32_t type)
{
	search_tables(context, address, type);
}

static void see_chunk_object(void *context, uint64_t address, uint32_t type, uint64_t bytes)
{
	(void)bytes;
	search_tables(context, address, type);
}

bool search_make_room(const struct search *search)
{
	struct view *view = search->reader->view;

	if (view_numbers(view).kept_bytes < WINDOWS_KEPT * search->window_bytes)
		return false;
	view_clear(view, view_regions(view));
	return true;
}

static int search_pages(struct search *search, const struct sought *sought, size_t index,
			uint64_t start, uint64_t end)
{
	struct view *view = search->reader->view;
	uint64_t words[VIEW_PAGE_BYTES / 8];
	bool cleared = false;

	for (uint64_t at = start; at < end && sought->count; at += VIEW_PAGE_BYTES) {
		const uint8_t *page = cleared ? view_page(view, at) : view_kept(view, at);

		if (!page)
			continue;
		memcpy(words, page, sizeof(words));
		search_page(search, sought, index, at, words);
		/* answers about what was hit read other pages too */
		cleared |= search_make_room(search);
	}
	if (!cleared)
		return 0;
	view_clear(view, view_regions(view));
	return view_fill(view, start, end);
}

static int search_window(struct search *search, const struct sought *sought, size_t index,
			 uint64_t start, uint64_t end)
{
	struct object_reader *reader = search->reader;
	const struct regions *regions = view_regions(reader->view);

	view_clear(reader->view, regions);
	int error = view_fill(reader->view, start, end);
	if (error)
		return error;
	error = search_pages(search, sought, index, start, end);
	if (!error && search->word_count && !regions->items[index].mapping.inode &&
	    !reader->pools->absent)
		error = object_pools_read(&search->pools, reader->view, start, end, see_object,
					  search);
	return error;
}

static int search_region(struct search *search, const struct sought *sought, size_t index)
{
	const struct mapping *mapping = &view_regions(search->reader->view)->items[index].mapping;
	uint64_t bytes = search->window_bytes;
	int error = 0;

	for (uint64_t at = mapping->start & ~(bytes - 1); at < mapping->end && !error; at += bytes)
		error = search_window(search, sought, index,
				      at > mapping->start ? at : mapping->start,
				      at + bytes < mapping->end ? at + bytes : mapping->end);
	return error;
}

static int search_all(struct search *search)
{
	const struct regions *regions = view_regions(search->reader->view);
	struct sought sought;
	int error = sought_init(&sought, search);

	object_pools_begin(&search->pools, false);
	search->asked = sought.count || search->word_count;
	for (size_t i = 0; i < regions->count && !error && (sought.count || search->word_count);
	     i++)
		if (region_is_data(&regions->items[i]) && regions->items[i].resident_bytes)
			error = search_region(search, &sought, i);
	sought_release(&sought);
	if (!error && search->word_count && search->reader->pools->absent)
		error = object_chunks_read(search->reader, search->window_bytes, see_chunk_object,
					   search);
	return error == -ENOTSUP ? 0 : error;
}

static int search_init(struct search *search, size_t max_holders)
{
	struct object_reader *reader = search->reader;
	int error = object_pools_init(&search->pools, reader->structs, reader->types);

	if (error)
		return error;
	search->max_holders = max_holders;
	search->hits_max = HITS_MAX;
	search->slot_count = 1024;
	while (search->slot_count < 2 * max_holders)
		search->slot_count *= 2;
	search->holders = calloc(max_holders, sizeof(*search->holders));
	search->words = calloc(max_holders, sizeof(*search->words));
	search->slots = calloc(search->slot_count, sizeof(*search->slots));
	search->holder_count = 1;
	if (!search->holders || !search->words || !search->slots)
		return -ENOMEM;
	search->holders[0].rank = RANK_NONE;
	return 0;
}

static void search_release(struct search *search)
{
	free(search->holders);
	free(search->words);
	free(search->slots);
	free(search->holdings);
	free(search->roots);
	free(search->tables);
	object_pools_release(&search->pools);
}

static int go_up(struct search *search)
{
	int error = 0;

	for (search->pass = 1; search->pass <= PASSES_MAX && !error; search->pass++) {
		size_t holdings = search->holding_count;

		if (!mark_wanted(search))
			break;
		error = search_all(search);
		if (!search->asked)
			break;
		search->chains->passes++;
		search_verify(search, holdings);
		relax(search);
	}
	return error;
}

int chains_find(struct chains *chains, struct object_reader *reader,
		const struct python_interpreter *interpreter, uint64_t window_bytes,
		size_t max_nodes)
{
	struct search search = {.chains = chains, .reader = reader, .window_bytes = window_bytes};
	const struct regions *regions = view_regions(reader->view);
	int error = search_init(&search, max_nodes);

	view_clear(reader->view, regions);
	if (!error)
		error = search_begin(&search, interpreter);
	for (size_t i = 0; i < chains->count && !error; i++) {
		search_add(&search, HOLDER_OBJECT, chains->items[i].address, chains->items[i].type);
		view_clear(reader->view, regions);
		if (chains->items[i].is_weighed)
			chain_measure(chains, reader, &chains->items[i]);
	}
	if (!error)
		error = go_up(&search);
	if (!error)
		search_judge(&search);
	for (size_t i = 0; i < chains->count && !error; i++) {
		struct chain *chain = &chains->items[i];
		uint32_t number = find_holder(&search, chain->address);

		view_clear(reader->view, regions);
		chain->is_garbage = number && !search.holders[number].wanted;
		if (!chain->is_garbage)
			chain_name(&search, chain, number);
	}
	chains->full = search.full;
	search_release(&search);
	return error;
}

/* Tables that lead to `number`, as far as they are known: only these are asked for on. */
static bool mark_tables(struct search *search, uint32_t number)
{
	bool any = false;

	for (size_t i = 1; i < search->holder_count; i++)
		search->holders[i].wanted = i == number;
	want_above(search, true);
	for (size_t i = 1; i < search->holder_count; i++)
		any |= search->holders[i].wanted && !search->holders[i].sought;
	return any;
}

static int take_referrers(const struct search *search, struct referrer **referrers, size_t *count)
{
	for (size_t i = 1; i < search->holder_count; i++) {
		const struct holder *holder = &search->holders[i];
		const struct referrer referrer = {holder->address, holder->type};

		if (holder->kind == HOLDER_OBJECT && holder->pass &&
		    !array_append(referrers, count, referrer))
			return -ENOMEM;
	}
	return 0;
}

int chains_referrers(struct object_reader *reader, const struct python_interpreter *interpreter,
		     const struct chain *object, uint64_t window_bytes, size_t max_nodes,
		     struct referrer **referrers, size_t *count, bool *full)
{
	struct chains passed = {0};
	struct search search = {.chains = &passed, .reader = reader, .window_bytes = window_bytes};
	int error = search_init(&search, max_nodes);

	view_clear(reader->view, view_regions(reader->view));
	if (!error)
		error = search_begin(&search, interpreter);
	search.hits_max = UINT16_MAX;
	uint32_t number =
		error ? 0 : search_add(&search, HOLDER_OBJECT, object->address, object->type);
	if (number) /* whatever root it is, it is asked for */
		search.holders[number].rank = RANK_NONE;
	for (search.pass = 1; search.pass <= PASSES_MAX && !error; search.pass++) {
		if (!mark_tables(&search, number))
			break;
		error = search_all(&search);
	}
	*referrers = NULL;
	*count = 0;
	if (!error)
		error = take_referrers(&search, referrers, count);
	*full = search.full;
	search_release(&search);
	return error;
}

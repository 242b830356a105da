// SPDX-License-Identifier: BSD-2-Clause
#include "python_frees.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "../../bpf/probes.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../python/objects/pool_states.h"
#include "../python/objects/pools.h"
#include "settled.h"

/* A program has put a block in before the allocator is done with it: by then it is. */
#define YOUNG_NS    10000000
#define POLL_NS     1000000000
#define SETTLE_PART 0.01 /* of our time, at most, goes into looking between reports */

struct reader {
	struct image *image; /* the collector's */
	struct python_counters counters;
	struct page_source source;  /* of this very image: one that it goes on in is not seen */
	struct pool_states *before; /* NULL: not known */
	struct amount older;        /* in use then */
	struct amount older_freed;
	/* as of the last time */
	uint64_t in_use;
	uint64_t large; /* blocks in the ledger that are beyond pools */
	uint64_t uncertain;
};

struct python_frees {
	const struct loaded *loaded;
	const struct collector *collector;
	struct settled_blocks settled;
	struct reader *items;
	size_t count;
	bool started;
	uint64_t settled_ns; /* when it was done last, */
	uint64_t cost_ns;    /* and what that took */
	uint64_t closed;     /* blocks */
};

struct python_frees *python_frees_new(const struct loaded *loaded,
				      const struct collector *collector)
{
	struct python_frees *frees = calloc(1, sizeof(*frees));

	if (!frees)
		return NULL;
	frees->loaded = loaded;
	frees->collector = collector;
	if (!settled_open(&frees->settled, loaded))
		return frees;
	free(frees);
	return NULL;
}

static void release(struct reader *reader)
{
	page_source_close(&reader->source);
	pool_states_free(reader->before);
}

void python_frees_free(struct python_frees *frees)
{
	if (!frees)
		return;
	for (size_t i = 0; i < frees->count; i++)
		release(&frees->items[i]);
	settled_close(&frees->settled);
	free(frees->items);
	free(frees);
}

/* --- blocks of the ledger --- */

struct held_block {
	uint64_t key;
	uint64_t time_ns;
	uint64_t bytes;
	bool unsure; /* whose it is: its stack is not known */
};

struct gathering {
	struct python_frees *frees;
	struct held_block *blocks; /* that lie in pools, or may */
	size_t count;
	bool failed;
};

static struct reader *find_number(const struct python_frees *frees, uint32_t number)
{
	for (size_t i = frees->count; i-- > 0;)
		if (SPACE_NUMBER(frees->items[i].image->space) == number)
			return &frees->items[i];
	return NULL;
}

static void gather(void *context, uint64_t key, const struct block *block)
{
	struct gathering *gathering = context;
	int domain = collector_domain(gathering->frees->collector, block->stack);
	const struct held_block held = {key, block->time_ns, block->size, domain < 0};
	struct reader *reader = find_number(gathering->frees, BLOCK_KEY_SPACE(key));

	if (!reader || (domain >= 0 && domain != DOMAIN_PYTHON))
		return;
	if (!block->size || block->size > POOL_BLOCK_BYTES_MAX)
		reader->large += domain == DOMAIN_PYTHON;
	else if (reader->image->gone)
		reader->uncertain++;
	else if (!array_append(&gathering->blocks, &gathering->count, held))
		gathering->failed = true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct held_block *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

static int gather_all(struct python_frees *frees, struct gathering *gathering)
{
	*gathering = (struct gathering){.frees = frees};
	for (size_t i = 0; i < frees->count; i++)
		frees->items[i].large = frees->items[i].uncertain = 0;
	int error = ledger_view_visit(&frees->loaded->view, UINT64_MAX, gather, gathering);

	if (!error && gathering->failed)
		error = -ENOMEM;
	if (!error && gathering->count)
		qsort(gathering->blocks, gathering->count, sizeof(*gathering->blocks),
		      compare_keys);
	return error;
}

/* --- their pools --- */

struct pool_list {
	uint64_t *addresses;
	size_t count;
};

/* All pools of an interpreter, and those in which the ledger has blocks, whatever the lists say. */
static int list_pools(const struct reader *reader, const struct held_block *blocks, size_t count,
		      struct pool_list *list)
{
	const struct python_interpreter *facts = python_target_interpreter(reader->image->python);
	uint64_t mask = ~(uint64_t)(facts->layout.pool_bytes - 1), last = 0;
	ssize_t listed = python_pools_list(facts, &reader->counters, &list->addresses);

	list->count = listed > 0 ? (size_t)listed : 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t pool = BLOCK_KEY_ADDRESS(blocks[i].key) & mask;

		if (pool == last || blocks[i].unsure)
			continue;
		last = pool;
		if (!array_append(&list->addresses, &list->count, pool))
			return -ENOMEM;
	}
	return listed < 0 && listed != -EBADMSG && listed != -ESRCH ? (int)listed : 0;
}

/* NULL with errno. */
static struct pool_states *read_pools(const struct reader *reader, const struct held_block *blocks,
				      size_t count)
{
	const struct python_interpreter *facts = python_target_interpreter(reader->image->python);
	struct pool_states *states = NULL;
	struct pool_list list;
	int error = list_pools(reader, blocks, count, &list);

	if (error)
		errno = -error;
	else
		states = pool_states_read(&reader->source, facts->layout.pool_bytes, list.addresses,
					  list.count);
	free(list.addresses);
	return states;
}

static void close_freed(struct python_frees *frees, struct reader *reader,
			const struct pool_states *states, struct held_block *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t address = BLOCK_KEY_ADDRESS(blocks[i].key);
		enum pool_block_state state = pool_states_of(states, address, blocks[i].bytes);

		if (blocks[i].unsure && !pool_states_have(states, address))
			continue; /* rather one of malloc */
		reader->uncertain += state == POOL_BLOCK_UNREAD;
		if (state != POOL_BLOCK_GONE)
			continue;
		settled_add(&frees->settled,
			    &(struct settled){blocks[i].key, blocks[i].time_ns, 0});
		frees->closed++;
	}
	settled_run(&frees->settled);
}

/* --- blocks that are older than the trace --- */

struct comparing {
	struct reader *reader;
	const struct pool_states *states; /* as they are now */
	const struct held_block *blocks;  /* in the ledger */
	size_t count;
};

static void sum(void *context, uint64_t address, uint32_t class_bytes)
{
	struct amount *amount = context;

	(void)address;
	amount->bytes += class_bytes;
	amount->blocks++;
}

static bool is_held(const struct comparing *comparing, uint64_t address)
{
	const struct held_block wanted = {
		.key = BLOCK_KEY(SPACE_NUMBER(comparing->reader->image->space), address)};

	return comparing->count &&
	       bsearch(&wanted, comparing->blocks, comparing->count, sizeof(wanted), compare_keys);
}

static void leave_out_new(void *context, uint64_t address, uint32_t class_bytes)
{
	const struct comparing *comparing = context;

	(void)class_bytes;
	if (is_held(comparing, address))
		pool_states_leave_out(comparing->reader->before, address);
}

static void add_freed(void *context, uint64_t address, uint32_t class_bytes)
{
	const struct comparing *comparing = context;
	struct reader *reader = comparing->reader;

	if (pool_states_of(comparing->states, address, class_bytes) != POOL_BLOCK_GONE &&
	    !is_held(comparing, address))
		return;
	reader->older_freed.bytes += class_bytes;
	reader->older_freed.blocks++;
	pool_states_leave_out(reader->before, address);
}

static void compare(const struct comparing *comparing)
{
	struct reader *reader = comparing->reader;
	struct amount in_use = {0};

	pool_states_each(comparing->states, sum, &in_use);
	reader->in_use = in_use.blocks;
	if (reader->before)
		pool_states_each(reader->before, add_freed, (void *)comparing);
}

/* --- all of them --- */

static void settle_one(struct python_frees *frees, struct reader *reader, uint64_t began_ns,
		       struct held_block *blocks, size_t count)
{
	struct pool_states *states = read_pools(reader, blocks, count);

	if (!states) { /* it has ended, or goes on in another image */
		reader->uncertain += count;
		return;
	}
	close_freed(frees, reader, states, blocks, count);
	compare(&(struct comparing){reader, states, blocks, count});
	reader->image->account.frees_read_ns = began_ns;
	pool_states_free(states);
}

/* The blocks of one reader lie behind one another. */
static struct held_block *blocks_of(const struct gathering *gathering, const struct reader *reader,
				    size_t *count)
{
	uint32_t number = SPACE_NUMBER(reader->image->space);
	size_t first = 0, end;

	while (first < gathering->count && BLOCK_KEY_SPACE(gathering->blocks[first].key) != number)
		first++;
	for (end = first;
	     end < gathering->count && BLOCK_KEY_SPACE(gathering->blocks[end].key) == number;)
		end++;
	*count = end - first;
	return gathering->blocks + first;
}

static void wait_until_old(uint64_t began_ns)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	const struct timespec rest = {.tv_nsec = (long)(began_ns + YOUNG_NS - now_ns)};

	if (now_ns < began_ns + YOUNG_NS)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
}

void python_frees_settle(struct python_frees *frees)
{
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC), cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct gathering gathering;
	int error = frees && frees->count ? gather_all(frees, &gathering) : -ENOENT;

	if (!error)
		wait_until_old(began_ns);
	for (size_t i = 0; !error && i < frees->count; i++) {
		size_t count;
		struct held_block *blocks = blocks_of(&gathering, &frees->items[i], &count);

		frees->items[i].image->account.frees_read_ns = 0;
		if (!frees->items[i].image->gone)
			settle_one(frees, &frees->items[i], began_ns, blocks, count);
	}
	if (error == -ENOENT)
		return;
	free(gathering.blocks);
	frees->settled_ns = clock_ns(CLOCK_MONOTONIC);
	frees->cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cost_ns;
}

void python_frees_poll(struct python_frees *frees)
{
	uint64_t passed_ns = frees ? clock_ns(CLOCK_MONOTONIC) - frees->settled_ns : 0;

	if (frees && frees->started && passed_ns >= POLL_NS &&
	    (double)passed_ns * SETTLE_PART >= (double)frees->cost_ns)
		python_frees_settle(frees);
}

/* What was allocated while its pools were read is left out: it is in the ledger by then. */
static void begin(struct python_frees *frees, struct reader *reader)
{
	struct gathering gathering;

	reader->before = read_pools(reader, NULL, 0);
	if (!reader->before || gather_all(frees, &gathering))
		return;
	struct comparing comparing = {.reader = reader};
	comparing.blocks = blocks_of(&gathering, reader, &comparing.count);
	pool_states_each(reader->before, leave_out_new, &comparing);
	reader->older = (struct amount){0};
	pool_states_each(reader->before, sum, &reader->older);
	free(gathering.blocks);
}

void python_frees_start(struct python_frees *frees)
{
	if (!frees)
		return;
	frees->started = true;
	frees->settled_ns = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < frees->count; i++)
		begin(frees, &frees->items[i]);
}

int python_frees_add(struct python_frees *frees, struct image *image,
		     const struct python_counters *counters)
{
	struct reader reader = {.image = image, .counters = *counters};
	int error = page_source_open(&reader.source, (pid_t)image->pid, NULL);

	if (error)
		return error;
	if (!array_append(&frees->items, &frees->count, reader)) {
		release(&reader);
		return -ENOMEM;
	}
	image->account.frees_are_read = true;
	frees->loaded->skeleton->bss->frees_are_read = 1;
	if (frees->started)
		begin(frees, &frees->items[frees->count - 1]);
	return 0;
}

void python_frees_remove(struct python_frees *frees, const struct image *image)
{
	for (size_t i = 0; frees && i < frees->count; i++) {
		if (frees->items[i].image != image)
			continue;
		release(&frees->items[i]);
		frees->items[i] = frees->items[--frees->count];
		return;
	}
}

/* Of what lies in pools; what is larger malloc's probes see. */
void python_frees_account(const struct python_frees *frees)
{
	for (size_t i = 0; frees && i < frees->count; i++) {
		const struct reader *reader = &frees->items[i];
		struct python_account *account = &reader->image->account;

		account->counted &= reader->before != NULL;
		account->before = reader->older.blocks;
		account->now = reader->in_use + reader->large;
		account->old_frees = reader->older_freed.blocks;
	}
}

struct python_frees_found python_frees_found(const struct python_frees *frees)
{
	struct python_frees_found found = {0};

	if (!frees)
		return found;
	found.untrapped = frees->closed + frees->loaded->skeleton->bss->frees_untrapped;
	for (size_t i = 0; i < frees->count; i++) {
		found.uncertain += frees->items[i].uncertain;
		found.older.bytes += frees->items[i].older_freed.bytes;
		found.older.blocks += frees->items[i].older_freed.blocks;
	}
	return found;
}

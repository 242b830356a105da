/* SPDX-License-Identifier: BSD-2-Clause */
#include "python_frees.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "../../bpf/probes.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../python/objects/pool_states.h"
#include "../python/objects/pools.h"
#include "open_blocks.h"
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

static struct reader *find_number(const struct python_frees *frees, uint32_t number)
{
	for (size_t i = frees->count; i-- > 0;)
		if (SPACE_NUMBER(frees->items[i].image->space) == number)
			return &frees->items[i];
	return NULL;
}

/* Those that lie in pools, or may; `unsure`: whose it is, as its stack is not known. */
static bool is_in_pools(void *context, const struct block *block, struct open_block *open)
{
	const struct python_frees *frees = context;
	int domain = collector_domain(frees->collector, block->stack);
	struct reader *reader = find_number(frees, BLOCK_KEY_SPACE(open->key));

	open->unsure = domain < 0;
	if (!reader || (domain >= 0 && domain != DOMAIN_PYTHON))
		return false;
	if (!block->size || block->size > POOL_BLOCK_BYTES_MAX)
		reader->large += domain == DOMAIN_PYTHON;
	else if (reader->image->gone)
		reader->uncertain++;
	else
		return true;
	return false;
}

static int gather(struct python_frees *frees, struct open_blocks *blocks)
{
	for (size_t i = 0; i < frees->count; i++)
		frees->items[i].large = frees->items[i].uncertain = 0;
	return open_blocks_gather(blocks, &frees->loaded->view, UINT64_MAX, is_in_pools, frees);
}

static struct open_blocks blocks_of(const struct open_blocks *blocks, const struct reader *reader)
{
	return open_blocks_of(blocks, SPACE_NUMBER(reader->image->space));
}

/* --- their pools --- */

struct pool_list {
	uint64_t *addresses;
	size_t count;
};

/* All pools of an interpreter, and those in which the ledger has blocks, whatever the lists say. */
static int list_pools(const struct reader *reader, const struct open_blocks *blocks,
		      struct pool_list *list)
{
	const struct python_interpreter *facts = python_target_interpreter(reader->image->python);
	uint64_t mask = ~(uint64_t)(facts->layout.pool_bytes - 1), last = 0;
	ssize_t listed = python_pools_list(facts, &reader->counters, &list->addresses);

	list->count = listed > 0 ? (size_t)listed : 0;
	for (size_t i = 0; i < blocks->count; i++) {
		uint64_t pool = BLOCK_KEY_ADDRESS(blocks->items[i].key) & mask;

		if (pool == last || blocks->items[i].unsure)
			continue;
		last = pool;
		if (!array_append(&list->addresses, &list->count, pool))
			return -ENOMEM;
	}
	return listed < 0 && listed != -EBADMSG && listed != -ESRCH ? (int)listed : 0;
}

/* NULL with errno. */
static struct pool_states *read_pools(const struct reader *reader, const struct open_blocks *blocks)
{
	const struct python_interpreter *facts = python_target_interpreter(reader->image->python);
	struct pool_states *states = NULL;
	struct pool_list list;
	int error = list_pools(reader, blocks, &list);

	if (error)
		errno = -error;
	else
		states = pool_states_read(&reader->source, facts->layout.pool_bytes, list.addresses,
					  list.count);
	free(list.addresses);
	return states;
}

static void close_freed(struct python_frees *frees, struct reader *reader,
			const struct pool_states *states, const struct open_blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++) {
		const struct open_block *block = &blocks->items[i];
		uint64_t address = BLOCK_KEY_ADDRESS(block->key);
		enum pool_block_state state = pool_states_of(states, address, block->bytes);

		if (block->unsure && !pool_states_have(states, address))
			continue; /* rather one of malloc */
		reader->uncertain += state == POOL_BLOCK_UNREAD;
		if (state != POOL_BLOCK_GONE)
			continue;
		settled_add(&frees->settled, &(struct settled){block->key, block->time_ns, 0});
		frees->closed++;
	}
	settled_run(&frees->settled);
}

/* --- blocks that are older than the trace --- */

struct comparing {
	struct reader *reader;
	const struct pool_states *states; /* as they are now */
	const struct open_blocks *blocks; /* in the ledger */
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
	return open_blocks_have(comparing->blocks,
				BLOCK_KEY(SPACE_NUMBER(comparing->reader->image->space), address));
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
		       const struct open_blocks *blocks)
{
	struct pool_states *states = read_pools(reader, blocks);

	if (!states) { /* it has ended, or goes on in another image */
		reader->uncertain += blocks->count;
		return;
	}
	close_freed(frees, reader, states, blocks);
	compare(&(struct comparing){reader, states, blocks});
	reader->image->account.frees_read_ns = began_ns;
	pool_states_free(states);
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
	struct open_blocks blocks;

	if (!frees || !frees->count)
		return;
	int error = gather(frees, &blocks);
	if (!error)
		wait_until_old(began_ns);
	for (size_t i = 0; !error && i < frees->count; i++) {
		const struct open_blocks own = blocks_of(&blocks, &frees->items[i]);

		frees->items[i].image->account.frees_read_ns = 0;
		if (!frees->items[i].image->gone)
			settle_one(frees, &frees->items[i], began_ns, &own);
	}
	open_blocks_release(&blocks);
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
	struct open_blocks blocks = {0};

	reader->before = read_pools(reader, &blocks);
	if (reader->before && !gather(frees, &blocks)) {
		const struct open_blocks own = blocks_of(&blocks, reader);
		struct comparing comparing = {.reader = reader, .blocks = &own};

		pool_states_each(reader->before, leave_out_new, &comparing);
		reader->older = (struct amount){0};
		pool_states_each(reader->before, sum, &reader->older);
	}
	open_blocks_release(&blocks);
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

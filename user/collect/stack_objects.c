/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack_objects.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"
#include "../python/objects/block_types.h"
#include "pools.h"

enum {
	TYPES_MAX_A_ROW = 64,
	BLOCK_COST = 4096,  /* bytes that are read for a block: its page */
	COST_MAX = 2 << 20, /* of a row */
	COST_MIN = 64 << 10,
};

struct chosen {
	uint64_t address;
	uint64_t bytes;
	uint32_t row;
};

struct tally_type {
	uint32_t type;
	struct amount held;
};

struct tally {
	uint64_t count;  /* blocks of the row */
	uint64_t stride; /* every so manieth is read */
	uint64_t passed;
	struct amount seen;
	struct amount reused;
	uint64_t table_bytes; /* of dictionaries' keys, which go to their type */
	struct tally_type *types;
	size_t type_count;
};

struct choice {
	const struct stack_objects_request *request;
	struct tally *tallies; /* by row */
	struct chosen *items;
	size_t count;
	bool failed;
	struct tally *current; /* of the pool that is read */
};

static const struct known_stack *find_stack(const struct choice *choice, uint32_t row)
{
	const struct known_stack *known = choice->request->stacks->by_row[row];

	return known && known->domain == DOMAIN_PYTHON && !known->image->gone &&
			       known->image->python
		       ? known
		       : NULL;
}

/* --- which ones --- */

static void count_block(void *context, uint64_t key, const struct block *block)
{
	struct choice *choice = context;

	(void)key;
	if (find_stack(choice, block->stack))
		choice->tallies[block->stack].count++;
}

static uint64_t pool_bytes(const struct known_stack *known)
{
	return (uint64_t)known->image->account.pools *
	       python_target_interpreter(known->image->python)->layout.pool_bytes;
}

static uint64_t cost_of(const struct known_stack *known)
{
	return pools_has(known) ? pool_bytes(known) : BLOCK_COST;
}

/* How many of a row's blocks are read where that may cost so much a row. */
static uint64_t quota(const struct choice *choice, size_t row, uint64_t cost)
{
	uint64_t most = cost / cost_of(choice->request->stacks->by_row[row]);
	uint64_t count = choice->tallies[row].count;

	most = most ? most : 1;
	return count < most ? count : most;
}

static void set_strides(struct choice *choice)
{
	size_t rows = choice->request->stacks->row_count;
	uint64_t cost = 2 * COST_MAX, sum = UINT64_MAX;

	while (sum > choice->request->bytes_max && cost > COST_MIN) {
		cost /= 2;
		sum = 0;
		for (size_t row = 0; row < rows; row++)
			if (choice->tallies[row].count)
				sum += quota(choice, row, cost) *
				       cost_of(choice->request->stacks->by_row[row]);
	}
	for (size_t row = 0; row < rows; row++) {
		struct tally *tally = &choice->tallies[row];

		if (tally->count)
			tally->stride = (tally->count - 1) / quota(choice, row, cost) + 1;
	}
}

static void choose_block(void *context, uint64_t key, const struct block *block)
{
	struct choice *choice = context;
	struct tally *tally = &choice->tallies[block->stack];
	const struct chosen chosen = {BLOCK_KEY_ADDRESS(key), block->size, block->stack};

	if (!tally->stride || tally->passed++ % tally->stride)
		return;
	choice->failed |= !array_append(&choice->items, &choice->count, chosen);
}

/* By process, then by address, as they lie in pages side by side. */
static int compare(const void *left, const void *right, void *context)
{
	const struct stack_table *stacks = context;
	const struct chosen *a = left, *b = right;
	uint32_t of_a = stacks->by_row[a->row]->image->space;
	uint32_t of_b = stacks->by_row[b->row]->image->space;

	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	return (a->address > b->address) - (a->address < b->address);
}

/* --- what they hold --- */

static void add_type(struct tally *tally, uint32_t type, struct amount amount)
{
	for (size_t i = 0; i < tally->type_count; i++) {
		if (tally->types[i].type == type) {
			amount_add(&tally->types[i].held, &amount);
			return;
		}
	}
	if (tally->type_count < TYPES_MAX_A_ROW)
		array_append(&tally->types, &tally->type_count,
			     ((struct tally_type){type, amount}));
}

static void add_content(void *context, struct block_content content, uint64_t count, uint64_t bytes)
{
	struct choice *choice = context;
	struct tally *tally = choice->current;
	const struct amount amount = {bytes, count};

	amount_add(&tally->seen, &amount);
	if (content.reused)
		amount_add(&tally->reused, &amount);
	if (content.table)
		tally->table_bytes += bytes;
	if (content.type)
		add_type(tally, content.type, amount);
}

static void look_into(struct choice *choice, struct block_types *types, const struct chosen *chosen)
{
	const struct known_stack *known = choice->request->stacks->by_row[chosen->row];
	struct block_content content;

	choice->current = &choice->tallies[chosen->row];
	if (pools_has(known))
		block_types_pools(types, chosen->address, chosen->address + pool_bytes(known),
				  add_content, choice);
	else if (block_types_block(types, chosen->address, chosen->bytes, &content))
		add_content(choice, content, 1, chosen->bytes);
}

static uint64_t scale(uint64_t part, uint64_t seen, uint64_t all)
{
	return seen ? (uint64_t)((double)part / (double)seen * (double)all) : 0;
}

static struct amount scale_amount(const struct tally *tally, const struct live_blocks *live,
				  const struct amount *part)
{
	return (struct amount){
		.bytes = scale(part->bytes, tally->seen.bytes, live->bytes),
		.blocks = scale(part->blocks, tally->seen.blocks, live->blocks),
	};
}

static struct stack_objects *make_objects(const struct choice *choice,
					  const struct block_types *types, uint32_t row,
					  struct snapshot *snapshot)
{
	const struct tally *tally = &choice->tallies[row];
	const struct live_blocks *live = &choice->request->live[row];
	const struct amount tables = {.bytes = tally->table_bytes};
	struct stack_type found[TYPES_MAX_A_ROW + 1];
	struct stack part = {0};
	struct stack_objects objects = {
		.known = {live->bytes, live->blocks},
		.has_reused = !pools_has(choice->request->stacks->by_row[row]),
		.reused = scale_amount(tally, live, &tally->reused),
		.types = found,
		.type_count = tally->type_count,
	};

	for (size_t i = 0; i < tally->type_count; i++)
		found[i] = (struct stack_type){
			block_types_name(types, tally->types[i].type),
			scale_amount(tally, live, &tally->types[i].held),
		};
	if (tables.bytes) /* they may have a row of their own, of which the same stack comes */
		found[objects.type_count++] =
			(struct stack_type){"dict", scale_amount(tally, live, &tables)};
	snapshot_add_objects(snapshot, &part, &objects);
	return part.objects;
}

/* The chosen blocks of one process. */
static void read_process(struct choice *choice, struct chosen *items, size_t count,
			 struct snapshot *snapshot, struct stack_objects **rows)
{
	const struct image *image = choice->request->stacks->by_row[items[0].row]->image;
	struct block_types *types =
		block_types_new(choice->request->procfs, python_target_interpreter(image->python));

	for (size_t i = 0; types && i < count; i++)
		look_into(choice, types, &items[i]);
	for (size_t i = 0; types && i < count; i++)
		if (!rows[items[i].row] && choice->tallies[items[i].row].seen.blocks)
			rows[items[i].row] = make_objects(choice, types, items[i].row, snapshot);
	block_types_free(types);
}

static void read_processes(struct choice *choice, struct snapshot *snapshot,
			   struct stack_objects **rows)
{
	const struct stack_table *stacks = choice->request->stacks;

	for (size_t start = 0, end; start < choice->count; start = end) {
		const struct image *image = stacks->by_row[choice->items[start].row]->image;

		end = start + 1;
		while (end < choice->count &&
		       stacks->by_row[choice->items[end].row]->image == image)
			end++;
		read_process(choice, choice->items + start, end - start, snapshot, rows);
	}
}

static void choice_release(struct choice *choice)
{
	for (size_t row = 0; choice->tallies && row < choice->request->stacks->row_count; row++)
		free(choice->tallies[row].types);
	free(choice->tallies);
	free(choice->items);
}

int stack_objects_read(const struct stack_objects_request *request, struct snapshot *snapshot,
		       struct stack_objects **rows)
{
	struct choice choice = {
		.request = request,
		.tallies = calloc(request->stacks->row_count + 1, sizeof(*choice.tallies)),
	};
	int error = choice.tallies ? 0 : -ENOMEM;

	if (!error)
		error = ledger_view_visit(request->view, request->newest_ns, count_block, &choice);
	if (!error) {
		set_strides(&choice);
		error = ledger_view_visit(request->view, request->newest_ns, choose_block, &choice);
	}
	if (!error && choice.failed)
		error = -ENOMEM;
	if (!error && choice.count) {
		qsort_r(choice.items, choice.count, sizeof(*choice.items), compare,
			(void *)request->stacks);
		read_processes(&choice, snapshot, rows);
	}
	choice_release(&choice);
	return error;
}

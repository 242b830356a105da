/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "../lib/saturate.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"
#include "own_frame.h"

/* While the tree has fewer nodes than that, so many frames are kept at either end of a stack. */
static const struct {
	size_t nodes;
	size_t kept;
} levels[] = {{120000, SIZE_MAX}, {150000, 8}, {170000, 4}, {190000, 2}};

enum { LEVELS = sizeof(levels) / sizeof(levels[0]), ROWS_MAX = 150000, FRAMES_MAX = 100000 };

enum marker { MARK_TRUNCATED, MARK_GUESSED, MARK_CUT, MARK_OTHERS, MARK_LOST, MARK_REUSED };

static const struct frame markers[] = {
	[MARK_TRUNCATED] = {LABEL_TRUNCATED, .kind = TREE_MARKER},
	[MARK_GUESSED] = {LABEL_GUESSED, .kind = TREE_MARKER},
	[MARK_CUT] = {"[frames left out]", .kind = TREE_MARKER},
	[MARK_OTHERS] = {"[other stacks]", .kind = TREE_MARKER},
	[MARK_LOST] = {LABEL_LOST, .kind = TREE_MARKER},
	[MARK_REUSED] = {LABEL_REUSED, .kind = TREE_MARKER},
};

struct node_entry {
	UT_hash_handle hh;
	struct tree_node key;
	uint32_t number;
};

struct frame_key {
	const char *name, *file, *module;
	uint64_t line, kind;
};

struct frame_entry {
	UT_hash_handle hh;
	struct frame_key key;
	uint32_t number;
};

struct row_key {
	uint32_t node, target, domain;
};

struct row_entry {
	UT_hash_handle hh;
	struct row_key key;
	uint32_t number;
};

struct builder {
	struct stack_tree *tree;
	const struct snapshot *snapshot;
	const struct output_options *options;
	struct zone *scratch;
	struct node_entry *nodes;
	struct frame_entry *frames;
	struct row_entry *rows;
	size_t node_room, frame_room, row_room;
};

static uint32_t frame_number(struct builder *builder, const struct target *target,
			     const struct frame *frame)
{
	struct stack_tree *tree = builder->tree;
	struct frame_key key;
	struct frame_entry *entry;

	memset(&key, 0, sizeof(key));
	key = (struct frame_key){frame->name, frame->file, frame->module, frame->line, frame->kind};
	HASH_FIND(hh, builder->frames, &key, sizeof(key), entry);
	if (!entry) {
		entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
		entry->key = key;
		entry->number = (uint32_t)tree->frame_count;
		HASH_ADD(hh, builder->frames, key, sizeof(key), entry);
		tree->frames = zone_grow(tree->zone, tree->frames, tree->frame_count,
					 &builder->frame_room, sizeof(*tree->frames));
		tree->frames[tree->frame_count++] = (struct tree_frame){frame, false};
	}
	if (frame->kind != TREE_MARKER && !tree->frames[entry->number].own)
		tree->frames[entry->number].own =
			frame_is_users(target, frame, &builder->options->app);
	return entry->number;
}

static uint32_t add_node(struct builder *builder, uint32_t parent, const struct target *target,
			 const struct frame *frame)
{
	struct stack_tree *tree = builder->tree;
	struct tree_node key = {parent, frame_number(builder, target, frame)};
	struct node_entry *entry;

	HASH_FIND(hh, builder->nodes, &key, sizeof(key), entry);
	if (entry)
		return entry->number;
	entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
	entry->key = key;
	entry->number = (uint32_t)tree->node_count;
	HASH_ADD(hh, builder->nodes, key, sizeof(key), entry);
	tree->nodes = zone_grow(tree->zone, tree->nodes, tree->node_count, &builder->node_room,
				sizeof(*tree->nodes));
	tree->nodes[tree->node_count++] = key;
	return entry->number;
}

static void add_row(struct builder *builder, uint32_t node, const struct stack *stack,
		    struct amount amount, bool whole)
{
	struct stack_tree *tree = builder->tree;
	struct row_key key = {node, (uint32_t)stack->target, stack->domain};
	struct row_entry *entry;
	struct tree_row *row;

	if (!amount.bytes && !amount.blocks)
		return;
	HASH_FIND(hh, builder->rows, &key, sizeof(key), entry);
	if (!entry) {
		entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
		entry->key = key;
		entry->number = (uint32_t)tree->row_count;
		HASH_ADD(hh, builder->rows, key, sizeof(key), entry);
		tree->rows = zone_grow(tree->zone, tree->rows, tree->row_count, &builder->row_room,
				       sizeof(*tree->rows));
		tree->rows[tree->row_count++] =
			(struct tree_row){node, key.target, stack->domain, .stack = stack};
	}
	row = &tree->rows[entry->number];
	row->bytes = saturating_add(row->bytes, amount.bytes);
	row->blocks = saturating_add(row->blocks, amount.blocks);
	row->stacks += whole;
	if (whole) {
		row->alloc_bytes = saturating_add(row->alloc_bytes, stack->alloc_bytes);
		row->alloc_blocks = saturating_add(row->alloc_blocks, stack->alloc_blocks);
	}
	if (stack->oldest_ns > row->oldest_ns)
		row->oldest_ns = stack->oldest_ns;
}

/* What is lost of a stack, or may be another's, is below its last frame. */
static void add_amounts(struct builder *builder, uint32_t node, const struct target *target,
			const struct stack *stack)
{
	struct amount amount = {stack->live_bytes, stack->live_blocks};
	struct amount apart = stack_apart(stack, NULL);
	enum marker marker = stack->reachability ? MARK_LOST : MARK_REUSED;

	if (apart.blocks && apart.bytes <= amount.bytes && apart.blocks <= amount.blocks) {
		uint32_t below = add_node(builder, node, target, &markers[marker]);

		amount.bytes -= apart.bytes;
		amount.blocks -= apart.blocks;
		add_row(builder, below, stack, apart, !amount.bytes && !amount.blocks);
	}
	add_row(builder, node, stack, amount, true);
}

static size_t choose_level(const struct stack_tree *tree)
{
	size_t level = 0;

	if (tree->row_count >= ROWS_MAX || tree->frame_count >= FRAMES_MAX)
		return LEVELS;
	while (level < LEVELS && tree->node_count >= levels[level].nodes)
		level++;
	return level;
}

/* Leaves out what is between both ends, but for the frame of the user's own code. */
static void add_stack(struct builder *builder, const struct stack *stack, size_t kept)
{
	const struct target *target = &builder->snapshot->targets[stack->target];
	const struct frame *own = stack_own_frame(builder->snapshot, stack, &builder->options->app);
	size_t count = stack->frame_count;
	bool cut = count > kept && count - kept > kept + 1, left_out = false;
	uint32_t node = 0;

	if (stack->truncated)
		node = add_node(builder, node, target, &markers[MARK_TRUNCATED]);
	if (stack->guessed)
		node = add_node(builder, node, target, &markers[MARK_GUESSED]);
	for (size_t i = 0; i < count; i++) {
		bool keep = !cut || i < kept || i >= count - kept || stack->frames[i] == own;

		if (!keep && !left_out)
			node = add_node(builder, node, target, &markers[MARK_CUT]);
		left_out = !keep;
		if (keep)
			node = add_node(builder, node, target, stack->frames[i]);
	}
	builder->tree->cut_stacks += cut;
	if (cut)
		builder->tree->cut_bytes =
			saturating_add(builder->tree->cut_bytes, stack->live_bytes);
	add_amounts(builder, node, target, stack);
}

static void add_other(struct builder *builder, const struct stack *stack)
{
	const struct target *target = &builder->snapshot->targets[stack->target];
	struct amount amount = {stack->live_bytes, stack->live_blocks};

	builder->tree->other_stacks++;
	builder->tree->other_bytes = saturating_add(builder->tree->other_bytes, stack->live_bytes);
	add_row(builder, add_node(builder, 0, target, &markers[MARK_OTHERS]), stack, amount, true);
}

static int add_stacks(struct builder *builder)
{
	size_t count, top = builder->options->top;
	const struct stack **stacks =
		stacks_live(builder->snapshot, builder->options->count, &count);

	for (size_t i = 0; stacks && i < count; i++) {
		size_t level = choose_level(builder->tree);

		if ((top && i >= top) || level == LEVELS)
			add_other(builder, stacks[i]);
		else
			add_stack(builder, stacks[i], levels[level].kept);
	}
	free(stacks);
	return stacks ? 0 : -ENOMEM;
}

int stack_tree_init(struct stack_tree *tree, const struct snapshot *snapshot,
		    const struct output_options *options)
{
	struct builder builder = {.tree = tree, .snapshot = snapshot, .options = options};

	memset(tree, 0, sizeof(*tree));
	tree->zone = zone_new();
	builder.scratch = zone_new();
	tree->nodes = zone_grow(tree->zone, NULL, 0, &builder.node_room, sizeof(*tree->nodes));
	tree->node_count = 1;
	int error = add_stacks(&builder);

	HASH_CLEAR(hh, builder.nodes);
	HASH_CLEAR(hh, builder.frames);
	HASH_CLEAR(hh, builder.rows);
	zone_free(builder.scratch);
	return error;
}

void stack_tree_release(struct stack_tree *tree)
{
	zone_free(tree->zone);
	memset(tree, 0, sizeof(*tree));
}

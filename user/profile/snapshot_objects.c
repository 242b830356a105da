/* SPDX-License-Identifier: BSD-2-Clause */
/* What the blocks of stacks hold, in a snapshot. */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

bool snapshot_has_objects(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->stack_count; i++)
		if (snapshot->stacks[i].objects)
			return true;
	return false;
}

double stack_reused_share(const struct stack *stack)
{
	const struct stack_objects *objects = stack->objects;

	if (!objects || !objects->has_reused || !objects->known.blocks)
		return -1;
	return (double)objects->reused.blocks / (double)objects->known.blocks;
}

/* Strings of one snapshot are interned. */
static void add_type(struct stack_objects *sum, size_t room, const struct stack_type *part)
{
	for (size_t i = 0; i < sum->type_count; i++) {
		if (sum->types[i].name == part->name) {
			amount_add(&sum->types[i].held, &part->held);
			return;
		}
	}
	if (sum->type_count < room)
		sum->types[sum->type_count++] = *part;
}

static int by_bytes(const void *left, const void *right)
{
	const struct stack_type *a = left, *b = right;

	if (a->held.bytes != b->held.bytes)
		return a->held.bytes < b->held.bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

void stack_objects_add(struct stack_objects *sum, size_t room, const struct stack_objects *part)
{
	amount_add(&sum->known, &part->known);
	amount_add(&sum->reused, &part->reused);
	sum->has_reused |= part->has_reused;
	for (size_t i = 0; i < part->type_count; i++)
		add_type(sum, room, &part->types[i]);
	if (sum->type_count)
		qsort(sum->types, sum->type_count, sizeof(*sum->types), by_bytes);
}

void snapshot_add_objects(struct snapshot *snapshot, struct stack *stack,
			  const struct stack_objects *part)
{
	size_t room = part->type_count + (stack->objects ? stack->objects->type_count : 0);
	struct stack_objects *sum = snapshot_alloc(snapshot, 1, sizeof(*sum));
	struct stack_objects own = *part;

	own.types = snapshot_alloc(snapshot, part->type_count, sizeof(*own.types));
	for (size_t i = 0; i < part->type_count; i++)
		own.types[i] = (struct stack_type){snapshot_intern(snapshot, part->types[i].name),
						   part->types[i].held};
	sum->types = snapshot_alloc(snapshot, room, sizeof(*sum->types));
	if (stack->objects)
		stack_objects_add(sum, room, stack->objects);
	stack_objects_add(sum, room, &own);
	if (sum->type_count > STACK_TYPES_MAX)
		sum->type_count = STACK_TYPES_MAX;
	stack->objects = sum;
}

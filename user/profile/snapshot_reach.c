/* SPDX-License-Identifier: BSD-2-Clause */
/* What is lost and what is reachable, in a snapshot. */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/saturate.h"

bool snapshot_is_judged(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].reach_looks || snapshot->targets[i].reach_problem)
			return true;
	return false;
}

/* Strings of one snapshot are interned. */
static struct stack_holder *find(struct reachability *sum, const struct holder *holder)
{
	for (size_t i = 0; i < sum->holder_count; i++) {
		const struct holder *known = &sum->holders[i].holder;

		if (known->kind == holder->kind && known->thread == holder->thread &&
		    known->name == holder->name && known->object == holder->object)
			return &sum->holders[i];
	}
	return NULL;
}

static void add_holder(struct snapshot *snapshot, struct reachability *sum,
		       const struct stack_holder *part)
{
	struct holder holder = part->holder;

	holder.name = snapshot_intern(snapshot, holder.name);
	holder.object = snapshot_intern(snapshot, holder.object);
	struct stack_holder *known = find(sum, &holder);
	if (!known) {
		known = &sum->holders[sum->holder_count++];
		*known = (struct stack_holder){.holder = holder};
	}
	amount_add(&known->held, &part->held);
	known->direct_blocks = saturating_add(known->direct_blocks, part->direct_blocks);
}

void snapshot_add_reachability(struct snapshot *snapshot, struct stack *stack,
			       const struct reachability *part)
{
	struct reachability *old = stack->reachability;
	struct reachability *sum = snapshot_alloc(snapshot, 1, sizeof(*sum));
	size_t room = part->holder_count + (old ? old->holder_count : 0);

	sum->holders = snapshot_alloc(snapshot, room, sizeof(*sum->holders));
	if (old) {
		sum->lost = old->lost;
		sum->reachable = old->reachable;
		sum->holder_count = old->holder_count;
		if (old->holder_count)
			memcpy(sum->holders, old->holders,
			       old->holder_count * sizeof(*sum->holders));
	}
	amount_add(&sum->lost, &part->lost);
	amount_add(&sum->reachable, &part->reachable);
	for (size_t i = 0; i < part->holder_count; i++)
		add_holder(snapshot, sum, &part->holders[i]);
	snapshot_sort_holders(sum);
	stack->reachability = sum;
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *left, const void *right)
{
	const struct stack_holder *a = left, *b = right;

	if (a->held.bytes != b->held.bytes)
		return a->held.bytes < b->held.bytes ? 1 : -1;
	if (a->held.blocks != b->held.blocks)
		return a->held.blocks < b->held.blocks ? 1 : -1;
	if (a->holder.kind != b->holder.kind)
		return a->holder.kind < b->holder.kind ? -1 : 1;
	if (a->holder.thread != b->holder.thread)
		return a->holder.thread < b->holder.thread ? -1 : 1;
	int order = compare_texts(a->holder.name, b->holder.name);
	return order ? order : compare_texts(a->holder.object, b->holder.object);
}

void snapshot_sort_holders(struct reachability *reachability)
{
	if (reachability->holder_count)
		qsort(reachability->holders, reachability->holder_count,
		      sizeof(*reachability->holders), compare);
}

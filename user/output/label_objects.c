/* SPDX-License-Identifier: BSD-2-Clause */
#include "label_objects.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "../lib/saturate.h"
#include "columns.h"
#include "label_reach.h"

enum {
	TYPES_SHOWN = 3,
	NAME_COLUMNS = 30,
	INDENT = 8,
	WORTH_PARTS = 20, /* a type below this part of what its stack holds is not shown */
	WORTH_SHARE = 100,
};

/* What of its live blocks may be another's; nothing where that is unknown. */
static struct amount stack_reused(const struct stack *stack)
{
	const struct stack_objects *objects = stack->objects;
	struct amount reused = {0};

	if (!objects || !objects->has_reused)
		return reused;
	reused = objects->reused;
	reused.bytes = reused.bytes < stack->live_bytes ? reused.bytes : stack->live_bytes;
	reused.blocks = reused.blocks < stack->live_blocks ? reused.blocks : stack->live_blocks;
	return reused;
}

struct amount stack_apart(const struct stack *stack, const char **frame)
{
	if (frame)
		*frame = stack->reachability ? LABEL_LOST : LABEL_REUSED;
	return stack->reachability ? stack->reachability->lost : stack_reused(stack);
}

static void print_types(struct columns *columns, const struct stack_objects *objects)
{
	const char *before = "      holds ";

	for (size_t i = 0; i < objects->type_count && i < TYPES_SHOWN; i++) {
		const struct stack_type *type = &objects->types[i];

		if (type->held.bytes < objects->known.bytes / WORTH_PARTS)
			break;
		fputs(before, columns->file);
		columns_hang(columns, INDENT);
		columns_print_name(columns, type->name, NAME_COLUMNS);
		putc(' ', columns->file);
		quantity_print_bytes(columns->file, type->held.bytes);
		before = ", ";
	}
	if (*before == ',')
		putc('\n', columns->file);
}

void label_print_objects(FILE *file, const struct stack *stack)
{
	struct amount reused = stack_reused(stack);
	struct columns columns;

	if (!stack->objects || columns_init(&columns, file))
		return;
	print_types(&columns, stack->objects);
	if (reused.blocks && reused.blocks >= stack->live_blocks / WORTH_SHARE) {
		fputs("      up to ", columns.file);
		quantity_print_percent(columns.file, (double)reused.blocks,
				       (double)stack->live_blocks);
		fputs(" of these blocks may be another's: off a free list\n", columns.file);
	}
	columns_release(&columns);
}

static const struct target *first_in_mode(const struct snapshot *snapshot, const char *mode)
{
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].python_mode &&
		    !strcmp(snapshot->targets[i].python_mode, mode))
			return &snapshot->targets[i];
	return NULL;
}

static void print_hint(struct columns *columns, const struct target *target, const char *what)
{
	fputs("hint: ", columns->file);
	columns_hang(columns, strlen("hint: "));
	fprintf(columns->file, "unfreed why %" PRIu32 " names %s\n", target->pid, what);
}

/* Of the blocks of interpreters that are recorded one by one. */
static void print_reused(struct columns *columns, const struct snapshot *snapshot)
{
	const struct target *target = first_in_mode(snapshot, "exact");
	uint64_t reused = 0, known = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (!stack->objects || !stack->objects->has_reused)
			continue;
		known = saturating_add(known, stack->live_blocks);
		reused = saturating_add(reused, stack_reused(stack).blocks);
	}
	if (!target || !reused || reused < known / WORTH_SHARE)
		return;
	fputs("reused: up to ", columns->file);
	columns_hang(columns, INDENT);
	quantity_print_percent(columns->file, (double)reused, (double)known);
	fputs(" of Python's blocks may be held by others than the stacks they are under: a dict, "
	      "list, tuple or float off one of CPython's free lists is not allocated anew\n",
	      columns->file);
	columns_hang(columns, 0);
	print_hint(columns, target, "who keeps them");
}

bool label_peak_is_partial(const struct snapshot *snapshot)
{
	return snapshot->has_peak &&
	       (first_in_mode(snapshot, "pools") || first_in_mode(snapshot, "arenas"));
}

static void print_left_out(struct columns *columns)
{
	fputs("peak:   ", columns->file);
	columns_hang(columns, INDENT);
	fputs("without Python's objects of up to 512 bytes: pools do not show when those are "
	      "freed; --python exact records them\n",
	      columns->file);
}

int label_print_object_notes(FILE *file, const struct snapshot *snapshot)
{
	const struct target *pools = first_in_mode(snapshot, "pools");
	struct columns columns;

	if (columns_init(&columns, file))
		return -ENOMEM;
	print_reused(&columns, snapshot);
	if (label_peak_is_partial(snapshot))
		print_left_out(&columns);
	else if (pools)
		print_hint(&columns, pools,
			   "what grows and the line that fills it; the stacks below took pools "
			   "into use, whoever filled them");
	columns_release(&columns);
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/saturate.h"
#include "../python/own_code.h"
#include "groups.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"

#define DEFAULT_TOP   20
#define CHAIN_COLUMNS 100
#define CHAIN_INDENT  8
#define CHAIN_LINES   5
#define HINT_STACKS   10
#define HINT_SHARE    2
#define RATE_AFTER_NS 5000000000u /* what a moment shows is no rate */

/* A call chain that wraps at frames, and ends with a count where it grows too long. */
struct chain {
	FILE *file;
	size_t column;
	size_t lines;
};

static double rate_per_hour(const struct snapshot *snapshot, const struct stack *stack)
{
	if (snapshot->duration_ns <= snapshot->older_than_ns)
		return 0;
	return (double)stack->live_bytes * 3600e9 /
	       (double)(snapshot->duration_ns - snapshot->older_than_ns);
}

static void print_rate(FILE *file, const struct snapshot *snapshot, const struct stack *stack)
{
	double megabytes = rate_per_hour(snapshot, stack) / 1e6;

	if (snapshot->duration_ns < RATE_AFTER_NS)
		return;
	if (megabytes >= 9.95)
		fprintf(file, "  +%.0f MB/h", megabytes);
	else if (megabytes > 0)
		fprintf(file, "  +%.2g MB/h", megabytes);
}

static void print_process(FILE *file, const struct snapshot *snapshot, const struct stack *stack)
{
	const struct target *target = &snapshot->targets[stack->target];

	fputs("  in ", file);
	if (target->processes > 1) {
		if (stack->processes < target->processes)
			fprintf(file, "%" PRIu32 " of ", stack->processes);
		fprintf(file, "%" PRIu32 " processes", target->processes);
		if (snapshot->target_count == 1)
			return;
		fputs(" of ", file);
	}
	escape_print(file, target->comm);
	if (target->processes == 1)
		fprintf(file, " (%" PRIu32 ")", target->pid);
}

/* `mixed`: of more than the stack's own target. */
static void print_amounts(FILE *file, const struct snapshot *snapshot, const struct stack *stack,
			  bool mixed, size_t rank)
{
	fprintf(file, "%2zu. ", rank);
	quantity_print_bytes(file, stack->live_bytes);
	fputs("  ", file);
	quantity_print_percent(file, (double)stack->live_bytes,
			       (double)snapshot->totals.live_bytes);
	fputs("  ", file);
	quantity_print_count(file, stack->live_blocks);
	fputs(stack->live_blocks == 1 ? " block" : " blocks", file);
	print_rate(file, snapshot, stack);
	if (stack->oldest_ns) {
		fputs("  oldest ", file);
		quantity_print_age(file, stack->oldest_ns);
	}
	if (stack->domain != DOMAIN_MALLOC)
		fprintf(file, "  %s", domain_name(stack->domain));
	if (mixed)
		fputs("  in several processes", file);
	else if (snapshot->target_count > 1 || snapshot->targets[stack->target].processes > 1)
		print_process(file, snapshot, stack);
	putc('\n', file);
}

static size_t count_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

/* Returns false, and prints nothing, once the chain has used up its lines. */
static bool chain_add(struct chain *chain, const char *label)
{
	size_t columns = count_columns(label) + strlen(" <- ");

	if (chain->column && chain->column + columns > CHAIN_COLUMNS) {
		if (chain->lines == CHAIN_LINES)
			return false;
		putc('\n', chain->file);
		chain->column = 0;
	}
	if (!chain->column) {
		chain->lines++;
		chain->column = CHAIN_INDENT;
		fprintf(chain->file, "%*s", CHAIN_INDENT, "");
	} else {
		putc(' ', chain->file);
	}
	fputs(label, chain->file);
	chain->column += columns;
	return true;
}

static char *chain_label(const struct frame *frame, bool first)
{
	char *label = NULL;
	size_t size;
	FILE *file = open_memstream(&label, &size);

	if (!file)
		return NULL;
	fputs(first ? "" : "<- ", file);
	label_print_frame(file, frame);
	if (fclose(file)) {
		free(label);
		return NULL;
	}
	return label;
}

static bool is_own_code(const struct frame *frame)
{
	return frame->kind == FRAME_PYTHON && frame_is_own(frame->file);
}

static void print_count(FILE *file, size_t count)
{
	if (count)
		fprintf(file, " <- … %zu more", count);
}

/*
 * The rest of a chain that has become too long: `left` frames, counted from the root. Where all of
 * the frames so far are a library's, the innermost one that is not says who asked for it.
 */
static void print_cut(FILE *file, const struct stack *stack, size_t left)
{
	size_t own = left;

	for (size_t i = left; i < stack->frame_count; i++)
		if (is_own_code(stack->frames[i]))
			own = 0;
	while (own > 0 && !is_own_code(stack->frames[own - 1]))
		own--;
	print_count(file, left - own);
	if (!own)
		return;
	fprintf(file, "\n%*s<- ", CHAIN_INDENT, "");
	label_print_frame(file, stack->frames[own - 1]);
	print_count(file, own - 1);
}

/* Leaf first, without the leaf where the headline has just named it. */
static int print_chain(FILE *file, const struct stack *stack, const struct frame *headline)
{
	struct chain chain = {.file = file};
	size_t left = stack->frame_count;
	bool leaf_named = left && stack->frames[left - 1] == headline;

	for (left -= leaf_named; left > 0; left--) {
		char *label = chain_label(stack->frames[left - 1],
					  !leaf_named && left == stack->frame_count);

		if (!label)
			return -ENOMEM;
		bool added = chain_add(&chain, label);

		free(label);
		if (!added) {
			print_cut(file, stack, left);
			break;
		}
	}
	if (stack->truncated && !left)
		chain_add(&chain, "<- " LABEL_TRUNCATED);
	if (stack->guessed && !left)
		chain_add(&chain, "<- " LABEL_GUESSED);
	if (chain.lines)
		putc('\n', file);
	return 0;
}

static int print_stack(FILE *file, const struct snapshot *snapshot, const struct stack *stack,
		       size_t rank)
{
	const struct frame *headline = stack_headline(stack);

	print_amounts(file, snapshot, stack, false, rank);
	fputs("      ", file);
	if (headline)
		label_print_frame_source(file, headline);
	else
		fputs("[no frames]", file);
	putc('\n', file);
	int error = print_chain(file, stack, headline);

	label_print_objects(file, stack);
	label_print_reach(file, stack, true);
	return error;
}

static void print_rest(FILE *file, size_t count, uint64_t bytes, const char *one, const char *many)
{
	fprintf(file, "    %zu more %s with ", count, count == 1 ? one : many);
	quantity_print_bytes(file, bytes);
	putc('\n', file);
}

static int print_stacks(FILE *file, const struct snapshot *snapshot,
			const struct stack *const *stacks, size_t count, size_t top)
{
	uint64_t rest = 0;
	int error = 0;

	for (size_t i = 0; i < count && i < top && !error; i++)
		error = print_stack(file, snapshot, stacks[i], i + 1);
	for (size_t i = top; i < count; i++)
		rest = saturating_add(rest, stacks[i]->live_bytes);
	if (!error && count > top)
		print_rest(file, count - top, rest, "stack", "stacks");
	return error;
}

/* A group, and below it the chain of its largest stack. */
static int print_group(FILE *file, const struct snapshot *snapshot, const struct group *group,
		       enum group_by by, size_t rank)
{
	print_amounts(file, snapshot, &group->sum, group->mixed, rank);
	fputs("      ", file);
	group_print_name(file, group, by);
	if (group->stacks > 1)
		fprintf(file, ", %zu stacks, the largest:", group->stacks);
	putc('\n', file);
	int error = print_chain(file, &group->sum, by == BY_LINE ? group->frame : NULL);

	label_print_objects(file, &group->sum);
	label_print_reach(file, &group->sum, group->stacks == 1);
	return error;
}

static int print_groups(FILE *file, const struct snapshot *snapshot,
			const struct stack *const *stacks, size_t count, enum group_by by,
			size_t top)
{
	size_t group_count;
	struct group *groups = groups_make(snapshot, stacks, count, by, &group_count);
	uint64_t rest = 0;
	int error = groups ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < group_count && i < top; i++)
		error = print_group(file, snapshot, &groups[i], by, i + 1);
	for (size_t i = top; !error && i < group_count; i++)
		rest = saturating_add(rest, groups[i].sum.live_bytes);
	if (!error && group_count > top)
		print_rest(file, group_count - top, rest, "place", "places");
	free(groups);
	return error;
}

/*
 * What one own function has a library allocate can be scattered over hundreds of stacks, each of
 * them small: then it is named.
 */
static int print_hint(FILE *file, const struct snapshot *snapshot,
		      const struct stack *const *stacks, size_t count)
{
	uint64_t total = snapshot->totals.live_bytes;
	size_t group_count;

	/* then no function has so much more: the stacks need not be gone through */
	if (count < HINT_STACKS || stacks[0]->live_bytes >= total / HINT_SHARE)
		return 0;
	struct group *groups = groups_make(snapshot, stacks, count, BY_APP, &group_count);
	if (!groups)
		return -ENOMEM;
	if (group_count && groups[0].stacks >= HINT_STACKS &&
	    groups[0].sum.live_bytes > total / HINT_SHARE &&
	    stacks[0]->live_bytes < groups[0].sum.live_bytes / HINT_SHARE) {
		fputs("hint: ", file);
		group_print_name(file, &groups[0], BY_APP);
		fputs(" holds ", file);
		quantity_print_percent(file, (double)groups[0].sum.live_bytes, (double)total);
		fprintf(file, " of that, by %zu stacks: --by app adds them up\n", groups[0].stacks);
	}
	free(groups);
	return 0;
}

int output_text(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	size_t top = options->top ? options->top : DEFAULT_TOP;
	size_t count;
	const struct stack **stacks = stacks_live(snapshot, COUNT_BYTES, &count);
	int error = stacks ? 0 : -ENOMEM;

	label_print_targets(file, snapshot);
	fputs("  ", file);
	label_print_conditions(file, snapshot);
	putc('\n', file);
	label_print_totals(file, snapshot);
	fputs("; MB = 10^6 bytes\n", file);
	if (!error)
		error = grown_print(file, snapshot);
	label_print_python(file, snapshot);
	if (!error)
		error = label_print_object_notes(file, snapshot);
	label_print_reach_totals(file, snapshot);
	if (!error && options->by <= BY_PID)
		error = print_hint(file, snapshot, stacks, count)
				?: print_stacks(file, snapshot, stacks, count, top);
	else if (!error)
		error = print_groups(file, snapshot, stacks, count, options->by, top);
	label_print_losses(file, snapshot, "        ");
	putc('\n', file);
	free(stacks);
	return error;
}

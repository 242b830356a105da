// SPDX-License-Identifier: BSD-2-Clause
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/saturate.h"
#include "escape.h"
#include "label.h"

#define DEFAULT_TOP   20
#define CHAIN_COLUMNS 100
#define CHAIN_INDENT  8
#define CHAIN_LINES   5

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

	if (megabytes >= 9.95)
		fprintf(file, "  +%.0f MB/h", megabytes);
	else if (megabytes > 0)
		fprintf(file, "  +%.2g MB/h", megabytes);
}

static void print_amounts(FILE *file, const struct snapshot *snapshot, const struct stack *stack,
			  size_t rank)
{
	fprintf(file, "%2zu. ", rank);
	label_print_bytes(file, stack->live_bytes);
	fputs("  ", file);
	label_print_percent(file, (double)stack->live_bytes, (double)snapshot->totals.live_bytes);
	fputs("  ", file);
	label_print_count(file, stack->live_blocks);
	fputs(stack->live_blocks == 1 ? " block" : " blocks", file);
	print_rate(file, snapshot, stack);
	if (stack->oldest_ns) {
		fputs("  oldest ", file);
		label_print_age(file, stack->oldest_ns);
	}
	if (stack->domain != DOMAIN_MALLOC)
		fprintf(file, "  %s", domain_name(stack->domain));
	if (snapshot->target_count > 1) {
		const struct target *target = &snapshot->targets[stack->target];

		fputs("  in ", file);
		escape_print(file, target->comm);
		fprintf(file, " (%" PRIu32 ")", target->pid);
	}
	putc('\n', file);
}

/* The innermost Python frame says most; without one it is the caller of the allocator. */
static const struct frame *headline_frame(const struct stack *stack)
{
	for (size_t i = stack->frame_count; i > 0; i--) {
		if (stack->frames[i - 1]->kind == FRAME_PYTHON)
			return stack->frames[i - 1];
	}
	return stack->frame_count ? stack->frames[stack->frame_count - 1] : NULL;
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
			fprintf(file, " <- … %zu more", left);
			break;
		}
	}
	if (stack->truncated && !left)
		chain_add(&chain, "<- " LABEL_TRUNCATED);
	if (chain.lines)
		putc('\n', file);
	return 0;
}

static int print_stack(FILE *file, const struct snapshot *snapshot, const struct stack *stack,
		       size_t rank)
{
	const struct frame *headline = headline_frame(stack);

	print_amounts(file, snapshot, stack, rank);
	fputs("      ", file);
	if (headline)
		label_print_frame_source(file, headline);
	else
		fputs("[no frames]", file);
	putc('\n', file);
	return print_chain(file, stack, headline);
}

static void print_rest(FILE *file, const struct stack *const *stacks, size_t count)
{
	uint64_t bytes = 0;

	if (!count)
		return;
	for (size_t i = 0; i < count; i++)
		bytes = saturating_add(bytes, stacks[i]->live_bytes);
	fprintf(file, "    %zu more %s with ", count, count == 1 ? "stack" : "stacks");
	label_print_bytes(file, bytes);
	putc('\n', file);
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
	label_print_python(file, snapshot);
	for (size_t i = 0; i < count && i < top && !error; i++)
		error = print_stack(file, snapshot, stacks[i], i + 1);
	if (!error && count > top)
		print_rest(file, stacks + top, count - top);
	label_print_losses(file, snapshot, "        ");
	putc('\n', file);
	free(stacks);
	return error;
}

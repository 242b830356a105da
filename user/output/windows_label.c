/* SPDX-License-Identifier: BSD-2-Clause */
#include "windows_label.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../lib/quantity.h"

enum { INDENT = 8, WORTH_SHARE = 10 };

static void print_rate(FILE *file, double bytes_per_hour)
{
	double megabytes = bytes_per_hour / 1e6;

	fprintf(file, megabytes >= 9.95 ? "%.0f" : "%.2g", megabytes);
}

void windows_print_growth(FILE *file, const struct stack_growth *growth)
{
	if (growth->verdict == GROWTH_GROWS) {
		fputs("  +", file);
		print_rate(file, growth->bytes_per_hour);
		fputs(" MB/h (", file);
		print_rate(file, growth->low);
	} else {
		fputs("  at most ", file);
	}
	if (growth->verdict == GROWTH_GROWS)
		fputs(" to ", file);
	print_rate(file, growth->high);
	fputs(growth->verdict == GROWTH_GROWS ? ")  " : " MB/h  ", file);
	quantity_print_count(file, growth->samples);
	fputs(growth->samples == 1 ? " sample" : " samples", file);
}

static int compare_most(const void *left, const void *right)
{
	const struct stack *a = *(const struct stack *const *)left;
	const struct stack *b = *(const struct stack *const *)right;

	if (a->growth->high != b->growth->high)
		return a->growth->high < b->growth->high ? 1 : -1;
	return (a > b) - (a < b); /* as they are sorted */
}

const struct stack **windows_suspects(const struct snapshot *snapshot, size_t *count)
{
	const struct stack **suspects = calloc(snapshot->stack_count + 1, sizeof(*suspects));

	*count = 0;
	for (size_t i = 0; suspects && i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (stack->growth && stack->growth->suspect)
			suspects[(*count)++] = stack;
	}
	if (suspects)
		qsort(suspects, *count, sizeof(*suspects), compare_most);
	return suspects;
}

static double named_per_hour(const struct snapshot *snapshot)
{
	double sum = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		if (snapshot->stacks[i].growth)
			sum += snapshot->stacks[i].growth->bytes_per_hour;
	return sum;
}

static void print_sizes(struct columns *columns, const struct snapshot *snapshot)
{
	const struct recorded_windows *windows = &snapshot->windows;
	double named = named_per_hour(snapshot);
	FILE *file = columns->file;

	if (windows->problem) {
		fprintf(file,
			"; which sizes of blocks grow cannot be told: %s; --growth says who touches new "
			"memory, --exact records each call",
			windows->problem);
		return;
	}
	if (windows->bytes_per_hour <= 0 && named <= 0) {
		fputs("; no size of blocks surely grows", file);
		return;
	}
	fputs("; sizes that surely grow: ", file);
	print_rate(file, windows->bytes_per_hour);
	fputs(" MB/h in all, of which stacks that are named explain ", file);
	print_rate(file, named);
	if (named < windows->bytes_per_hour * (WORTH_SHARE - 1) / WORTH_SHARE)
		fputs(": a longer recording, or a larger budget, may tell more", file);
}

void windows_print(struct columns *columns, const struct snapshot *snapshot)
{
	const struct recorded_windows *windows = &snapshot->windows;
	FILE *file = columns->file;

	if (snapshot->mode != MODE_WINDOWS)
		return;
	fputs("windows ", file);
	columns_hang(columns, INDENT);
	quantity_print_count(file, windows->count);
	fprintf(file, ", %.2g s in all, %.2g %% of its CPU time of %.2g %% asked for",
		(double)windows->watched_ns / 1e9, windows->spent_percent, windows->asked_percent);
	if (windows->failed)
		fprintf(file, "; %" PRIu64 " could not be opened", windows->failed);
	if (windows->given_up)
		fprintf(file, "; %" PRIu64 " given up: this machine took too long to open them",
			windows->given_up);
	if (windows->promoted)
		fputs("; functions that were rarely called at first became frequent, and were "
		      "seen in windows alone from then on",
		      file);
	print_sizes(columns, snapshot);
	putc('\n', file);
}

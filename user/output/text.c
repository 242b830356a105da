/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "../lib/saturate.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"
#include "name_hints.h"
#include "text_entry.h"
#include "windows_label.h"

#define DEFAULT_TOP    20
#define TRIFLES_FROM   10   /* on are left out where nothing is asked for */
#define TRIFLE_OF      2000 /* of all, which reads as 0.0 % */
#define HINT_STACKS    10
#define HINT_SHARE     2
#define SUSPECTS_SHOWN 5

static void print_rest(FILE *file, size_t count, uint64_t bytes, const char *one, const char *many)
{
	fprintf(file, "    %zu more %s with ", count, count == 1 ? one : many);
	quantity_print_bytes(file, bytes);
	putc('\n', file);
}

/* How many stand in the report, of those that hold most. */
static size_t count_shown(const struct text_report *report, const struct stack *const *stacks,
			  size_t count)
{
	size_t top = report->options->top ? report->options->top : DEFAULT_TOP;
	size_t shown = count < top ? count : top;

	while (!report->options->top && shown > TRIFLES_FROM &&
	       stacks[shown - 1]->live_bytes < report->snapshot->totals.live_bytes / TRIFLE_OF)
		shown--;
	return shown;
}

static int print_stacks(struct text_report *report, const struct stack *const *stacks, size_t count,
			size_t shown)
{
	uint64_t rest = 0;
	int error = text_print_stacks(report, stacks, shown);

	for (size_t i = shown; i < count; i++)
		rest = saturating_add(rest, stacks[i]->live_bytes);
	if (!error && count > shown)
		print_rest(report->columns.file, count - shown, rest, "stack", "stacks");
	return error;
}

static int print_groups(struct text_report *report, const struct stack *const *stacks, size_t count,
			size_t top)
{
	const struct output_options *options = report->options;
	size_t group_count;
	struct group *groups = groups_make(report->snapshot, stacks, count, options->by,
					   &options->app, &group_count);
	uint64_t rest = 0;
	int error = groups ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < group_count && i < top; i++)
		error = text_print_group(report, &groups[i], i + 1);
	for (size_t i = top; !error && i < group_count; i++)
		rest = saturating_add(rest, groups[i].sum.live_bytes);
	if (!error && group_count > top)
		print_rest(report->columns.file, group_count - top, rest, "place", "places");
	free(groups);
	return error;
}

/*
 * What one own function has a library allocate can be scattered over hundreds of stacks, each of
 * them small: then it is named.
 */
static int print_hint(struct text_report *report, const struct stack *const *stacks, size_t count)
{
	uint64_t total = report->snapshot->totals.live_bytes;
	FILE *file = report->columns.file;
	size_t group_count;

	/* then no function has so much more: the stacks need not be gone through */
	if (count < HINT_STACKS || stacks[0]->live_bytes >= total / HINT_SHARE)
		return 0;
	struct group *groups = groups_make(report->snapshot, stacks, count, BY_APP,
					   &report->options->app, &group_count);
	if (!groups)
		return -ENOMEM;
	if (group_count && groups[0].stacks >= HINT_STACKS &&
	    groups[0].sum.live_bytes > total / HINT_SHARE &&
	    stacks[0]->live_bytes < groups[0].sum.live_bytes / HINT_SHARE) {
		fputs("hint: ", file);
		group_print_name(file, &groups[0], BY_APP, report->tails);
		fputs(" holds ", file);
		quantity_print_percent(file, (double)groups[0].sum.live_bytes, (double)total);
		fputs(" of that, by ", file);
		quantity_print_count(file, groups[0].stacks);
		fputs(" stacks: --by app adds them up\n", file);
	}
	free(groups);
	return 0;
}

static int print_head(struct text_report *report)
{
	const struct snapshot *snapshot = report->snapshot;
	FILE *file = report->columns.file;

	columns_hang(&report->columns, CHAIN_INDENT);
	label_print_targets(file, snapshot);
	fputs("  ", file);
	label_print_conditions(file, snapshot);
	putc('\n', file);
	label_print_origin_of(file, snapshot);
	putc('\n', file);
	label_print_totals(file, snapshot);
	fputs(snapshot->since_ns ? "\n" : "; MB = 10^6 bytes\n", file);
	int error = grown_print(file, snapshot);

	label_print_python(file, snapshot);
	if (!error)
		error = label_print_object_notes(file, snapshot);
	label_print_reach_totals(file, snapshot);
	return error;
}

/* Once, for all the entries that have the mark. */
static void print_marks(struct text_report *report, const struct stack *const *stacks, size_t count)
{
	bool guessed = false, truncated = false;

	for (size_t i = 0; i < count; i++) {
		guessed |= stacks[i]->guessed;
		truncated |= stacks[i]->truncated;
	}
	columns_hang(&report->columns, CHAIN_INDENT);
	if (guessed)
		fputs(LABEL_GUESSED " a frame pointer was trusted in code without unwind "
				    "information: callers may be missing or wrong\n",
		      report->columns.file);
	if (truncated)
		fputs(LABEL_TRUNCATED " the walk did not reach the bottom of the stack\n",
		      report->columns.file);
}

/* Where it cannot be told which of some stacks grows. */
static int print_suspects(struct text_report *report)
{
	struct columns *columns = &report->columns;
	size_t count;
	const struct stack **suspects = windows_suspects(report->snapshot, &count);
	int error = suspects ? 0 : -ENOMEM;

	if (count)
		fputs("these may grow, as blocks of their sizes do, and it cannot be told:\n",
		      columns->file);
	for (size_t i = 0; i < count && i < SUSPECTS_SHOWN && !error; i++) {
		fputs(" -  ", columns->file);
		windows_print_growth(columns->file, suspects[i]->growth);
		putc('\n', columns->file);
		error = text_print_stack(report, columns, suspects[i]);
	}
	if (count > SUSPECTS_SHOWN)
		fprintf(columns->file, "    %zu more\n", count - SUSPECTS_SHOWN);
	free(suspects);
	return error;
}

static int print_report(struct text_report *report, const struct stack *const *stacks, size_t count)
{
	size_t top = report->options->top ? report->options->top : DEFAULT_TOP;
	bool by_stack = report->options->by <= BY_PID;
	size_t shown = by_stack ? count_shown(report, stacks, count) : count;
	int error = print_head(report);

	if (!error && by_stack)
		error = print_hint(report, stacks, count)
				?: print_stacks(report, stacks, count, shown);
	else if (!error)
		error = print_groups(report, stacks, count, top);
	if (!error)
		error = print_suspects(report);
	name_hints_print(&report->columns, report->snapshot);
	print_marks(report, stacks, shown);
	label_print_losses(report->columns.file, report->snapshot, "        ");
	putc('\n', report->columns.file);
	return error;
}

int output_text(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct text_report report = {.snapshot = snapshot, .options = options};
	size_t count;
	const struct stack **stacks = stacks_live(snapshot, COUNT_BYTES, &count);
	int error = stacks ? columns_init(&report.columns, file) : -ENOMEM;

	net_sum(snapshot, &report.net);
	report.tails = path_tails_new(snapshot);
	if (!report.tails)
		error = -ENOMEM;
	if (!error)
		error = print_report(&report, stacks, count);
	columns_release(&report.columns);
	path_tails_free(report.tails);
	free(stacks);
	return error;
}

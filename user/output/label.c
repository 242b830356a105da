/* SPDX-License-Identifier: BSD-2-Clause */
#include "label.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/escape.h"
#include "../lib/path.h"

#define TARGETS_IN_HEADLINE 5
#define OWN_USE_LEAST       1.0 /* percent of a core */

static void print_position(FILE *file, const char *path, uint32_t line)
{
	escape_print(file, path);
	if (line)
		fprintf(file, ":%" PRIu32, line);
}

void label_print_frame(FILE *file, const struct frame *frame)
{
	label_print_frame_apart(file, frame, NULL);
}

void label_print_frame_apart(FILE *file, const struct frame *frame, const struct path_tails *tails)
{
	escape_print(file, frame->name);
	if (frame->kind != FRAME_PYTHON || !frame->file)
		return;
	fputs(" (", file);
	print_position(file, path_tail(tails, frame->file), frame->line);
	putc(')', file);
}

void label_print_frame_source(FILE *file, const struct frame *frame, const struct path_tails *tails)
{
	escape_print(file, frame->name);
	if (frame->file) {
		fputs(" (", file);
		print_position(file, path_tail(tails, frame->file), frame->line);
		putc(')', file);
	} else if (frame->module && frame->name[0] != '[') {
		fputs(" (", file);
		escape_print(file, path_base(frame->module));
		putc(')', file);
	}
}

void label_print_origin(FILE *file, const struct frame *frame)
{
	if (frame->file)
		print_position(file, frame->file, frame->line);
	if (frame->file && frame->module)
		fputs(", ", file);
	if (frame->module)
		escape_print(file, frame->module);
}

static bool comm_is_shared(const struct snapshot *snapshot, size_t target)
{
	for (size_t i = 0; i < snapshot->target_count; i++) {
		if (i != target &&
		    !strcmp(snapshot->targets[i].comm, snapshot->targets[target].comm))
			return true;
	}
	return false;
}

void label_print_target(FILE *file, const struct snapshot *snapshot, size_t target)
{
	escape_print(file, snapshot->targets[target].comm);
	if (comm_is_shared(snapshot, target))
		fprintf(file, " (%" PRIu32 ")", snapshot->targets[target].pid);
}

void label_print_targets(FILE *file, const struct snapshot *snapshot)
{
	size_t shown = snapshot->target_count;

	if (shown > TARGETS_IN_HEADLINE)
		shown = TARGETS_IN_HEADLINE;
	for (size_t i = 0; i < shown; i++) {
		fputs(i ? ", " : "", file);
		escape_print(file, snapshot->targets[i].comm);
		if (snapshot->targets[i].processes > 1)
			fprintf(file, " (%" PRIu32 " processes)", snapshot->targets[i].processes);
		else
			fprintf(file, " (%" PRIu32 ")", snapshot->targets[i].pid);
	}
	if (shown < snapshot->target_count)
		fprintf(file, " and %zu more", snapshot->target_count - shown);
	if (!snapshot->target_count)
		fputs("no target", file);
}

void label_print_origin_of(FILE *file, const struct snapshot *snapshot)
{
	time_t begun = snapshot->started_at_ns / 1000000000;
	struct tm utc;
	char date[40];

	if (gmtime_r(&begun, &utc) && strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &utc))
		fputs(date, file);
	if (snapshot->host) {
		fputs("  on ", file);
		escape_print(file, snapshot->host);
	}
	fputs("  by unfreed ", file);
	escape_print(file, snapshot->version ? snapshot->version : "?");
}

static void print_percent(FILE *file, double percent)
{
	fprintf(file, "%.*f %%", percent < 9.95 ? 1 : 0, percent);
}

/* Of a process that does next to nothing itself, how many times that was added says nothing. */
static void print_overhead(FILE *file, double percent, double core_percent)
{
	if (percent < 0)
		return;
	fputs("  overhead ~", file);
	if (percent >= 100 && core_percent >= 0 && core_percent * 100 < percent * OWN_USE_LEAST) {
		print_percent(file, core_percent);
		fputs(" of a core, more than its own", file);
		return;
	}
	print_percent(file, percent);
	if (core_percent < 0)
		return;
	fputs(" of its CPU, ", file);
	print_percent(file, core_percent);
	fputs(" of a core", file);
}

void label_print_conditions(FILE *file, const struct snapshot *snapshot)
{
	quantity_print_age(file, snapshot->duration_ns);
	fprintf(file, "  %s", trace_mode_name(snapshot->mode));
	if (snapshot->mode == MODE_WINDOWS && snapshot->overhead_percent >= 0) {
		fputs("  overhead at most ", file);
		print_percent(file, snapshot->overhead_percent);
		fputs(" of its CPU", file);
		return;
	}
	print_overhead(file, snapshot->overhead_percent, snapshot->overhead_core_percent);
}

void label_print_totals(FILE *file, const struct snapshot *snapshot)
{
	size_t stacks = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		stacks += stack_is_live(&snapshot->stacks[i]);
	quantity_print_bytes(file, snapshot->totals.live_bytes);
	fputs(" in ", file);
	quantity_print_count(file, snapshot->totals.live_blocks);
	fputs(snapshot->totals.live_blocks == 1 ? " block " : " blocks ", file);
	fputs(snapshot->has_peak ? "at the highest moment, after " : "not freed", file);
	if (snapshot->has_peak)
		quantity_print_age(file, snapshot->peak_ns);
	if (snapshot->mode == MODE_WINDOWS)
		fputs(" (estimated)", file);
	if (snapshot->older_than_ns) {
		fputs(" for ", file);
		quantity_print_age(file, snapshot->older_than_ns);
		if (snapshot->older_than_ns >= snapshot->duration_ns)
			fputs(", which is longer than the recording", file);
	}
	fputs(", ", file);
	quantity_print_count(file, stacks);
	fputs(stacks == 1 ? " stack" : " stacks", file);
	if (!snapshot->since_ns)
		return;
	fputs("; ", file);
	quantity_print_signed_bytes(file, snapshot->change.bytes);
	fputs(" in the last ", file);
	quantity_print_age(file, snapshot->since_ns);
}

static const char *python_meaning(const char *mode)
{
	if (!strcmp(mode, "exact"))
		return "exact";
	if (!strcmp(mode, "pools"))
		return "pools: bytes of size classes, under the stack that took their pool into "
		       "use, which in a busy process need not be the one that leaks (`unfreed "
		       "why` names that)";
	if (!strcmp(mode, "arenas"))
		return "arenas: bytes of size classes, under the stack that took their arena of "
		       "256 KiB into use";
	if (!strcmp(mode, "growth"))
		return "its frames, with the native ones that it calls";
	return "what it takes from malloc";
}

static bool interpreters_equal(const struct target *a, const struct target *b)
{
	return b->python_mode && a->python_version == b->python_version &&
	       a->python_mode == b->python_mode && a->python_frees_read == b->python_frees_read;
}

/* Of the targets from `first` on that are the same kind: how many, and the lowest coverage. */
static size_t sum_up_interpreters(const struct snapshot *snapshot, size_t first, double *coverage)
{
	const struct target *target = &snapshot->targets[first];
	size_t count = 0;

	*coverage = -1;
	for (size_t i = first; i < snapshot->target_count; i++) {
		const struct target *other = &snapshot->targets[i];

		if (!interpreters_equal(target, other))
			continue;
		count += other->processes;
		if (other->python_coverage >= 0 &&
		    (*coverage < 0 || other->python_coverage < *coverage))
			*coverage = other->python_coverage;
	}
	return count;
}

static bool is_first_of_its_kind(const struct snapshot *snapshot, size_t number)
{
	if (!snapshot->targets[number].python_mode)
		return false;
	for (size_t i = 0; i < number; i++)
		if (interpreters_equal(&snapshot->targets[number], &snapshot->targets[i]))
			return false;
	return true;
}

void label_print_python(FILE *file, const struct snapshot *snapshot)
{
	if (snapshot->mode == MODE_GROWTH)
		fputs("malloc: its calls were not recorded\n", file);
	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];
		double coverage;
		size_t count;

		if (!is_first_of_its_kind(snapshot, i))
			continue;
		count = sum_up_interpreters(snapshot, i, &coverage);
		fputs("Python ", file);
		escape_print(file, target->python_version ? target->python_version : "?");
		if (count > 1)
			fprintf(file, " (%zu processes)", count);
		fprintf(file, ": %s", python_meaning(target->python_mode));
		if (coverage >= 0)
			fprintf(file, "; seen: %s%.1f %% of the blocks that it counts itself",
				count > 1 ? "at least " : "", coverage);
		if (target->python_frees_read)
			fputs("; what was freed was read from its pools", file);
		putc('\n', file);
	}
}

void label_print_losses(FILE *file, const struct snapshot *snapshot, const char *indent)
{
	bool any = false;

	fputs("losses: ", file);
	for (size_t i = 0; i < LOSS_COUNT; i++) {
		if (!snapshot->losses[i])
			continue;
		if (any)
			fprintf(file, "\n%s", indent);
		quantity_print_count(file, snapshot->losses[i]);
		fprintf(file, " %s", loss_meaning(i));
		any = true;
	}
	fputs(any ? "" : "none", file);
	if (!snapshot->unknown_frees)
		return;
	if (any)
		fprintf(file, "\n");
	else
		fputs(" · ", file);
	fputs("unknown frees: ", file);
	quantity_print_count(file, snapshot->unknown_frees);
	fputs(" (blocks older than the attach", file);
	if (snapshot->sized_frees) {
		fputs(snapshot->sized_frees < snapshot->unknown_frees ? ": at least " : ": ", file);
		quantity_print_bytes(file, snapshot->sized_bytes);
	}
	putc(')', file);
}

bool stack_is_live(const struct stack *stack)
{
	return stack->live_bytes || stack->live_blocks;
}

uint64_t stack_live(const struct stack *stack, enum count_unit unit)
{
	return unit == COUNT_BLOCKS ? stack->live_blocks : stack->live_bytes;
}

static int compare_live(const void *left, const void *right, void *context)
{
	const struct stack *a = *(const struct stack *const *)left;
	const struct stack *b = *(const struct stack *const *)right;
	enum count_unit unit = *(enum count_unit *)context;
	uint64_t live_a = stack_live(a, unit), live_b = stack_live(b, unit);

	if (live_a != live_b)
		return live_a < live_b ? 1 : -1;
	return (a > b) - (a < b);
}

const struct stack **stacks_live(const struct snapshot *snapshot, enum count_unit unit,
				 size_t *count)
{
	const struct stack **stacks = calloc(snapshot->stack_count + 1, sizeof(*stacks));

	*count = 0;
	if (!stacks)
		return NULL;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (stack_is_live(stack))
			stacks[(*count)++] = stack;
	}
	qsort_r(stacks, *count, sizeof(*stacks), compare_live, &unit);
	return stacks;
}

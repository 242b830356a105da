/* SPDX-License-Identifier: BSD-2-Clause */
#include "difference_label.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "label.h"
#include "own_frame.h"

static const char *const kinds[ENTRY_KINDS][2] = {
	[ENTRY_STACK] = {"stack", "stacks"},
	[ENTRY_FINDING] = {"finding", "findings"},
	[ENTRY_CONTAINER] = {"container", "containers"},
	[ENTRY_TYPE] = {"type", "types"},
	[ENTRY_PART] = {"part of the memory", "parts of the memory"},
};

/* What a count is of. */
static const char *const counted[ENTRY_KINDS] = {
	[ENTRY_STACK] = "blocks",
	[ENTRY_FINDING] = "entries",
	[ENTRY_CONTAINER] = "entries",
	[ENTRY_TYPE] = "objects",
};

bool difference_is_in(const struct difference_entry *entry, enum difference_list list)
{
	switch (list) {
	case LIST_GREW:
		return outcome_is_growth(entry->outcome);
	case LIST_SHRANK:
		return outcome_is_decline(entry->outcome);
	default:
		return entry->outcome == OUTCOME_UNSURE;
	}
}

void difference_print_heading(FILE *file, enum entry_kind kind, enum difference_list list)
{
	static const char *const lists[] = {
		[LIST_GREW] = "that grew",
		[LIST_SHRANK] = "that shrank",
		[LIST_UNSURE] = "of which it cannot be told",
	};

	if (kind == ENTRY_FINDING && list != LIST_UNSURE)
		fprintf(file, "findings that grow %s", list == LIST_GREW ? "faster" : "slower");
	else
		fprintf(file, "%s %s", kinds[kind][1], lists[list]);
}

static void print_time(FILE *file, int64_t at_ns)
{
	time_t seconds = at_ns / 1000000000;
	char date[40];
	struct tm utc;

	if (at_ns && gmtime_r(&seconds, &utc) &&
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &utc))
		fputs(date, file);
	else
		fputs("an unknown time", file);
}

void difference_print_origin(FILE *file, const struct difference_origin *origin, bool version)
{
	escape_print(file, origin->comm ? origin->comm : "?");
	if (origin->processes > 1)
		fprintf(file, " (%zu processes)", origin->processes);
	else
		fprintf(file, " (%" PRIu32 ")", origin->pid);
	fputs("  ", file);
	if (origin->seconds > 0) {
		quantity_print_age(file, (uint64_t)(origin->seconds * 1e9));
		fputs(origin->at_ns ? " from " : " of ", file);
	}
	print_time(file, origin->at_ns);
	if (origin->host) {
		fputs("  on ", file);
		escape_print(file, origin->host);
	}
	if (origin->version && version) {
		fputs("  by unfreed ", file);
		escape_print(file, origin->version);
	}
}

static void print_rate(FILE *file, const struct difference_side *side, bool interval)
{
	if (side->there && !side->rated) {
		putc('?', file);
		return;
	}
	if (!side->there && interval) {
		fputs("none", file);
		return;
	}
	quantity_print_rate(file, side->rate.value);
	if (!interval)
		return;
	fputs(" (", file);
	quantity_print_rate(file, side->rate.low);
	fputs(" to ", file);
	quantity_print_rate(file, side->rate.high);
	putc(')', file);
}

/* What turns over on both sides grows on neither: no more is to be said than its bytes. */
bool difference_has_rates(const struct difference *difference, const struct difference_entry *entry)
{
	const struct difference_side *before = &entry->before, *after = &entry->after;

	if (difference->kind == DIFFERENCE_LOOKS)
		return entry->rated;
	return (before->rated && before->rate.value != 0) ||
	       (after->rated && after->rate.value != 0);
}

void difference_print_rates(FILE *file, const struct difference *difference,
			    const struct difference_entry *entry)
{
	bool interval = difference->kind == DIFFERENCE_ANSWERS;
	bool ends_in_none = interval && !entry->after.there;

	if (!difference_has_rates(difference, entry))
		return;
	if (difference->kind == DIFFERENCE_LOOKS) {
		fputs(entry->rate.value > 0 ? "+" : "", file);
		quantity_print_rate(file, entry->rate.value);
	} else {
		print_rate(file, &entry->before, interval);
		fputs(ends_in_none ? " MB/h -> " : " -> ", file);
		print_rate(file, &entry->after, interval);
	}
	fputs(ends_in_none ? "" : " MB/h", file);
}

void difference_print_verdicts(FILE *file, const struct difference_entry *entry)
{
	const char *before = entry->verdict_before, *after = entry->verdict_after;

	if (before && after && strcmp(before, after) != 0)
		fprintf(file, "%s -> %s", before, after);
	else if (before || after)
		fputs(after ? after : before, file);
}

void difference_print_bytes(FILE *file, const struct difference_entry *entry)
{
	quantity_print_bytes(file, entry->before.bytes);
	fputs(" -> ", file);
	quantity_print_bytes(file, entry->after.bytes);
}

void difference_print_counts(FILE *file, const struct difference_entry *entry)
{
	if (!counted[entry->kind] || (!entry->before.count && !entry->after.count))
		return;
	quantity_print_count(file, entry->before.count);
	fputs(" -> ", file);
	quantity_print_count(file, entry->after.count);
	fprintf(file, " %s", counted[entry->kind]);
}

static void print_outcomes_of(FILE *file, const size_t counts[OUTCOME_COUNT], enum entry_kind kind)
{
	const char *before = "";
	size_t all = 0;

	for (size_t i = 0; i < OUTCOME_COUNT; i++)
		all += counts[i];
	if (!all)
		return;
	fputs("; ", file);
	quantity_print_count(file, all);
	fprintf(file, " %s: ", kinds[kind][all != 1]);
	for (size_t i = 0; i < OUTCOME_COUNT; i++) {
		if (!counts[i])
			continue;
		fputs(before, file);
		quantity_print_count(file, counts[i]);
		fprintf(file, " %s", outcome_name(i));
		before = ", ";
	}
}

const char *difference_amount_name(const struct difference *difference)
{
	switch (difference->kind) {
	case DIFFERENCE_PROFILES:
		return "not freed";
	case DIFFERENCE_LOOKS:
		return "in use";
	default:
		return "resident";
	}
}

bool difference_has_versions(const struct difference *difference)
{
	const char *before = difference->before.version, *after = difference->after.version;

	return before && after && strcmp(before, after) != 0;
}

void difference_print_outcomes(FILE *file, const struct difference *difference)
{
	size_t counts[ENTRY_KINDS][OUTCOME_COUNT] = {0};

	for (size_t i = 0; i < difference->entry_count; i++)
		counts[difference->entries[i].kind][difference->entries[i].outcome]++;
	fputs("MB = 10^6 bytes", file);
	for (size_t i = 0; i < ENTRY_KINDS; i++)
		print_outcomes_of(file, counts[i], i);
	putc('\n', file);
}

void difference_print_suppressed(FILE *file, const struct difference *difference)
{
	size_t unused = 0;

	for (size_t i = 0; i < difference->suppression_count; i++) {
		const struct difference_suppression *one = &difference->suppressions[i];

		unused += !one->entries;
		if (!one->entries)
			continue;
		fprintf(file, "suppressed by ");
		escape_print(file, one->pattern);
		fprintf(file, ": %zu, with ", one->entries);
		quantity_print_bytes(file, one->before.bytes);
		fputs(" -> ", file);
		quantity_print_bytes(file, one->after.bytes);
		putc('\n', file);
	}
	if (unused)
		fprintf(file, "%zu suppression%s nothing\n", unused,
			unused == 1 ? " matches" : "s match");
}

void difference_print_name(FILE *file, const struct difference_entry *entry)
{
	if (entry->type && entry->kind != ENTRY_TYPE) {
		escape_print(file, entry->type);
		putc(' ', file);
	}
	escape_print(file, entry->name ? entry->name : "reached by no known way");
	if (entry->type && entry->kind == ENTRY_TYPE && strcmp(entry->type, "python") != 0) {
		fputs(" (", file);
		escape_print(file, entry->type);
		putc(')', file);
	}
}

void difference_print_subject(FILE *file, const struct difference *difference,
			      const struct difference_entry *entry)
{
	const struct stack *stack =
		entry->stack < SIZE_MAX ? &difference->names->stacks[entry->stack] : NULL;
	const struct frame *frame = stack ? stack_headline(stack) : NULL;

	if (entry == &difference->total)
		fputs("the whole", file);
	else if (entry->kind != ENTRY_STACK)
		difference_print_name(file, entry);
	else if (frame)
		label_print_frame_source(file, frame, NULL);
	else
		fputs("[no frames]", file);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changed as one page that loads nothing: tables, which need no script, and, of two profiles,
 * the stacks in red and blue, by the program of record's page. The drawing is as wide as what there
 * is, or, the other way round, as what there was.
 */
#include "difference.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/quantity.h"
#include "difference_label.h"
#include "label.h"
#include "own_frame.h"
#include "page.h"
#include "stack_page.h"

enum { DEFAULT_TOP = 20, SAME_SHARE = 20 };

struct printer {
	struct page page;
	const struct difference *difference;
	const struct path_tails *tails;
	size_t top;
};

static void print_origin(struct printer *printer, const char *lead,
			 const struct difference_origin *origin)
{
	fprintf(printer->page.file, "<p>%s ", lead);
	difference_print_origin(printer->page.text, origin, true);
	fputs("</p>\n", printer->page.file);
}

static void print_total(struct printer *printer)
{
	const struct difference *difference = printer->difference;
	const struct difference_entry *total = &difference->total;
	FILE *text = printer->page.text;

	fputs("<p class=\"totals\">", printer->page.file);
	fputs(difference_amount_name(difference), text);
	putc(' ', text);
	difference_print_bytes(text, total);
	fputs(", ", text);
	quantity_print_signed_bytes(text, total->bytes);
	if (difference_has_rates(difference, total)) {
		fputs("; ", text);
		difference_print_rates(text, difference, total);
		if (difference->kind == DIFFERENCE_ANSWERS)
			fprintf(text, ": %s", outcome_name(total->outcome));
	}
	fputs("</p>\n<p>", printer->page.file);
	difference_print_outcomes(text, difference);
	difference_print_suppressed(text, difference);
	fputs("</p>\n", printer->page.file);
}

static void print_frames(struct printer *printer, const struct stack *stack)
{
	fputs("<ol>", printer->page.file);
	for (size_t i = stack->frame_count; i > 0; i--) {
		fputs("<li>", printer->page.file);
		label_print_frame_apart(printer->page.text, stack->frames[i - 1], printer->tails);
		fputs("</li>", printer->page.file);
	}
	if (stack->truncated)
		fputs("<li>" LABEL_TRUNCATED "</li>", printer->page.file);
	fputs("</ol>", printer->page.file);
}

/* What it is, and, to be opened, the chain of calls, what called the allocator first. */
static void print_name(struct printer *printer, const struct difference_entry *entry)
{
	const struct snapshot *names = printer->difference->names;
	const struct stack *stack = entry->stack < SIZE_MAX ? &names->stacks[entry->stack] : NULL;
	const struct frame *frame = stack ? stack_headline(stack) : NULL;

	fputs("<td class=\"name\">", printer->page.file);
	if (stack)
		fputs("<details><summary>", printer->page.file);
	if (entry->kind != ENTRY_STACK)
		difference_print_name(printer->page.text, entry);
	else if (frame)
		label_print_frame_source(printer->page.text, frame, printer->tails);
	else
		fputs("[no frames]", printer->page.text);
	if (stack) {
		fputs("</summary>", printer->page.file);
		print_frames(printer, stack);
		fputs("</details>", printer->page.file);
	}
	fputs("</td>", printer->page.file);
}

static void print_row(struct printer *printer, const struct difference_entry *entry)
{
	FILE *file = printer->page.file, *text = printer->page.text;
	enum outcome outcome = entry->outcome;

	fputs("<tr>", file);
	print_name(printer, entry);
	fprintf(file, "<td class=\"%s\">%s</td><td>",
		outcome_is_growth(outcome)    ? "grew"
		: outcome_is_decline(outcome) ? "shrank"
					      : "same",
		outcome_name(outcome));
	difference_print_rates(text, printer->difference, entry);
	fputs("</td><td>", file);
	quantity_print_signed_bytes(text, entry->bytes);
	fputs("</td><td>", file);
	difference_print_bytes(text, entry);
	fputs("</td><td>", file);
	difference_print_counts(text, entry);
	if (entry->kind == ENTRY_FINDING) {
		fputs("</td><td>", file);
		difference_print_verdicts(text, entry);
	}
	fputs("</td></tr>\n", file);
}

static void begin_table(struct printer *printer, enum entry_kind kind, enum difference_list list)
{
	FILE *file = printer->page.file;

	fputs("<h2>", file);
	difference_print_heading(file, kind, list);
	fputs("</h2>\n<table class=\"findings changes\">\n<thead><tr><th class=\"name\">what</th>"
	      "<th></th><th>rate</th><th>change</th><th>bytes</th><th>count</th>",
	      file);
	fputs(kind == ENTRY_FINDING ? "<th>verdict</th>" : "", file);
	fputs("</tr></thead>\n<tbody>\n", file);
}

/* What shrank most is the last of all entries. */
static void print_list(struct printer *printer, enum entry_kind kind, enum difference_list list)
{
	const struct difference *difference = printer->difference;
	size_t count = 0;

	for (size_t i = 0; i < difference->entry_count; i++) {
		size_t at = list == LIST_SHRANK ? difference->entry_count - 1 - i : i;
		const struct difference_entry *entry = &difference->entries[at];

		if (entry->kind != kind || !difference_is_in(entry, list))
			continue;
		if (!count)
			begin_table(printer, kind, list);
		if (count++ < printer->top)
			print_row(printer, entry);
	}
	if (count)
		fputs("</tbody>\n</table>\n", printer->page.file);
	if (count > printer->top)
		fprintf(printer->page.file, "<p>%zu more %s left out here.</p>\n",
			count - printer->top, count - printer->top == 1 ? "is" : "are");
}

/* Of the same leak there is more in a longer recording: tables have its rates, the drawing not. */
static void print_note(struct printer *printer)
{
	double before = printer->difference->before.seconds;
	double after = printer->difference->after.seconds;

	if (fabs(before - after) * SAME_SHARE <= fmax(before, after))
		return;
	fputs("<p>The drawing compares bytes, and one recording is ", printer->page.file);
	fprintf(printer->page.file,
		before > 0 && after > 0 ? "%.3g times as long as the other"
					: "longer than the other",
		fmax(before, after) / fmin(before, after));
	fputs(": the tables compare rates.</p>\n", printer->page.file);
}

static void print_tables(struct printer *printer)
{
	const struct difference *difference = printer->difference;

	fputs("<main class=\"app\">\n<h1>What changed</h1>\n", printer->page.file);
	print_origin(printer, "before: ", &difference->before);
	print_origin(printer, "after: ", &difference->after);
	print_total(printer);
	for (size_t kind = 0; kind < ENTRY_KINDS; kind++)
		for (size_t list = 0; list < DIFFERENCE_LISTS; list++)
			print_list(printer, kind, list);
	if (difference->kind == DIFFERENCE_PROFILES)
		print_note(printer);
	fputs("</main>\n", printer->page.file);
}

static int print_drawing(struct printer *printer)
{
	FILE *file = printer->page.file;

	fputs("<div id=\"plain\" class=\"app\"><p>The stacks are drawn where scripts may run.</p>"
	      "</div>\n<script type=\"application/json\" id=\"stack-data\">\n",
	      file);
	int error = stack_page_print_changes(printer->difference->names, file);

	fputs("</script>\n<script>", file);
	stack_page_print_script(file);
	fputs("</script>\n", file);
	return error;
}

int difference_html(const struct difference *difference, const struct difference_options *options,
		    FILE *file)
{
	struct path_tails *tails = path_tails_new(difference->names);
	struct printer printer = {.difference = difference,
				  .tails = tails,
				  .top = options->top ? options->top : DEFAULT_TOP};
	int error = tails ? page_init(&printer.page, file) : -ENOMEM;

	if (!error) {
		stack_page_print_head(&printer.page, "What changed");
		print_tables(&printer);
		if (difference->kind == DIFFERENCE_PROFILES)
			error = print_drawing(&printer);
		page_print_foot(&printer.page);
		page_release(&printer.page);
	}
	path_tails_free(tails);
	return error;
}

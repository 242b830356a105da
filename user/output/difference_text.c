/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed, in the form of record's text: amounts, what names the entry, the chain of calls. */
#include "difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/quantity.h"
#include "difference_label.h"
#include "label.h"
#include "text_entry.h"

enum { DEFAULT_TOP = 20 };

struct printer {
	struct text_report report;
	const struct difference *difference;
	size_t top;
};

static void print_lead(struct printer *printer, const char *lead,
		       const struct difference_origin *origin)
{
	FILE *file = printer->report.columns.file;

	fprintf(file, "%-7s", lead);
	columns_hang(&printer->report.columns, CHAIN_INDENT);
	columns_pad(&printer->report.columns, CHAIN_INDENT);
	difference_print_origin(file, origin, difference_has_versions(printer->difference));
	putc('\n', file);
}

static void print_field(FILE *file, void (*print)(FILE *, const struct difference_entry *),
			const struct difference_entry *entry)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return;
	print(memory, entry);
	if (!fclose(memory) && size)
		fprintf(file, "  %s", text);
	free(text);
}

static void print_total(struct printer *printer)
{
	const struct difference *difference = printer->difference;
	const struct difference_entry *total = &difference->total;
	FILE *file = printer->report.columns.file;

	fputs("total", file);
	columns_pad(&printer->report.columns, CHAIN_INDENT);
	if (difference_has_rates(difference, total)) {
		difference_print_rates(file, difference, total);
		if (difference->kind == DIFFERENCE_ANSWERS)
			fprintf(file, ": %s", outcome_name(total->outcome));
		fputs("  ", file);
	}
	fprintf(file, "%s ", difference_amount_name(difference));
	difference_print_bytes(file, total);
	fputs("  ", file);
	quantity_print_signed_bytes(file, total->bytes);
	if (difference->kind == DIFFERENCE_PROFILES)
		print_field(file, difference_print_counts, total);
	putc('\n', file);
}

/* Fields stand two spaces apart. */
static void write_amounts(FILE *file, const struct difference *difference,
			  const struct difference_entry *entry)
{
	fputs(outcome_name(entry->outcome), file);
	if (difference_has_rates(difference, entry)) {
		fputs("  ", file);
		difference_print_rates(file, difference, entry);
	}
	print_field(file, difference_print_verdicts, entry);
	if (entry->before.bytes || entry->after.bytes) {
		fputs("  ", file);
		quantity_print_signed_bytes(file, entry->bytes);
		print_field(file, difference_print_bytes, entry);
	}
	print_field(file, difference_print_counts, entry);
	if (entry->kind != ENTRY_STACK)
		return;
	const struct stack *stack = &difference->names->stacks[entry->stack];

	if (stack->domain != DOMAIN_MALLOC)
		fprintf(file, "  %s", domain_name(stack->domain));
	if (difference->names->target_count > 1) {
		fputs("  in ", file);
		label_print_target(file, difference->names, stack->target);
	}
}

static int print_amounts(struct printer *printer, const struct difference_entry *entry, size_t rank)
{
	struct columns *columns = &printer->report.columns;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	write_amounts(file, printer->difference, entry);
	int error = fclose(file) ? -ENOMEM : 0;

	fprintf(columns->file, "%2zu. ", rank);
	if (!error)
		text_print_fields(columns, text);
	free(text);
	return error;
}

static int print_name(struct printer *printer, const struct difference_entry *entry)
{
	struct columns *columns = &printer->report.columns;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	difference_print_name(file, entry);
	int error = fclose(file) ? -ENOMEM : 0;

	columns_pad(columns, ENTRY_INDENT);
	if (!error)
		columns_print_text(columns, text, SCREEN_COLUMNS);
	putc('\n', columns->file);
	free(text);
	return error;
}

static int print_entry(struct printer *printer, const struct difference_entry *entry, size_t rank)
{
	struct text_report *report = &printer->report;
	int error = print_amounts(printer, entry, rank);

	if (!error && entry->kind != ENTRY_STACK)
		error = print_name(printer, entry);
	if (!error && entry->stack != SIZE_MAX)
		error = text_print_stack(report, &report->columns,
					 &report->snapshot->stacks[entry->stack]);
	columns_hang(&report->columns, CHAIN_INDENT);
	return error;
}

/* What shrank most is the last of all entries. */
static int print_list(struct printer *printer, enum entry_kind kind, enum difference_list list)
{
	const struct difference *difference = printer->difference;
	FILE *file = printer->report.columns.file;
	size_t count = 0;
	int error = 0;

	for (size_t i = 0; i < difference->entry_count && !error; i++) {
		size_t at = list == LIST_SHRANK ? difference->entry_count - 1 - i : i;
		const struct difference_entry *entry = &difference->entries[at];

		if (entry->kind != kind || !difference_is_in(entry, list))
			continue;
		if (!count) {
			difference_print_heading(file, kind, list);
			putc('\n', file);
		}
		if (count++ < printer->top)
			error = print_entry(printer, entry, count);
	}
	if (count > printer->top)
		fprintf(file, "    %zu more\n", count - printer->top);
	return error;
}

static int print_all(struct printer *printer)
{
	const struct difference *difference = printer->difference;
	FILE *file = printer->report.columns.file;
	int error = 0;

	print_lead(printer, "before", &difference->before);
	print_lead(printer, "after", &difference->after);
	print_total(printer);
	difference_print_outcomes(file, difference);
	difference_print_suppressed(file, difference);
	for (size_t kind = 0; kind < ENTRY_KINDS; kind++)
		for (size_t list = 0; list < DIFFERENCE_LISTS && !error; list++)
			error = print_list(printer, kind, list);
	return error;
}

int difference_text(const struct difference *difference, const struct difference_options *options,
		    FILE *file)
{
	static const struct output_options defaults;
	struct printer printer = {
		.report = {.snapshot = difference->names, .options = &defaults},
		.difference = difference,
		.top = options->top ? options->top : DEFAULT_TOP,
	};
	int error = columns_init(&printer.report.columns, file);

	printer.report.tails = path_tails_new(difference->names);
	if (!printer.report.tails)
		error = -ENOMEM;
	if (!error)
		error = print_all(&printer);
	columns_release(&printer.report.columns);
	path_tails_free(printer.report.tails);
	return error;
}

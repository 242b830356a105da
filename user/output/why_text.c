/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer of `unfreed why` on one screen: how fast it grows, then what grows with the line that
 * fills it and the figures that the verdict stands on, then where the memory is and what to do
 * next.
 */
#include "why.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "columns.h"
#include "look_label.h"
#include "why_label.h"

enum {
	DEFAULT_TOP = 6,
	LABEL_COLUMN = 8,
	DETAIL_COLUMN = 6,
	DETAIL_TEXT = 18,
	SUBJECT_COLUMN = 44,
	SUBJECT_LEAST = 30,
	MOST_FILLS = 2,
	GROUPS_MAX = 32,
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void print_header(struct columns *columns, const struct answer *answer)
{
	char *size = NULL;
	size_t length;
	FILE *file = open_memstream(&size, &length);

	why_print_target(columns->file, answer);
	if (file) {
		why_print_size(file, answer);
		fclose(file);
		size_t left = columns_left(columns), width = columns_count(size);

		if (left >= width + 2)
			columns_pad(columns, SCREEN_COLUMNS - width);
		else
			putc('\n', columns->file);
		fputs(size, columns->file);
		free(size);
	}
	putc('\n', columns->file);
	why_print_growth(columns->file, answer);
	fputs("\n\n", columns->file);
}

static void begin(struct columns *columns, size_t column, const char *label, size_t text)
{
	columns_hang(columns, text);
	columns_pad(columns, column);
	fputs(label, columns->file);
	columns_pad(columns, text);
}

static void end(struct columns *columns)
{
	putc('\n', columns->file);
	columns_hang(columns, 0);
}

/* Beside the figures where there is room for it, else on a line of its own. */
static void print_subject(struct columns *columns, const struct finding *finding)
{
	const struct look_container *container = finding->container;

	if (!container && !*finding_subject(finding))
		return;
	fputs("  ", columns->file);
	columns_pad(columns, SUBJECT_COLUMN);
	size_t width = container ? look_container_width(container->type, container->name) : 0;

	if (columns_left(columns) < (width > SUBJECT_LEAST ? width : SUBJECT_LEAST)) {
		putc('\n', columns->file);
		columns_pad(columns, DETAIL_COLUMN);
	}
	if (container)
		look_print_container(columns, container->type, container->name, container->address,
				     NULL, "");
	else
		columns_print_name(columns, finding_subject(finding), SCREEN_COLUMNS);
}

static void print_headline(struct columns *columns, const struct finding *finding, size_t number)
{
	if (finding->verdict == VERDICT_UNEXPLAINED)
		fputs(" -  ", columns->file);
	else
		fprintf(columns->file, "%2zu. ", number);
	fputs(verdict_short_name(finding->verdict), columns->file);
	fputs(finding->verdict == VERDICT_UNEXPLAINED ? " " : "  ", columns->file);
	quantity_print_rate(columns->file, finding->rate.value);
	fputs(" MB/h", columns->file);
	if (finding->holds_bytes) {
		fputs(", holds ", columns->file);
		quantity_print_amount(columns->file, finding->holds_bytes);
	}
	print_subject(columns, finding);
	putc('\n', columns->file);
}

/* Where several stacks fill it, each with its share. */
static void print_fills(struct columns *columns, const char *label,
			const struct answer_fill *stacks, size_t stack_count)
{
	struct answer_fill fills[GROUPS_MAX];
	size_t count = why_group_fills(stacks, stack_count, fills, GROUPS_MAX);
	double all = 0;

	for (size_t i = 0; i < stack_count; i++)
		all += fabs((double)stacks[i].delta);
	for (size_t i = 0; i < smaller(count, MOST_FILLS); i++) {
		begin(columns, DETAIL_COLUMN, i ? "" : label, DETAIL_TEXT);
		if (count > 1) {
			quantity_print_percent(columns->file, fabs((double)fills[i].delta), all);
			fputs(": ", columns->file);
		}
		why_print_fill(columns->file, &fills[i]);
		end(columns);
	}
}

static void print_finding(struct columns *columns, const struct finding *finding, size_t number)
{
	print_headline(columns, finding, number);
	print_fills(columns, finding->container ? "filled by" : "allocated", finding->fills,
		    finding->fill_count);
	print_fills(columns, "emptied by", finding->empties, finding->empty_count);
	if (!finding->reason)
		return;
	begin(columns, DETAIL_COLUMN, "evidence", DETAIL_TEXT);
	escape_print(columns->file, finding->reason);
	end(columns);
}

/* Beyond the first ones what they are is enough to go on with; beyond these, how much they are. */
static void print_findings(struct columns *columns, const struct answer *answer, size_t top)
{
	size_t shown = 0, left = 0, number = 0;
	double rate = 0;

	for (size_t i = 0; i < answer->finding_count; i++) {
		const struct finding *finding = &answer->findings[i];

		if (finding->verdict == VERDICT_UNEXPLAINED && shown > top)
			continue;
		shown++;
		number += finding->verdict != VERDICT_UNEXPLAINED;
		if (finding->verdict == VERDICT_UNEXPLAINED || shown <= top) {
			print_finding(columns, finding, number);
		} else if (shown <= 2 * top) {
			print_headline(columns, finding, number);
		} else {
			left++;
			rate += finding->rate.value;
		}
	}
	if (left) {
		fprintf(columns->file, "    %zu more with ", left);
		quantity_print_rate(columns->file, rate);
		fputs(" MB/h\n", columns->file);
	}
}

static void print_holder(struct columns *columns, const struct look_container *container)
{
	char count[QUANTITY_SIZE], bytes[QUANTITY_SIZE];

	fprintf(columns->file, "%9s %13s  ", quantity_bytes(bytes, container->bytes),
		quantity_count(count, container->length));
	look_print_container(columns, container->type, container->name, container->address,
			     container->of_count ? container->of[0].name : NULL, "");
	putc('\n', columns->file);
}

/* What comes once an hour is not seen in two minutes, but what holds most may be it. */
static void print_holders(struct columns *columns, const struct look *look, size_t top)
{
	if (!look || !look->container_count)
		return;
	fprintf(columns->file, "%9s %13s  largest holders\n", "holds", "entries");
	for (size_t i = 0; i < smaller(look->container_count, top); i++)
		print_holder(columns, &look->containers[i]);
	putc('\n', columns->file);
}

static void print_conditions(struct columns *columns, const struct answer *answer)
{
	if (answer->look) {
		begin(columns, 0, "memory", LABEL_COLUMN);
		why_print_memory(columns->file, answer);
		end(columns);
	}
	if (why_has_open(answer)) {
		begin(columns, 0, "beside", LABEL_COLUMN);
		why_print_open(columns->file, answer);
		end(columns);
	}
	if (answer->look && answer->look->gc.known) {
		begin(columns, 0, "gc", LABEL_COLUMN);
		why_print_gc(columns->file, answer);
		end(columns);
	}
	if (why_has_crew(answer)) {
		begin(columns, 0, "workers", LABEL_COLUMN);
		why_print_crew(columns->file, answer);
		end(columns);
	}
	if (answer->lacks) {
		begin(columns, 0, "lacks", LABEL_COLUMN);
		escape_print(columns->file, answer->lacks);
		end(columns);
	}
	begin(columns, 0, "cost", LABEL_COLUMN);
	why_print_cost(columns->file, answer);
	end(columns);
}

static void print_next(struct columns *columns, const struct answer *answer)
{
	const char *label = "next";

	for (size_t i = 0; i < WHY_COMMAND_COUNT; i++) {
		if (!why_has_command(answer, i))
			continue;
		begin(columns, 0, i == WHY_MENDED ? "mended" : label, LABEL_COLUMN);
		why_print_command(columns->file, answer, i);
		end(columns);
		label = "later";
	}
}

int why_text(const struct answer *answer, const struct why_output_options *options, FILE *file)
{
	size_t top = options->top ? options->top : DEFAULT_TOP;
	struct columns columns;
	int error = columns_init(&columns, file);

	if (error)
		return error;
	print_header(&columns, answer);
	print_findings(&columns, answer, top);
	if (answer->finding_count)
		putc('\n', columns.file);
	if (!(why_grows(answer) || answer->explained > 0) || !answer->finding_count)
		print_holders(&columns, answer->look, top);
	print_conditions(&columns, answer);
	print_next(&columns, answer);
	columns_release(&columns);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "text_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/escape.h"
#include "../lib/path.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"
#include "net_label.h"
#include "own_frame.h"
#include "windows_label.h"

#define CHAIN_LINES 5

/* What of an entry names it: all that tells it from others. Those that look alike are a list. */
struct guise {
	UT_hash_handle hh;
	char *text;
	const struct stack *stack;
	struct guise *alike; /* the first one that looks so, of that the second; NULL: none */
};

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

/* Since the last report, where there was one. */
static void print_change(FILE *file, const struct snapshot *snapshot, const struct stack *stack)
{
	if (!snapshot->since_ns)
		return;
	fputs("  last ", file);
	quantity_print_age(file, snapshot->since_ns);
	putc(' ', file);
	quantity_print_signed_bytes(file, stack->change.bytes);
}

/* Fields stand two spaces apart. `mixed`: of more than the stack's own target. */
static void write_amounts(FILE *file, const struct text_report *report, const struct stack *stack,
			  bool mixed)
{
	const struct snapshot *snapshot = report->snapshot;

	quantity_print_bytes(file, stack->live_bytes);
	fputs("  ", file);
	quantity_print_percent(file, (double)stack->live_bytes,
			       (double)snapshot->totals.live_bytes);
	fputs("  ", file);
	quantity_print_count(file, stack->live_blocks);
	fputs(stack->live_blocks == 1 ? " block" : " blocks", file);
	if (stack->growth)
		windows_print_growth(file, stack->growth);
	else
		net_print_rate(file, snapshot, &report->net, stack);
	if (stack->oldest_ns) {
		fputs("  oldest ", file);
		quantity_print_age(file, stack->oldest_ns);
	}
	print_change(file, snapshot, stack);
	if (stack->domain != DOMAIN_MALLOC)
		fprintf(file, "  %s", domain_name(stack->domain));
	if (mixed)
		fputs("  in several processes", file);
	else if (snapshot->target_count > 1 || snapshot->targets[stack->target].processes > 1)
		print_process(file, snapshot, stack);
	net_print_freed(file, snapshot, stack);
}

void text_print_fields(struct columns *columns, char *text)
{
	for (char *field = text, *end; field; field = end) {
		end = strstr(field, "  ");
		if (end) {
			*end = '\0';
			end += strlen("  ");
		}
		if (field != text && columns_left(columns) < columns_count(field) + 2) {
			putc('\n', columns->file);
			columns_pad(columns, ENTRY_INDENT);
		} else if (field != text) {
			fputs("  ", columns->file);
		}
		columns_print_text(columns, field, SCREEN_COLUMNS);
	}
	putc('\n', columns->file);
}

static int print_amounts(struct text_report *report, const struct stack *stack, bool mixed,
			 size_t rank)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	write_amounts(file, report, stack, mixed);
	int error = fclose(file) ? -ENOMEM : 0;

	fprintf(report->columns.file, "%2zu. ", rank);
	if (!error)
		text_print_fields(&report->columns, text);
	free(text);
	return error;
}

/* A call chain that wraps at frames, and ends with a count where it grows too long. */
struct chain {
	struct columns *columns;
	const struct path_tails *tails;
	size_t lines;
};

static void chain_break(struct chain *chain)
{
	if (chain->lines++)
		putc('\n', chain->columns->file);
	columns_pad(chain->columns, CHAIN_INDENT);
}

/* Returns false, and prints nothing, where the chain has used up `lines`. */
static bool chain_add_text(struct chain *chain, const char *text, size_t lines)
{
	if (!chain->lines || columns_left(chain->columns) < columns_count(text) + 1) {
		if (chain->lines >= lines)
			return false;
		chain_break(chain);
	} else {
		columns_pad(chain->columns, 0);
	}
	columns_print_text(chain->columns, text, SCREEN_COLUMNS);
	return true;
}

static int chain_add(struct chain *chain, const char *before, const struct frame *frame,
		     size_t lines)
{
	char *label = NULL;
	size_t size;
	FILE *file = open_memstream(&label, &size);

	if (!file)
		return -ENOMEM;
	fputs(before, file);
	label_print_frame_apart(file, frame, chain->tails);
	int added = fclose(file) ? -ENOMEM : chain_add_text(chain, label, lines);

	free(label);
	return added;
}

static void chain_add_count(struct chain *chain, size_t count)
{
	char text[40];

	snprintf(text, sizeof(text), "<- … %zu more", count);
	if (count)
		chain_add_text(chain, text, CHAIN_LINES + 2);
}

/*
 * The rest of a chain that has become too long: `left` frames, counted from the root. Where all of
 * the frames so far are a library's, the innermost one that is not says who asked for it.
 */
static int chain_cut(const struct text_report *report, struct chain *chain,
		     const struct stack *stack, size_t left)
{
	const struct target *target = &report->snapshot->targets[stack->target];
	const struct app_paths *app = &report->options->app;
	size_t own = left;

	for (size_t i = left; i < stack->frame_count; i++)
		if (frame_is_users(target, stack->frames[i], app))
			own = 0;
	while (own > 0 && !frame_is_users(target, stack->frames[own - 1], app))
		own--;
	chain_add_count(chain, left - own);
	if (!own)
		return 0;
	chain_break(chain);
	int added = chain_add(chain, "<- ", stack->frames[own - 1], CHAIN_LINES + 2);

	chain_add_count(chain, own - 1);
	return added < 0 ? added : 0;
}

/* Leaf first, without the leaf where the headline has just named it. */
static int print_chain(const struct text_report *report, struct columns *columns,
		       const struct stack *stack, const struct frame *headline)
{
	struct chain chain = {.columns = columns, .tails = report->tails};
	size_t left = stack->frame_count;
	bool leaf_named = left && stack->frames[left - 1] == headline;
	int added = 1;

	columns_hang(columns, CHAIN_INDENT);
	for (left -= leaf_named; left > 0; left--) {
		const char *before = !leaf_named && left == stack->frame_count ? "" : "<- ";

		added = chain_add(&chain, before, stack->frames[left - 1], CHAIN_LINES);
		if (added <= 0)
			break;
	}
	if (!added)
		added = chain_cut(report, &chain, stack, left);
	else if (stack->truncated)
		chain_add_text(&chain, "<- " LABEL_TRUNCATED, CHAIN_LINES + 2);
	if (stack->guessed && !left)
		chain_add_text(&chain, "<- " LABEL_GUESSED, CHAIN_LINES + 2);
	if (chain.lines)
		putc('\n', columns->file);
	return added < 0 ? added : 0;
}

int text_print_stack(const struct text_report *report, struct columns *columns,
		     const struct stack *stack)
{
	const struct frame *headline = stack_headline(stack);
	char *name = NULL;
	size_t size;
	FILE *file = open_memstream(&name, &size);

	if (!file)
		return -ENOMEM;
	if (headline)
		label_print_frame_source(file, headline, report->tails);
	else
		fputs("[no frames]", file);
	int error = fclose(file) ? -ENOMEM : 0;

	columns_pad(columns, ENTRY_INDENT);
	if (!error)
		columns_print_text(columns, name, SCREEN_COLUMNS);
	putc('\n', columns->file);
	free(name);
	return error ? error : print_chain(report, columns, stack, headline);
}

static int guise_make(const struct text_report *report, struct guise *guise,
		      const struct stack *stack)
{
	struct columns columns;
	size_t size;
	FILE *file = open_memstream(&guise->text, &size);
	int error = file ? columns_init(&columns, file) : -ENOMEM;

	guise->stack = stack;
	if (!error) {
		error = text_print_stack(report, &columns, stack);
		columns_release(&columns);
	}
	if (file && fclose(file))
		error = -ENOMEM;
	return error;
}

/* Each gets another one that looks the same, if there is one. */
static void find_alike(struct guise *guises, size_t count)
{
	struct guise *by_text = NULL;

	for (size_t i = 0; i < count; i++) {
		struct guise *first;
		size_t length = strlen(guises[i].text);

		HASH_FIND(hh, by_text, guises[i].text, length, first);
		if (!first) {
			HASH_ADD_KEYPTR(hh, by_text, guises[i].text, length, &guises[i]);
			continue;
		}
		guises[i].alike = first;
		if (!first->alike)
			first->alike = &guises[i];
	}
	HASH_CLEAR(hh, by_text);
}

static bool reads_alike(const struct frame *a, const struct frame *b)
{
	return a->name == b->name && a->file == b->file && a->line == b->line &&
	       a->module == b->module;
}

/*
 * The innermost frame of `stack` that `other` does not have there; NULL where there is none.
 * `by_eye`: of those that read differently, for chains do not show the lines of native frames.
 */
static const struct frame *find_difference(const struct stack *stack, const struct stack *other,
					   bool by_eye)
{
	for (size_t i = 1; i <= stack->frame_count; i++) {
		const struct frame *frame = stack->frames[stack->frame_count - i];
		const struct frame *there =
			i > other->frame_count ? NULL : other->frames[other->frame_count - i];

		if (!there || (by_eye ? !reads_alike(frame, there) : frame != there))
			return frame;
	}
	return NULL;
}

static void print_address(FILE *file, const struct frame *frame)
{
	fputs(" at ", file);
	escape_print(file, path_base(frame->module));
	fprintf(file, "+0x%" PRIx64, frame->offset);
}

static void print_difference(struct text_report *report, const struct guise *guise)
{
	const struct stack *other = guise->alike ? guise->alike->stack : NULL;
	const struct frame *by_eye = other ? find_difference(guise->stack, other, true) : NULL;
	const struct frame *frame =
		by_eye || !other ? by_eye : find_difference(guise->stack, other, false);
	FILE *file = report->columns.file;

	if (!frame)
		return;
	fputs("        told apart by ", file);
	label_print_frame_source(file, frame, report->tails);
	if (!by_eye && frame->module)
		print_address(file, frame);
	putc('\n', file);
}

/* The look is in columns already. */
static int print_entry(struct text_report *report, const struct guise *guise, size_t rank)
{
	int error = print_amounts(report, guise->stack, false, rank);

	fflush(report->columns.file);
	fputs(guise->text, report->columns.out);
	columns_hang(&report->columns, CHAIN_INDENT);
	print_difference(report, guise);
	label_print_objects(report->columns.file, guise->stack);
	label_print_reach(report->columns.file, guise->stack, true);
	return error;
}

int text_print_stacks(struct text_report *report, const struct stack *const *stacks, size_t count)
{
	struct guise *guises = calloc(count + 1, sizeof(*guises));
	int error = guises ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++)
		error = guise_make(report, &guises[i], stacks[i]);
	if (!error)
		find_alike(guises, count);
	for (size_t i = 0; i < count && !error; i++)
		error = print_entry(report, &guises[i], i + 1);
	for (size_t i = 0; guises && i < count; i++)
		free(guises[i].text);
	free(guises);
	return error;
}

static int print_group_name(struct text_report *report, const struct group *group)
{
	char stacks[60] = "";
	char *name = NULL;
	size_t size;
	FILE *file = open_memstream(&name, &size);

	if (!file)
		return -ENOMEM;
	group_print_name(file, group, report->options->by, report->tails);
	int error = fclose(file) ? -ENOMEM : 0;

	if (group->stacks > 1)
		snprintf(stacks, sizeof(stacks), ", %zu stacks, the largest:", group->stacks);
	columns_pad(&report->columns, ENTRY_INDENT);
	if (!error)
		columns_print_text(&report->columns, name,
				   SCREEN_COLUMNS - ENTRY_INDENT - strlen(stacks));
	fprintf(report->columns.file, "%s\n", stacks);
	free(name);
	return error;
}

/* A group, and below it the chain of its largest stack. */
int text_print_group(struct text_report *report, const struct group *group, size_t rank)
{
	bool by_line = report->options->by == BY_LINE;

	int error = print_amounts(report, &group->sum, group->mixed, rank);

	if (!error)
		error = print_group_name(report, group);
	if (!error)
		error = print_chain(report, &report->columns, &group->sum,
				    by_line ? group->frame : NULL);
	columns_hang(&report->columns, CHAIN_INDENT);
	label_print_objects(report->columns.file, &group->sum);
	label_print_reach(report->columns.file, &group->sum, group->stacks == 1);
	return error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that fill what grows, as a graph that needs no script: what was called stands below
 * its caller, as wide as what grows by way of it. What a finding grows by is shared out to its
 * stacks as they were seen to fill it.
 */
#include "why_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/quantity.h"
#include "why_label.h"

enum { WAYS_MAX = 256, DEEPEST = 64, ROW_HEIGHT = 18 };

/* Narrower ones cannot be read, nor pointed at. */
#define NARROWEST 0.002

struct way {
	const struct answer_fill *fill;
	double rate;
};

struct flames {
	struct page *page;
	struct way ways[WAYS_MAX];
	size_t count;
	double all;
};

/* Innermost first as they are kept, outermost first as they are drawn. */
static const struct answer_frame *frame_at(const struct way *way, size_t depth)
{
	size_t count = way->fill->frame_count;

	return depth < count && depth < DEEPEST ? &way->fill->frames[count - 1 - depth] : NULL;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool is_same(const struct answer_frame *a, const struct answer_frame *b)
{
	return a && b && a->line == b->line && is_same_text(a->function, b->function) &&
	       is_same_text(a->file, b->file);
}

static void add_finding(struct flames *flames, const struct finding *finding)
{
	double sum = 0, rate = finding->rate.value;

	if (!(rate > 0) || !isfinite(rate))
		return;
	for (size_t i = 0; i < finding->fill_count; i++)
		sum += fabs((double)finding->fills[i].delta);
	for (size_t i = 0; i < finding->fill_count && flames->count < WAYS_MAX; i++) {
		const struct answer_fill *fill = &finding->fills[i];
		double share =
			sum > 0 ? fabs((double)fill->delta) / sum : 1 / (double)finding->fill_count;

		if (!fill->frame_count)
			continue;
		flames->ways[flames->count++] = (struct way){fill, rate * share};
		flames->all += rate * share;
	}
}

static void print_box(const struct flames *flames, const struct answer_frame *frame, size_t depth,
		      double start, double rate)
{
	FILE *file = flames->page->file;

	fprintf(file, "<div class=\"%s\" style=\"left:%.3f%%;top:%zupx;width:%.3f%%\" title=\"",
		frame->own ? "own" : "library", 100 * start / flames->all, depth * ROW_HEIGHT,
		100 * rate / flames->all);
	why_print_frame(flames->page->text, frame, SIZE_MAX);
	fputs(": ", file);
	quantity_print_rate(file, rate);
	fputs(" MB/h\">", file);
	why_print_frame(flames->page->text, frame, 1);
	fputs("</div>\n", file);
}

/* Those of `ways` with the same frame at that depth as the first that is in no box yet; they are
 * moved together, from `from` on. Returns the end of them. */
static size_t gather(struct way *ways, size_t from, size_t count, size_t depth, double *rate)
{
	size_t end = from;

	*rate = 0;
	for (size_t i = from; i < count; i++) {
		struct way way = ways[i];

		if (i > from && !is_same(frame_at(&ways[from], depth), frame_at(&way, depth)))
			continue;
		memmove(&ways[end + 1], &ways[end], (i - end) * sizeof(*ways));
		ways[end++] = way;
		*rate += way.rate;
	}
	return end;
}

static void draw(struct flames *flames, struct way *ways, size_t count, size_t depth, double start)
{
	for (size_t from = 0, end; from < count; from = end) {
		double rate;

		end = gather(ways, from, count, depth, &rate);
		const struct answer_frame *frame = frame_at(&ways[from], depth);

		if (frame && rate >= NARROWEST * flames->all) {
			print_box(flames, frame, depth, start, rate);
			draw(flames, ways + from, end - from, depth + 1, start);
		}
		start += rate;
	}
}

static size_t depth_of(const struct flames *flames)
{
	size_t deepest = 0;

	for (size_t i = 0; i < flames->count; i++) {
		size_t count = flames->ways[i].fill->frame_count;

		deepest = count > deepest ? count : deepest;
	}
	return deepest < DEEPEST ? deepest : DEEPEST;
}

void why_page_flames(struct page *page, const struct answer *answer, const char *heading)
{
	struct flames flames = {.page = page};

	for (size_t i = 0; i < answer->finding_count; i++)
		add_finding(&flames, &answer->findings[i]);
	if (!(flames.all > 0))
		return;
	fprintf(page->file,
		"<figure class=\"stacks\"><figcaption>%s</figcaption>\n<div class=\"flames\" "
		"style=\"height:%zupx\">\n",
		heading, depth_of(&flames) * ROW_HEIGHT);
	draw(&flames, flames.ways, flames.count, 0, 0);
	fputs("</div></figure>\n", page->file);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "fill_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_frame(const struct answer_frame *a, const struct answer_frame *b)
{
	return a->line == b->line &&
	       !strcmp(a->function ? a->function : "", b->function ? b->function : "") &&
	       !strcmp(a->file ? a->file : "", b->file ? b->file : "");
}

bool fills_share_stack(const struct answer_fill *a, const struct answer_fill *b)
{
	if (a->frame_count != b->frame_count)
		return false;
	for (size_t i = 0; i < a->frame_count; i++)
		if (!is_same_frame(&a->frames[i], &b->frames[i]))
			return false;
	return true;
}

bool fills_share_line(const struct answer_fill *a, const struct answer_fill *b)
{
	size_t of_a = a->own < a->frame_count ? a->own : 0;
	size_t of_b = b->own < b->frame_count ? b->own : 0;

	return a->frame_count && b->frame_count &&
	       is_same_frame(&a->frames[of_a], &b->frames[of_b]);
}

double fills_explain(const struct answer_fill *fills, size_t count, size_t at, double stayed)
{
	double entries = 0, wanted = fmax(stayed, 1);

	for (size_t i = 0; i < count; i++)
		if (i == at || fills_share_line(&fills[i], &fills[at]))
			entries += fmax((double)fills[i].delta, 0);
	return fmin(entries, wanted) / fmax(entries, wanted);
}

struct explaining {
	struct answer_fill fill;
	double share;
};

static int compare(const void *left, const void *right)
{
	const struct explaining *a = left, *b = right;

	if (a->share != b->share)
		return a->share < b->share ? 1 : -1;
	return (a->fill.delta < b->fill.delta) - (a->fill.delta > b->fill.delta);
}

void fills_order(struct answer_fill *fills, size_t count, double stayed)
{
	struct explaining *ordered = calloc(count, sizeof(*ordered));

	if (!ordered)
		return;
	for (size_t i = 0; i < count; i++)
		ordered[i] = (struct explaining){fills[i], fills_explain(fills, count, i, stayed)};
	qsort(ordered, count, sizeof(*ordered), compare);
	for (size_t i = 0; i < count; i++)
		fills[i] = ordered[i].fill;
	free(ordered);
}

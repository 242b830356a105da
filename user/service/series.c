/* SPDX-License-Identifier: BSD-2-Clause */
#include "series.h"

#include "../lib/array.h"

void series_add(struct series *series, double at_s, double value)
{
	if (series->count == SERIES_MAX)
		series->count = array_thin(series->items, series->count, sizeof(*series->items));
	series->items[series->count++] = (struct sample){at_s, value};
}

double series_at(const struct series *series, double at_s)
{
	size_t i = 0;

	while (i < series->count && series->items[i].at_s < at_s)
		i++;
	if (!i || i == series->count)
		return series->items[i ? i - 1 : 0].value;
	const struct sample *before = &series->items[i - 1], *after = &series->items[i];
	return before->value + (after->value - before->value) * (at_s - before->at_s) /
				       (after->at_s - before->at_s);
}

double series_rise(const struct series *series)
{
	return series->count ? series->items[series->count - 1].value - series->items[0].value : 0;
}

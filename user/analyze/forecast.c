/* SPDX-License-Identifier: BSD-2-Clause */
#include "forecast.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	PATHS = 200,
	STEPS = 400, /* of each, as long as four times what is likely is divided into */
	BLOCK = 15,  /* samples that follow each other: noise that lasts stays so */
	LAGS = 6,
	LAST = 5, /* samples that say where noise that adds up has come to */
	FAR = 100,
};

/* The line is laid so that noise which adds up shows less of itself than there is. */
#define WALK_HIDDEN 1.3

/* A series as a line and what is upon it, in units of one sample. */
struct series {
	size_t count;
	double slope;
	double end;                 /* of the line */
	double rest[FORECAST_MOST]; /* what is above it or below */
	double noise;               /* variance of the rest, */
	double walk;                /* and by how much that adds up with each sample */
	double walk_share;          /* of the rest: the other part is about the line */
	double lasting; /* variance of noise about the line over a block, times its length */
};

static void lay_line(const struct sample *samples, struct series *series)
{
	double middle = ((double)series->count - 1) / 2, mean = 0, of_squares = 0, of_products = 0;

	for (size_t i = 0; i < series->count; i++)
		mean += samples[i].value / (double)series->count;
	for (size_t i = 0; i < series->count; i++) {
		double at = (double)i - middle;

		of_squares += at * at;
		of_products += at * (samples[i].value - mean);
	}
	series->slope = of_products / of_squares;
	series->end = mean + series->slope * middle;
	for (size_t i = 0; i < series->count; i++) {
		series->rest[i] = samples[i].value - mean - series->slope * ((double)i - middle);
		series->noise += series->rest[i] * series->rest[i] / (double)series->count;
	}
}

/* How far two samples are apart, squared, that so many lie between. */
static double apart(const struct series *series, size_t lag)
{
	double sum = 0;

	for (size_t i = lag; i < series->count; i++)
		sum += pow(series->rest[i] - series->rest[i - lag], 2);
	return sum / (double)(series->count - lag);
}

/* Noise about a line is as far apart after many samples as after some; what adds up is further. */
static void tell_noises(struct series *series)
{
	static const size_t lags[LAGS] = {4, 6, 8, 10, 12, 15};
	double mean_lag = 0, mean = 0, of_squares = 0, of_products = 0, blocks = 0;
	size_t starts = series->count - BLOCK + 1;

	for (size_t i = 0; i < LAGS; i++) {
		mean_lag += (double)lags[i] / (LAGS);
		mean += apart(series, lags[i]) / (LAGS);
	}
	for (size_t i = 0; i < LAGS; i++) {
		of_squares += pow((double)lags[i] - mean_lag, 2);
		of_products += ((double)lags[i] - mean_lag) * (apart(series, lags[i]) - mean);
	}
	series->walk = WALK_HIDDEN * fmax(of_products / of_squares, 0);
	if (series->noise > 0)
		series->walk_share =
			fmin(series->walk * (double)series->count / 15 / series->noise, 1);
	for (size_t i = 0; i < starts; i++) {
		double of_block = 0;

		for (size_t j = 0; j < BLOCK; j++)
			of_block += series->rest[i + j] / BLOCK;
		blocks += of_block * of_block / (double)starts;
	}
	series->lasting = blocks * BLOCK * (1 - series->walk_share);
}

/* --- what may come --- */

static double uniform(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state)
{
	double radius = sqrt(-2 * log(uniform(state)));

	return radius * cos(2 * M_PI * uniform(state));
}

/* After how many samples one of the ways that it may go on is at the limit. */
static double try_path(const struct series *series, double limit, double step, uint64_t *state)
{
	double count = (double)series->count, share = series->walk_share, recent = 0, level;
	double slope_variance = 12 * series->lasting / pow(count, 3) + 1.2 * series->walk / count;
	double level_variance =
		(1 - share) * 4 * series->lasting / count + 2 * share * series->walk;
	double slope = series->slope + sqrt(slope_variance) * normal(state);
	double start = 0;

	for (size_t i = series->count - LAST; i < series->count; i++)
		recent += series->rest[i] / LAST;
	level = series->end + share * recent + sqrt(level_variance) * normal(state);
	for (size_t i = 0; i < STEPS; i++) {
		size_t in_block = (size_t)((double)i * step) % BLOCK;

		if (!i || in_block < (size_t)ceil(step))
			start = floor(uniform(state) * (count - BLOCK));
		level += slope * step + sqrt(series->walk * step) * normal(state);
		if (level + sqrt(1 - share) * series->rest[(size_t)start + in_block] >= limit)
			return ((double)i + 1) * step;
	}
	return INFINITY;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

bool forecast_reach(const struct sample *samples, size_t count, double limit,
		    struct forecast *forecast)
{
	struct series series = {.count = count};
	double reached[PATHS], sample_s, likely;
	uint64_t state = UINT64_C(0x9E3779B97F4A7C15);
	struct slope slope;

	if (count < FORECAST_LEAST || count > FORECAST_MOST ||
	    !slope_of_level(samples, count, &slope) || slope.low <= 0)
		return false;
	sample_s = (samples[count - 1].at_s - samples[0].at_s) / (double)(count - 1);
	lay_line(samples, &series);
	tell_noises(&series);
	if (series.slope <= 0)
		return false;
	likely = fmax((limit - series.end) / series.slope, 1);
	for (size_t i = 0; i < PATHS; i++) {
		reached[i] = try_path(&series, limit, fmax(4 * likely / STEPS, 1), &state);
		if (reached[i] > FAR * (double)count)
			reached[i] = INFINITY;
	}
	qsort(reached, PATHS, sizeof(*reached), compare);
	*forecast = (struct forecast){reached[PATHS / 10] * sample_s, reached[PATHS / 2] * sample_s,
				      reached[PATHS - 1 - PATHS / 10] * sample_s};
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast a short series of numbers grows, and how sure that is. */
#ifndef UNFREED_SLOPE_H
#define UNFREED_SLOPE_H

#include <stdbool.h>
#include <stddef.h>

struct sample {
	double at_s;
	double value;
};

struct slope {
	double per_s;
	double low; /* of its 95 % interval */
	double high;
	double p; /* of no trend at all, both sides; 1 where it is not known */
};

enum { SLOPE_LEAST = 5, SLOPE_MOST = 512 };

/*
 * Of a level with noise upon it: bytes in use. Samples are in order of time. Returns false, and
 * leaves `slope` as it is, where they bear no 95 % interval: fewer than SLOPE_LEAST, or no time
 * between them. Samples that resemble their neighbours are worth fewer: the interval is then wider,
 * at most from the smallest to the largest slope of any two.
 */
bool slope_of_level(const struct sample *samples, size_t count, struct slope *slope);

/*
 * Of a count that adds up: entries of a container that nothing leaves. Two samples are enough; the
 * interval is then as wide as that of events by chance.
 */
bool slope_of_counter(const struct sample *samples, size_t count, struct slope *slope);

/* The rates of a counter in the two halves of its samples. False where there are fewer than
 * four. */
bool slope_halves(const struct sample *samples, size_t count, double *early, double *late);

/*
 * Whether a counter's rate falls: `early` and `late` are its rates in the two halves, and true is
 * returned where chance does so less than once in forty times. Needs ten samples.
 */
bool slope_bends(const struct sample *samples, size_t count, double *early, double *late);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "rising.h"

#include <math.h>

enum {
	CLEARS_MIN = 5, /* of which by chance each leaves more than the one before in one of 120 */
	CLEARS_MOST = SLOPE_MOST,
	FALL_MIN = 8,
	GROWN_MIN = 8,
};

#define FALL_SHARE 0.25 /* of all by which it changed: less is no clearing */

static double range_of(const struct sample *lengths, size_t count)
{
	double least = INFINITY, most = -INFINITY;

	for (size_t i = 0; i < count; i++) {
		least = fmin(least, lengths[i].value);
		most = fmax(most, lengths[i].value);
	}
	return most - least;
}

/* The least after each fall, once it has gone up again. */
static size_t find_left(const struct sample *lengths, size_t count, double fall,
			struct sample left[CLEARS_MOST])
{
	size_t found = 0;
	double most = lengths[0].value;
	struct sample least = {0};
	bool falling = false;

	for (size_t i = 0; i < count && found < CLEARS_MOST; i++) {
		double value = lengths[i].value;

		if (!falling && most - value >= fall) {
			falling = true;
			least = lengths[i];
		} else if (!falling) {
			most = fmax(most, value);
		} else if (value < least.value) {
			least = lengths[i];
		} else if (value > least.value) {
			left[found++] = least;
			falling = false;
			most = value;
		}
	}
	return found;
}

bool rising_find(const struct sample *lengths, size_t count, struct rising *rising)
{
	struct sample left[CLEARS_MOST];
	double fall = count ? fmax(range_of(lengths, count) * FALL_SHARE, FALL_MIN) : 0;
	size_t clears = count ? find_left(lengths, count, fall, left) : 0;
	struct slope slope;

	if (clears < CLEARS_MIN || !slope_of_level(left, clears, &slope) || slope.low <= 0)
		return false;
	double grown = slope.per_s * (left[clears - 1].at_s - left[0].at_s);

	if (grown < fmax(GROWN_MIN, 3 * sqrt(left[clears - 1].value)))
		return false;
	*rising = (struct rising){slope, clears, left[clears - 1].value};
	return true;
}

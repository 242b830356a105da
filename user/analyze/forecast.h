/* SPDX-License-Identifier: BSD-2-Clause */
/* When what grows will have come to a limit, and how sure that is. Pure. */
#ifndef UNFREED_FORECAST_H
#define UNFREED_FORECAST_H

#include "slope.h"

/* Seconds from the last sample on; infinite: not within a hundred times the time of the samples. */
struct forecast {
	double early_s; /* one time in ten it is earlier, */
	double likely_s;
	double late_s; /* and one in ten it is later */
};

enum { FORECAST_LEAST = 20, FORECAST_MOST = 512 };

/*
 * When a level, of which samples were taken evenly, comes to `limit`. It goes on by its slope, with
 * the noise that it had: noise about a line, as a collector's, and noise that adds up, as jumps do.
 * How much of each there is tells how fast two samples come apart with the time between them; what
 * may come of it is tried out two hundred times, always by the same numbers. docs/verdicts.md
 * describes it. False where there are too few samples, or it does not surely grow.
 */
bool forecast_reach(const struct sample *samples, size_t count, double limit,
		    struct forecast *forecast);

#endif

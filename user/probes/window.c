/* SPDX-License-Identifier: BSD-2-Clause */
#include "window.h"

#include "overhead.h"

/* For so long it must have done nothing. */
#define REST_S 1.0

/* Less of a processor is nothing: were all that it does slowed ten times, that would be
 * one percent of a processor. */
#define REST_SHARE 0.001

/* How often a second at least, in a life that is long enough to tell. */
#define WAKES_PER_S 0.5
#define LIFE_S      10.0

static bool is_at_rest(const struct window_seen *seen)
{
	return seen->busy_s < seen->wall_s * REST_SHARE;
}

bool window_is_enough(const struct window_seen *seen, double passed_s)
{
	return seen->calls >= WINDOW_CALLS_ENOUGH || (passed_s >= REST_S && is_at_rest(seen));
}

bool window_will_wake(const struct usage *seen, const struct usage *life, double age_s)
{
	return seen->sleeps < 1 && !overhead_is_full(seen, seen->wall_s) && age_s >= LIFE_S &&
	       life->sleeps >= age_s * WAKES_PER_S;
}

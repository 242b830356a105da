/* SPDX-License-Identifier: BSD-2-Clause */
#include "window.h"

/* For so long it must have done nothing. */
#define REST_S 1.0

/* Less of a processor is nothing: were all that it does slowed ten times, that would be one percent of
 * a processor. */
#define REST_SHARE 0.001

static bool is_at_rest(const struct window_seen *seen)
{
	return seen->busy_s < seen->wall_s * REST_SHARE;
}

bool window_is_enough(const struct window_seen *seen, double passed_s)
{
	return seen->calls >= WINDOW_CALLS_ENOUGH || (passed_s >= REST_S && is_at_rest(seen));
}

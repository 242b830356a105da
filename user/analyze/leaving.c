/* SPDX-License-Identifier: BSD-2-Clause */
#include "leaving.h"

#include <math.h>

#define SHARE_MOST 2.0 /* more is an age that is not the container's */

/* How many leave for one that stays; 0: not known. Where few were seen to leave, as many fewer
 * may have been due. What fell between samples is the least that left. */
static double leave_for_one(const struct container_history *history, double per_s,
			    const struct leaving *leaving)
{
	double left = (double)history->shrunk, watched = 0, polled = 0;

	if (history->watched_s > 0)
		watched = (left - 2 * sqrt(left)) / (per_s * history->watched_s);
	if (leaving->grown > 0)
		polled = leaving->fallen / leaving->grown;
	return fmax(watched, polled);
}

bool leaving_is_of_some(const struct container_history *history, double per_s,
			const struct leaving *leaving)
{
	double leave = leave_for_one(history, per_s, leaving);

	if (!(leave > 0) || leaving->share > SHARE_MOST)
		return false;
	double of_cache = log1p(leave) / leave;

	return leaving->share > sqrt(of_cache); /* nearer to 1 */
}

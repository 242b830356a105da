/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long calls are counted before an estimate is made of them: until there are 200 of each
 * process, as of a few no rate can be told, or until the window's end. A process that has done
 * nothing for a while is not waited for: probes cannot slow it.
 */
#ifndef UNFREED_PROBES_WINDOW_H
#define UNFREED_PROBES_WINDOW_H

#include <stdbool.h>

#include "../process/usage.h"

#define WINDOW_CALLS_ENOUGH 200

/* What is known of a process, so far. */
struct window_seen {
	double calls;  /* that it made in the window */
	double busy_s; /* that it ran, or waited for a processor, since it is watched, */
	double wall_s; /* for so long: from before the window on */
};

/* Whether more of the window, of which `passed_s` have passed, would tell
 * nothing new of a process. */
bool window_is_enough(const struct window_seen *seen, double passed_s);

/*
 * Whether a process that slept all the time in which it was watched without probes (`seen`) is
 * worth to be watched for some more: as often as it went to sleep in its life (`life`) of `age_s`,
 * it is about to wake up. Then what it does each time is known.
 */
bool window_will_wake(const struct usage *seen, const struct usage *life, double age_s);

#endif

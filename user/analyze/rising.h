/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is cleared again and again, of which more is left each time: a list of timers, most of which
 * are cancelled and taken out together, among which some never come; sessions that are purged, but
 * for some. Its length goes up and down by far more than it grows, so that its slope tells nothing
 * for long. What is left after each clearing does.
 *
 * Limit: where it is looked at a second after it was cleared, what came since is upon that.
 */
#ifndef UNFREED_ANALYZE_RISING_H
#define UNFREED_ANALYZE_RISING_H

#include "slope.h"

struct rising {
	struct slope slope; /* of what is left */
	size_t clears;
	double left; /* after the last one */
};

/* Whether more is left each time, surely; else `rising` stays as it is.
 * Lengths in order of time. */
bool rising_find(const struct sample *lengths, size_t count, struct rising *rising);

#endif

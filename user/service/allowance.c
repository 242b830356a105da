/* SPDX-License-Identifier: BSD-2-Clause */
#include "allowance.h"

#include <math.h>

#define KNOWN_AFTER_S 5.0 /* processor time is told in hundredths of a second */

double allowance_share(const struct allowance *allowance)
{
	double rate = allowance->passed < KNOWN_AFTER_S ? allowance->usual
							: allowance->used / allowance->passed;

	double least = fmax(ALLOWANCE_LEAST_S / allowance->duration, ALLOWANCE_LOW);

	return fmax(rate * ALLOWANCE_SHARE, fmin(least, ALLOWANCE_FLOOR));
}

/* What goes on takes as much in the time to come. */
static double still_to_come(const struct allowance *allowance)
{
	double left = allowance->duration - allowance->passed;

	return allowance->passed < KNOWN_AFTER_S || left <= 0
		       ? 0
		       : allowance->steady * left / allowance->passed;
}

double allowance_left(const struct allowance *allowance)
{
	double least = ALLOWANCE_LEAST_S / fmax(allowance->alike, 1);

	return fmax(allowance_share(allowance) * allowance->duration, least) - allowance->spent -
	       still_to_come(allowance);
}

bool allowance_has_first_graph(double left, double graph, double plain)
{
	return 3 * graph + 2 * plain <= left;
}

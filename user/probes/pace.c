/* SPDX-License-Identifier: BSD-2-Clause */
#include "pace.h"

#include <math.h>

#define HASTE_MOST    4 /* times the share, in the short run */
#define REST_LEAST_NS 500000
#define REST_MOST_NS  50000000
#define RARE_CHECK_NS 100000000
#define RARE_HIT_NS   2000     /* about what a probe costs, */
#define RARE_LEAST_NS 100000.0 /* some hits come after each window */
#define RARE_SHARE    0.25     /* of which so much of the budget may be spent between windows */

double pace_chance(struct pace *pace)
{
	pace->chance ^= pace->chance << 13;
	pace->chance ^= pace->chance >> 7;
	pace->chance ^= pace->chance << 17;
	return (double)(pace->chance >> 11) * 0x1p-53;
}

void pace_took(struct pace *pace, uint64_t took_ns, uint64_t cpu_ns)
{
	pace->spent_ns += took_ns;
	pace->last_ns = cpu_ns;
	pace->taken_ns = took_ns > pace->taken_ns ? took_ns : (3 * pace->taken_ns + took_ns) / 4;
}

double pace_expected_ns(const struct pace *pace, double rate, double length_ns)
{
	return fmax((double)pace->taken_ns, rate * length_ns);
}

double pace_due_ns(const struct pace *pace, double chance, double rate, double length_ns)
{
	double expected_ns = pace_expected_ns(pace, rate, length_ns);
	double paid_ns = ((double)pace->spent_ns + expected_ns) / pace->share;
	double apart_ns = (double)pace->last_ns + expected_ns / pace->share / HASTE_MOST;

	return fmax(paid_ns, apart_ns) + chance * expected_ns / pace->share / 2;
}

uint64_t pace_rest_ns(double left_ns, double rate)
{
	double rest_ns = rate > 0 ? left_ns / rate : REST_MOST_NS;

	return (uint64_t)fmin(fmax(rest_ns, REST_LEAST_NS), REST_MOST_NS);
}

bool pace_is_frequent(struct pace *pace, uint64_t hits, uint64_t cpu_ns, uint64_t now_ns)
{
	double allowed_ns =
		RARE_LEAST_NS + pace->share * RARE_SHARE * (double)(cpu_ns - pace->hits_cpu_ns);
	double hits_ns = (double)(hits - pace->hits) * RARE_HIT_NS;
	bool known = pace->hits_at_ns;

	if (now_ns < pace->hits_at_ns + RARE_CHECK_NS)
		return false;
	pace->hits = hits;
	pace->hits_cpu_ns = cpu_ns;
	pace->hits_at_ns = now_ns;
	return known && hits_ns > allowed_ns;
}

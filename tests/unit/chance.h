/* SPDX-License-Identifier: BSD-2-Clause */
/* Chance with a seed, for simulated series: the same on each run and machine. */
#ifndef TEST_CHANCE_H
#define TEST_CHANCE_H

#include <math.h>
#include <stdint.h>

static uint64_t chance_state;

static inline void chance_seed(uint64_t seed)
{
	chance_state = seed * 2654435769u + 88172645463325252u;
}

/* Evenly in [0, 1). */
static inline double chance(void)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (double)(chance_state >> 11) * 0x1p-53;
}

static inline double chance_normal(void)
{
	return sqrt(-2 * log(1 - chance())) * cos(2 * M_PI * chance());
}

/* How many events fall into a time in which `mean` do on average. */
static inline unsigned int chance_events(double mean)
{
	double left = exp(-fmin(mean, 500));
	unsigned int events = 0;

	if (mean > 500)
		return (unsigned int)fmax(0, mean + sqrt(mean) * chance_normal() + 0.5);
	for (double product = chance(); product > left; product *= chance())
		events++;
	return events;
}

#endif

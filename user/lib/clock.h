/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks of the kernel as one number. */
#ifndef UNFREED_CLOCK_H
#define UNFREED_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000
#define HOUR_S   3600

static inline uint64_t clock_ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
}

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return clock_ns_of(&time);
}

static inline double clock_s(clockid_t clock)
{
	return (double)clock_ns(clock) / NS_PER_S;
}

#endif

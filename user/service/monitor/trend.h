/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a figure grows, by samples of the last hour and of the last day: few and evenly spaced,
 * so that months cost no more memory than a day. Pure.
 */
#ifndef UNFREED_SERVICE_MONITOR_TREND_H
#define UNFREED_SERVICE_MONITOR_TREND_H

#include "../../analyze/slope.h"

enum {
	TREND_SPANS = 2,
	TREND_SAMPLES = 120, /* of a span, */
	TREND_LEAST = 20,    /* and what a slope needs */
	TREND_EVERY = 3,     /* intervals between two samples of the shorter one: an hour of 10 s */
	TREND_TIMES = 24,    /* the longer one is so many times as long */
	TREND_RENEW = 4,     /* samples after which a slope is told anew: it is some work */
};

struct trend_span {
	struct sample items[TREND_SAMPLES]; /* a ring: */
	size_t count, next;
	size_t since; /* samples since the slope below */
	bool known;
	struct slope slope;
};

struct trend {
	double every_s; /* between samples of the shorter span */
	struct trend_span spans[TREND_SPANS];
};

void trend_init(struct trend *trend, double interval_s);

/* Takes the sample where one is due. Returns whether a slope was told anew, or found to be none. */
bool trend_add(struct trend *trend, double at_s, double value);

/* The slope of a span; NULL where it has too few samples, or they tell none. */
const struct slope *trend_slope(const struct trend *trend, size_t span);

/* The samples of a span, in order of time. Returns how many. */
size_t trend_samples(const struct trend *trend, size_t span, struct sample samples[TREND_SAMPLES]);

/* How long the shorter span is. */
double trend_span_s(const struct trend *trend);

#endif

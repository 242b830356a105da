/* SPDX-License-Identifier: BSD-2-Clause */
#include "trend.h"

void trend_init(struct trend *trend, double interval_s)
{
	*trend = (struct trend){.every_s = interval_s * TREND_EVERY};
}

static double last_s(const struct trend_span *span)
{
	return span->items[(span->next + TREND_SAMPLES - 1) % TREND_SAMPLES].at_s;
}

static size_t copy(const struct trend_span *span, struct sample samples[TREND_SAMPLES])
{
	for (size_t i = 0; i < span->count; i++)
		samples[i] =
			span->items[(span->next + TREND_SAMPLES - span->count + i) % TREND_SAMPLES];
	return span->count;
}

static void renew_slope(struct trend_span *span)
{
	struct sample samples[TREND_SAMPLES];

	span->known = slope_of_level(samples, copy(span, samples), &span->slope);
	span->since = 0;
}

/* A timer is not exact: what comes a little early is in time. */
static bool add(struct trend_span *span, double every_s, double at_s, double value)
{
	if (span->count && at_s - last_s(span) < 0.9 * every_s)
		return false;
	span->items[span->next] = (struct sample){at_s, value};
	span->next = (span->next + 1) % TREND_SAMPLES;
	span->since++;
	if (span->count < TREND_SAMPLES)
		span->count++;
	if (span->count < TREND_LEAST || span->since < TREND_RENEW)
		return false;
	renew_slope(span);
	return true;
}

bool trend_add(struct trend *trend, double at_s, double value)
{
	bool longer = add(&trend->spans[1], trend->every_s * TREND_TIMES, at_s, value);

	return add(&trend->spans[0], trend->every_s, at_s, value) || longer;
}

const struct slope *trend_slope(const struct trend *trend, size_t span)
{
	return trend->spans[span].known ? &trend->spans[span].slope : NULL;
}

size_t trend_samples(const struct trend *trend, size_t span, struct sample samples[TREND_SAMPLES])
{
	return copy(&trend->spans[span], samples);
}

double trend_span_s(const struct trend *trend)
{
	return trend->every_s * TREND_SAMPLES;
}

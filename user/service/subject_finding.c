/* SPDX-License-Identifier: BSD-2-Clause */
/* What there is to say of a subject. */
#include "subjects.h"

#include "../analyze/fill_order.h"
#include "examples.h"
#include "lost.h"
#include "replaced.h"

/* By the line that is put forward, whoever called it. */
static uint64_t grown_by_first(const struct fills *fills)
{
	uint64_t count = 0;

	for (size_t i = 0; i < fills->grow_count; i++)
		if (!i || fills_share_line(&fills->grow[0], &fills->grow[i]))
			count += fills->grow[i].count;
	return count;
}

/* Of what is replaced by any other half is longer than before: see replaced.h. */
static bool may_be_any(const struct subject *subject)
{
	size_t ups = 0;

	for (size_t i = 1; i < subject->sample_count; i++) {
		uint64_t before = subject->samples[i - 1].length, now = subject->samples[i].length;

		if (now < before)
			return true;
		ups += now > before;
	}
	return ups < SURE_UPS;
}

bool subject_finding(const struct subject *subject, double uptime_s, const struct series *used,
		     struct zone *zone, struct finding *finding)
{
	struct container_sample *samples =
		zone_alloc(zone, subject->sample_count + 1, sizeof(*samples));
	struct container_history history = {
		.samples = samples,
		.count = subject->sample_count,
		.bound = subject->container.bound,
		.watched_s = subject->watched_s,
		.grown = subject->grown,
		.shrunk = subject->shrunk,
		.by_first = grown_by_first(&subject->fills),
		.emptied = subject->fills.shrink_count > 0,
		.stays = subject->alike || subject->stays, /* as patterns that grow do */
		.turns_over = subject->alike && subject->turns_over,
		.uptime_s = uptime_s,
		.of_objects = subject->lost,
		.of_value = subject->value.known,
	};

	for (size_t i = 0; i < subject->sample_count; i++) {
		samples[i] = subject->samples[i];
		samples[i].bytes = (uint64_t)((double)samples[i].length * subject->bytes_per_entry);
		samples[i].used_s = series_at(used, samples[i].at_s);
		if (subject->value.known)
			samples[i].length = 1;
	}
	*finding = (struct finding){0};
	if (subject->gone || (subject->replaced && !subject->alike && may_be_any(subject)) ||
	    subject->weak || replaced_is_doubtful(subject) || examples_deny_growth(subject) ||
	    !verdict_of_container(&history, zone, finding))
		return false;
	if (subject->container.bytes)
		finding->holds_bytes = subject->container.bytes;
	if (subject->lost)
		lost_describe(subject, zone, finding);
	else
		finding->container = &subject->container;
	finding->of = subject->of;
	finding->fills = subject->fills.grow;
	finding->fill_count = fills_told(subject->fills.grow_count);
	finding->empties = subject->fills.shrink;
	finding->empty_count = fills_told(subject->fills.shrink_count);
	return true;
}

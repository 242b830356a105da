/* SPDX-License-Identifier: BSD-2-Clause */
/* What there is to say of a subject. */
#include "subjects.h"

#include "../analyze/fill_order.h"
#include "examples.h"
#include "lost.h"
#include "replaced.h"
#include "subject_history.h"

enum { FALL_FORGIVEN = 10 }; /* of what it grows by */

/* By the line that is put forward, whoever called it. */
static uint64_t grown_by_first(const struct fills *fills)
{
	uint64_t count = 0;

	for (size_t i = 0; i < fills->grow_count; i++)
		if (!i || fills_share_line(&fills->grow[0], &fills->grow[i]))
			count += fills->grow[i].count;
	return count;
}

/* Of what is replaced by any other half is longer than before, and the others are shorter: see
 * replaced.h. What is cleared so, and of which more is left each time, is not. */
static bool may_be_any(const struct subject *subject, const struct container_history *history)
{
	struct moves moves = history_moves(subject);

	return (moves.fallen * FALL_FORGIVEN > moves.grown || moves.ups < SURE_UPS) &&
	       !verdict_is_rising(history);
}

static struct container_history history_of(const struct subject *subject, double uptime_s,
					   const struct series *used, struct zone *zone)
{
	struct container_sample *samples =
		zone_alloc(zone, subject->sample_count + 1, sizeof(*samples));

	for (size_t i = 0; i < subject->sample_count; i++) {
		samples[i] = subject->samples[i];
		samples[i].bytes = (uint64_t)((double)samples[i].length * subject->bytes_per_entry);
		samples[i].used_s = series_at(used, samples[i].at_s);
		if (subject->value.known)
			samples[i].length = 1;
	}
	return (struct container_history){
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
}

bool subject_finding(const struct subject *subject, double uptime_s, const struct series *used,
		     struct zone *zone, struct finding *finding)
{
	const struct container_history history = history_of(subject, uptime_s, used, zone);

	*finding = (struct finding){0};
	if (subject->gone ||
	    (subject->replaced && !subject->alike && may_be_any(subject, &history)) ||
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

/* In a tree, or in one that is told though much of it comes and goes: with
 * what is left in it each time. */
static bool is_told_within(const struct subjects *subjects, const struct subject *subject,
			   double uptime_s, const struct series *used, struct zone *zone)
{
	const struct subject *within =
		subject->within ? &subjects->items[subject->within - 1] : NULL;
	struct finding finding;

	return within && (within->tree || subject_comes_and_goes(within)) &&
	       subject_finding(within, uptime_s, used, zone, &finding) &&
	       finding_explains_growth(&finding);
}

size_t subjects_findings(const struct subjects *subjects, double uptime_s,
			 const struct series *used, struct zone *zone, struct finding *findings)
{
	size_t count = 0;

	for (size_t i = 0; i < subjects->count; i++)
		count += subject_finding(&subjects->items[i], uptime_s, used, zone,
					 &findings[count]) &&
			 !is_told_within(subjects, &subjects->items[i], uptime_s, used, zone);
	return count;
}

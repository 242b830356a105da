/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was made while a look was taken may seem to be lost: it was copied, and what refers to it
 * was not. Such objects are gone soon, or others are in their place. So what counts is what was
 * lost at a look with a graph and is the same at a later look, whether that has a graph or not. How
 * many had been lost before the first look shows in the same way, at the second one with a graph.
 * And where a container was torn in the copy, all that is in it seemed to be lost: before anything
 * is told, all words of the copy are asked.
 */
#include "lost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../python/objects/names.h"
#include "../python/objects/unreferenced.h"

enum { LEAST = 16 /* fewer come and go */ };

/* Beyond those that had been lost before the first look, and chance. */
static bool is_more(uint64_t count, const struct garbage_sum *sum)
{
	double before = (double)sum->stayed[0];

	return (double)count > before + LEAST + 3 * sqrt(before);
}

static bool is_growing(const struct garbage_sum *sum)
{
	return is_more(sum->stayed[1], sum);
}

static double bytes_of_one(const struct garbage_sum *sum)
{
	return sum->lost[1] ? (double)sum->lost_bytes[1] / (double)sum->lost[1] : 0;
}

static struct subject *take_up(struct subjects *subjects, const struct objects *objects,
			       uint32_t type, const char *key)
{
	const struct garbage_sum *sum = &objects->garbage.sums[type];
	double grown = (double)sum->stayed[1] - (double)sum->stayed[0];
	struct subject *subject = subjects_get(subjects, key, grown * bytes_of_one(sum));

	if (!subject || subject->lost)
		return subject;
	subject->lost = subject->alike = true;
	subject->of = zone_strdup(subjects->zone, objects->types.items[type].name);
	subject->container = (struct look_container){
		.bound = LOOK_UNKNOWN,
		.hits = LOOK_UNKNOWN,
		.misses = LOOK_UNKNOWN,
	};
	subject_add_sample(subject, objects->patterns.times[0], sum->stayed[0], LOOK_UNKNOWN);
	return subject;
}

/* As of the look at which they were seen to be lost, which this one confirms. */
static void set_sample(struct subject *subject, const struct objects *objects, uint64_t stayed)
{
	const struct patterns *patterns = &objects->patterns;
	double at_s = patterns->times[patterns->looks - (objects->has_graph ? 2 : 1)];
	struct container_sample *last = &subject->samples[subject->sample_count - 1];

	if (at_s > last->at_s)
		subject_add_sample(subject, at_s, stayed, LOOK_UNKNOWN);
	else
		last->length = stayed;
}

static void tell_lost(const struct listener *listener, const char *name,
		      const struct garbage_sum *sum)
{
	const struct event event = {
		.kind = EVENT_LOST,
		.name = name,
		.count = sum->lost[1],
		.stayed = sum->stayed[1],
		.stayed_first = sum->stayed[0],
	};

	event_tell(listener, &event);
}

static void update_type(struct subjects *subjects, const struct objects *objects, uint32_t type,
			const struct listener *listener)
{
	const struct garbage_sum *sum = &objects->garbage.sums[type];
	const char *name = objects->types.items[type].name;
	char key[OBJECT_NAME_BYTES + 16];

	snprintf(key, sizeof(key), "lost: %s", name);
	struct subject *subject = is_growing(sum) ? take_up(subjects, objects, type, key)
						  : subjects_find(subjects, key, 0);
	if (!subject || !subject->lost)
		return;
	tell_lost(listener, name, sum);
	subject->gone = !is_growing(sum);
	subject->looked_s = objects->last_time;
	subject->bytes_per_entry = bytes_of_one(sum);
	subject->container.length = sum->stayed[1];
	subject->container.bytes = (uint64_t)(subject->bytes_per_entry * (double)sum->stayed[1]);
	set_sample(subject, objects, sum->stayed[1]);
}

/* Of what a graph found lost, all may be so still at the next look. */
static bool is_any_growing(const struct objects *objects)
{
	for (size_t type = 1; type < objects->types.count; type++) {
		const struct garbage_sum *sum = &objects->garbage.sums[type];

		if (is_more(objects->has_graph ? sum->lost[1] : sum->stayed[1], sum))
			return true;
	}
	return false;
}

/* Whether looks can tell. */
static bool can_tell(const struct objects *objects)
{
	return objects->garbage.looks >= 2 && !objects->streamed && objects->patterns.looks >= 2;
}

bool lost_is_doubtful(struct objects *objects)
{
	if (!can_tell(objects) || objects_forget_copy(objects))
		return false;
	objects_recheck_lost(objects);
	return is_any_growing(objects);
}

void lost_update(struct subjects *subjects, struct objects *objects,
		 const struct listener *listener)
{
	if (!can_tell(objects))
		return;
	if (!objects->has_graph)
		objects_recheck_lost(objects);
	if (is_any_growing(objects)) /* to be sure takes some time */
		objects_drop_referred(objects);
	for (uint32_t type = 1; type < objects->types.count; type++)
		if (objects->garbage.sums[type].lost[1])
			update_type(subjects, objects, type, listener);
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->items[i].lost && subjects->items[i].looked_s < objects->last_time)
			subjects->items[i].gone = true;
}

void lost_describe(const struct subject *subject, struct zone *zone, struct finding *finding)
{
	static const char why[] =
		"; nothing refers to them: C code did not give up references; which "
		"line makes them was not watched";
	const char *reason = finding->reason ? finding->reason : "";
	char name[OBJECT_NAME_BYTES + 32];
	size_t size = strlen(reason) + sizeof(why);
	char *text = zone_alloc(zone, size, 1);

	snprintf(name, sizeof(name), "%s lost by C code", subject->of);
	snprintf(text, size, "%s%s", reason, why);
	finding->subject = zone_strdup(zone, name);
	finding->reason = text;
}

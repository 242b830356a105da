/* SPDX-License-Identifier: BSD-2-Clause */
/* What windows told of stacks, in saved profiles, and in reports that are read back. */
#include "pprof.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "json_read.h"
#include "snapshot_json.h"

enum { SECONDS_MOST = 1000000000 };

char *profile_growth_write(const struct snapshot *snapshot)
{
	struct json_object *stacks = json_object_new_array();

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack_growth *growth = snapshot->stacks[i].growth;

		json_object_array_add(stacks, growth ? json_of_stack_growth(growth) : NULL);
	}
	return json_take_text(stacks);
}

static bool read_number(const struct json_object *object, const char *key, double *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    (!json_object_is_type(member, json_type_double) &&
	     !json_object_is_type(member, json_type_int)))
		return false;
	*value = json_object_get_double(member);
	return isfinite(*value);
}

static bool read_verdict(struct snapshot *snapshot, const struct json_object *object,
			 enum growth_verdict *verdict)
{
	const char *name;

	if (!json_read_string(snapshot, object, "verdict", &name))
		return false;
	for (size_t i = 0; i < GROWTH_VERDICTS; i++)
		if (!strcmp(name, growth_verdict_name(i))) {
			*verdict = i;
			return true;
		}
	return false;
}

bool json_read_growth(struct snapshot *snapshot, struct stack *stack,
		      const struct json_object *object)
{
	struct stack_growth *growth = snapshot_alloc(snapshot, 1, sizeof(*growth));
	struct json_object *suspect;

	if (!json_object_is_type(object, json_type_object) ||
	    !read_verdict(snapshot, object, &growth->verdict) ||
	    !json_object_object_get_ex(object, "suspect", &suspect) ||
	    !json_object_is_type(suspect, json_type_boolean) ||
	    !json_read_count(object, "samples", &growth->samples) ||
	    !json_read_count(object, "blocks", &growth->blocks) ||
	    !read_number(object, "bytes_per_hour", &growth->bytes_per_hour) ||
	    !read_number(object, "low", &growth->low) ||
	    !read_number(object, "high", &growth->high))
		return false;
	growth->suspect = json_object_get_boolean(suspect);
	stack->growth = growth;
	return true;
}

const char *profile_growth_read(struct snapshot *snapshot, const char *json)
{
	if (strlen(json) > JSON_STACKS_BYTES_MAX)
		return "holds more of growth than any profile that unfreed saves";
	return json_read_stacks(snapshot, json, json_read_growth)
		       ? NULL
		       : "is damaged: what it says of growth cannot be read";
}

bool windows_read(struct snapshot *snapshot, const struct json_object *measurement)
{
	struct recorded_windows *windows = &snapshot->windows;
	struct json_object *object;
	double seconds;

	if (snapshot->mode != MODE_WINDOWS)
		return true;
	if (!json_object_object_get_ex(measurement, "windows", &object) ||
	    !json_object_is_type(object, json_type_object) ||
	    !read_number(object, "asked_percent", &windows->asked_percent) ||
	    !read_number(object, "spent_percent", &windows->spent_percent) ||
	    !json_read_count(object, "count", &windows->count) ||
	    !json_read_count(object, "failed", &windows->failed) ||
	    (json_object_object_get_ex(object, "given_up", NULL) && /* not in older ones */
	     !json_read_count(object, "given_up", &windows->given_up)) ||
	    !json_read_count(object, "promoted", &windows->promoted) ||
	    !read_number(object, "watched_s", &seconds) ||
	    !(seconds >= 0 && seconds <= SECONDS_MOST) ||
	    !read_number(object, "bytes_per_hour", &windows->bytes_per_hour) ||
	    !json_read_optional(snapshot, object, "problem", &windows->problem))
		return false;
	windows->watched_ns = (uint64_t)llround(seconds * 1e9);
	return true;
}

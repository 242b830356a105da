/* SPDX-License-Identifier: BSD-2-Clause */
#include "told_json.h"

#include <math.h>

#include "../../lib/json.h"
#include "../../output/why_json.h"

void json_add_finding(struct json_object *object, const struct known_finding *finding)
{
	const struct told_finding *told = &finding->told;

	json_add_string(object, "name", told->name);
	json_add_string(object, "type", told->type);
	json_add_string(object, "verdict", verdict_name(finding->verdict));
	json_add_rate(object, &told->rate);
	json_add_count(object, "holds_bytes", told->holds_bytes);
	json_add_string(object, "filled_by", told->filled_by);
	json_add_string(object, "reason", told->reason);
}

static struct json_object *json_of_time_left(double seconds)
{
	return isfinite(seconds) ? json_of_double(seconds, 0) : NULL;
}

/* Null: not foreseen; a time that is null: further away than can be told. */
static struct json_object *json_of_forecast(const struct group *group)
{
	const struct forecast *forecast = &group->forecast;
	struct json_object *object = group->foreseen ? json_object_new_object() : NULL;

	if (!object)
		return NULL;
	json_object_object_add(object, "early_s", json_of_time_left(forecast->early_s));
	json_object_object_add(object, "likely_s", json_of_time_left(forecast->likely_s));
	json_object_object_add(object, "late_s", json_of_time_left(forecast->late_s));
	return object;
}

void json_add_limit(struct json_object *object, const struct group *group)
{
	json_add_count(object, "used_bytes", group->memory.limit.used_bytes);
	json_add_count(object, "inactive_file_bytes", group->memory.inactive_bytes);
	json_add_count(object, "limit_bytes", group->memory.limit.bytes);
	json_object_object_add(object, "limit_reached_in", json_of_forecast(group));
}

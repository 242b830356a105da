/* SPDX-License-Identifier: BSD-2-Clause */
/* What the blocks of stacks hold, in saved profiles. */
#include "pprof.h"

#include <json-c/json.h>
#include <string.h>

#include "json_read.h"
#include "snapshot_json.h"

char *profile_objects_write(const struct snapshot *snapshot)
{
	struct json_object *stacks = json_object_new_array();

	for (size_t i = 0; i < snapshot->stack_count; i++)
		json_object_array_add(stacks, json_of_objects(snapshot->stacks[i].objects));
	return json_take_text(stacks);
}

static bool read_type(struct snapshot *snapshot, const struct json_object *object,
		      struct stack_type *type)
{
	return json_read_amount(object, &type->held) &&
	       json_read_string(snapshot, object, "name", &type->name);
}

static bool read_objects(struct snapshot *snapshot, struct stack *stack,
			 const struct json_object *object)
{
	struct stack_objects *objects = snapshot_alloc(snapshot, 1, sizeof(*objects));
	struct json_object *known, *reused, *types;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, "known", &known) ||
	    !json_object_object_get_ex(object, "reused", &reused) ||
	    !json_object_object_get_ex(object, "types", &types) ||
	    !json_read_amount(known, &objects->known) ||
	    (reused && !json_read_amount(reused, &objects->reused)) ||
	    !json_object_is_type(types, json_type_array) ||
	    json_object_array_length(types) > STACK_TYPES_MAX)
		return false;
	objects->has_reused = reused;
	objects->type_count = json_object_array_length(types);
	objects->types = snapshot_alloc(snapshot, objects->type_count, sizeof(*objects->types));
	for (size_t i = 0; i < objects->type_count; i++)
		if (!read_type(snapshot, json_object_array_get_idx(types, i), &objects->types[i]))
			return false;
	stack->objects = objects;
	return true;
}

const char *profile_objects_read(struct snapshot *snapshot, const char *json)
{
	if (strlen(json) > JSON_STACKS_BYTES_MAX)
		return "holds more of objects than any profile that unfreed saves";
	return json_read_stacks(snapshot, json, read_objects)
		       ? NULL
		       : "is damaged: what it says of objects cannot be read";
}

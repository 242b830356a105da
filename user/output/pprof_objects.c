/* SPDX-License-Identifier: BSD-2-Clause */
/* What the blocks of stacks hold, in saved profiles. */
#include "pprof.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { OBJECTS_BYTES_MAX = 64 << 20 };

char *profile_objects_write(const struct snapshot *snapshot)
{
	struct json_object *stacks = json_object_new_array();

	for (size_t i = 0; i < snapshot->stack_count; i++)
		json_object_array_add(stacks, json_of_objects(snapshot->stacks[i].objects));
	const char *text = json_text(stacks);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(stacks);
	return copy;
}

static bool read_count(const struct json_object *object, const char *key, uint64_t *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
		return false;
	*value = json_object_get_uint64(member);
	return true;
}

static bool read_amount(const struct json_object *object, struct amount *amount)
{
	return json_object_is_type(object, json_type_object) &&
	       read_count(object, "bytes", &amount->bytes) &&
	       read_count(object, "blocks", &amount->blocks);
}

static bool read_type(struct snapshot *snapshot, const struct json_object *object,
		      struct stack_type *type)
{
	struct json_object *name;

	if (!read_amount(object, &type->held) ||
	    !json_object_object_get_ex(object, "name", &name) ||
	    !json_object_is_type(name, json_type_string))
		return false;
	type->name = snapshot_intern(snapshot, json_object_get_string(name));
	return true;
}

static bool read_objects(struct snapshot *snapshot, struct stack_objects *objects,
			 const struct json_object *object)
{
	struct json_object *known, *reused, *types;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, "known", &known) ||
	    !json_object_object_get_ex(object, "reused", &reused) ||
	    !json_object_object_get_ex(object, "types", &types) ||
	    !read_amount(known, &objects->known) ||
	    (reused && !read_amount(reused, &objects->reused)) ||
	    !json_object_is_type(types, json_type_array) ||
	    json_object_array_length(types) > STACK_TYPES_MAX)
		return false;
	objects->has_reused = reused;
	objects->type_count = json_object_array_length(types);
	objects->types = snapshot_alloc(snapshot, objects->type_count, sizeof(*objects->types));
	for (size_t i = 0; i < objects->type_count; i++)
		if (!read_type(snapshot, json_object_array_get_idx(types, i), &objects->types[i]))
			return false;
	return true;
}

static bool read_stacks(struct snapshot *snapshot, const struct json_object *array)
{
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) != snapshot->stack_count)
		return false;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		if (!object)
			continue;
		struct stack_objects *objects = snapshot_alloc(snapshot, 1, sizeof(*objects));

		if (!read_objects(snapshot, objects, object))
			return false;
		snapshot->stacks[i].objects = objects;
	}
	return true;
}

const char *profile_objects_read(struct snapshot *snapshot, const char *json)
{
	if (strlen(json) > OBJECTS_BYTES_MAX)
		return "holds more of objects than any profile that unfreed saves";
	struct json_object *array = json_tokener_parse(json);
	bool is_read = read_stacks(snapshot, array);

	json_object_put(array);
	return is_read ? NULL : "is damaged: what it says of objects cannot be read";
}

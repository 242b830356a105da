/* SPDX-License-Identifier: BSD-2-Clause */
#include "json_read.h"

bool json_read_count(const struct json_object *object, const char *key, uint64_t *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
		return false;
	*value = json_object_get_uint64(member);
	return true;
}

bool json_read_difference(const struct json_object *object, const char *key, int64_t *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_int))
		return false;
	*value = json_object_get_int64(member);
	return true;
}

bool json_read_string(struct snapshot *snapshot, const struct json_object *object, const char *key,
		      const char **string)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_string))
		return false;
	*string = snapshot_intern(snapshot, json_object_get_string(member));
	return true;
}

bool json_read_optional(struct snapshot *snapshot, const struct json_object *object,
			const char *key, const char **string)
{
	struct json_object *member;

	return json_object_object_get_ex(object, key, &member) &&
	       (!member || json_read_string(snapshot, object, key, string));
}

bool json_read_amount(const struct json_object *object, struct amount *amount)
{
	return json_object_is_type(object, json_type_object) &&
	       json_read_count(object, "bytes", &amount->bytes) &&
	       json_read_count(object, "blocks", &amount->blocks);
}

static bool read_array(struct snapshot *snapshot, const struct json_object *array,
		       json_stack_reader *read)
{
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) != snapshot->stack_count)
		return false;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		if (object && !read(snapshot, &snapshot->stacks[i], object))
			return false;
	}
	return true;
}

bool json_read_stacks(struct snapshot *snapshot, const char *json, json_stack_reader *read)
{
	struct json_object *array = json_tokener_parse(json);
	bool is_read = read_array(snapshot, array, read);

	json_object_put(array);
	return is_read;
}

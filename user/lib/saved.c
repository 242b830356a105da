/* SPDX-License-Identifier: BSD-2-Clause */
#include "saved.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 16 };

void saved_fail(struct saved *saved, const char *format, ...)
{
	va_list arguments;

	if (saved->failed)
		return;
	saved->failed = true;
	va_start(arguments, format);
	vsnprintf(saved->error, saved->error_size, format, arguments);
	va_end(arguments);
}

void saved_fail_shape(struct saved *saved, const char *key)
{
	saved_fail(saved, "%s is no %s that unfreed saved: \"%s\" is missing or wrong", saved->path,
		   saved->what, key);
}

/* The tokener would see to it, but a strict one of json-c 0.18 refuses what is not ASCII. */
static bool is_the_end(const char *rest, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!strchr(" \t\r\n", rest[i]) || !rest[i])
			return false;
	return true;
}

struct json_object *saved_parse(struct saved *saved, const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *root = NULL;
	size_t end;

	if (!tokener) {
		saved_fail(saved, "no memory to read %s", saved->path);
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	if (size <= INT32_MAX)
		root = json_tokener_parse_ex(tokener, text, (int)size);
	end = json_tokener_get_parse_end(tokener);
	if (!root && json_tokener_get_error(tokener) == json_tokener_continue)
		saved_fail(saved, "%s is cut short: save the %s again", saved->path, saved->what);
	else if (!root)
		saved_fail(saved, "%s is no %s that unfreed saved: %s", saved->path, saved->what,
			   json_tokener_error_desc(json_tokener_get_error(tokener)));
	else if (!is_the_end(text + end, size - end))
		saved_fail(saved, "%s is no %s that unfreed saved: more follows it", saved->path,
			   saved->what);
	json_tokener_free(tokener);
	if (!saved->failed)
		return root;
	json_object_put(root);
	return NULL;
}

bool saved_has_schema(struct json_object *root, const char *schema)
{
	struct json_object *value = NULL;

	return json_object_is_type(root, json_type_object) &&
	       json_object_object_get_ex(root, "schema", &value) &&
	       json_object_is_type(value, json_type_string) &&
	       !strcmp(json_object_get_string(value), schema);
}

bool saved_is_null(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && !value;
}

struct json_object *saved_member(struct saved *saved, struct json_object *object, const char *key,
				 enum json_type type)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type))
		return value;
	saved_fail_shape(saved, key);
	return NULL;
}

uint64_t saved_count(struct saved *saved, struct json_object *object, const char *key)
{
	struct json_object *value = saved_member(saved, object, key, json_type_int);

	if (!value)
		return 0;
	errno = 0;
	uint64_t count = json_object_get_uint64(value);

	if (errno || json_object_get_int64(value) < 0)
		saved_fail_shape(saved, key);
	return count;
}

uint64_t saved_known_count(struct saved *saved, struct json_object *object, const char *key)
{
	return saved_is_null(object, key) ? UINT64_MAX : saved_count(saved, object, key);
}

double saved_known_number(struct saved *saved, struct json_object *object, const char *key,
			  double otherwise)
{
	struct json_object *value = NULL;

	if (saved_is_null(object, key))
		return otherwise;
	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, key, &value) &&
	    (json_object_is_type(value, json_type_double) ||
	     json_object_is_type(value, json_type_int)) &&
	    isfinite(json_object_get_double(value)))
		return json_object_get_double(value);
	saved_fail_shape(saved, key);
	return otherwise;
}

const char *saved_string(struct saved *saved, struct json_object *object, const char *key)
{
	struct json_object *value = saved_member(saved, object, key, json_type_string);

	return value ? zone_strdup(saved->zone, json_object_get_string(value)) : "";
}

const char *saved_known_string(struct saved *saved, struct json_object *object, const char *key)
{
	return saved_is_null(object, key) ? NULL : saved_string(saved, object, key);
}

void *saved_list(struct saved *saved, struct json_object *object, const char *key,
		 struct json_object **array, size_t *count, size_t size)
{
	*array = saved_member(saved, object, key, json_type_array);
	*count = *array ? json_object_array_length(*array) : 0;
	return zone_alloc(saved->zone, *count, size);
}

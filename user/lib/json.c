/* SPDX-License-Identifier: BSD-2-Clause */
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "utf8.h"

/* Names and paths are a target's bytes; JSON is UTF-8. */
struct json_object *json_of_string(const char *string)
{
	if (!string)
		return NULL;
	char *repaired = utf8_repair(string);
	struct json_object *object = json_object_new_string(repaired ? repaired : string);

	free(repaired);
	return object;
}

const char *json_text(struct json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
}

char *json_take_text(struct json_object *object)
{
	const char *text = json_text(object);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(object);
	return copy;
}

void json_add_count(struct json_object *object, const char *key, uint64_t count)
{
	json_object_object_add(object, key, json_object_new_uint64(count));
}

void json_add_difference(struct json_object *object, const char *key, int64_t difference)
{
	json_object_object_add(object, key, json_object_new_int64(difference));
}

void json_add_string(struct json_object *object, const char *key, const char *string)
{
	json_object_object_add(object, key, json_of_string(string));
}

struct json_object *json_member(const struct json_object *object, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &found);
	return found;
}

struct json_object *json_element(const struct json_object *array, size_t index)
{
	return json_object_is_type(array, json_type_array) &&
			       index < json_object_array_length(array)
		       ? json_object_array_get_idx(array, index)
		       : NULL;
}

struct json_object *json_of_double(double value, int digits)
{
	char text[400];

	if (!isfinite(value))
		return NULL;
	snprintf(text, sizeof(text), "%.*f", digits, value);
	return json_object_new_double_s(value, text);
}

struct json_object *json_of_percent(double percent)
{
	return percent < 0 ? NULL : json_of_double(percent, 2);
}

/* Seconds as a decimal number with every digit of the nanoseconds and no trailing zeros. */
static void print_seconds(char *text, size_t size, uint64_t nanoseconds)
{
	int length = snprintf(text, size, "%" PRIu64 ".%09" PRIu64, nanoseconds / NS_PER_S,
			      nanoseconds % NS_PER_S);

	while (text[length - 1] == '0' && text[length - 2] != '.')
		text[--length] = '\0';
}

struct json_object *json_of_seconds(uint64_t nanoseconds)
{
	char text[40];

	print_seconds(text, sizeof(text), nanoseconds);
	return json_object_new_double_s((double)nanoseconds / NS_PER_S, text);
}

struct json_object *json_of_time(int64_t since_epoch_ns)
{
	int64_t fraction_ns = since_epoch_ns % NS_PER_S;
	time_t seconds = since_epoch_ns / NS_PER_S;
	char date[40], text[64];
	struct tm utc;

	if (fraction_ns < 0) {
		fraction_ns += NS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof(text), "%s.%09" PRId64 "Z", date, fraction_ns);
	return json_object_new_string(text);
}

bool json_parse_time(const char *text, int64_t *since_epoch_ns)
{
	struct tm utc = {0};
	long fraction_ns;
	char zone;
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);

	if (!end || sscanf(end, ".%9ld%c", &fraction_ns, &zone) != 2 || zone != 'Z' ||
	    fraction_ns < 0 || utc.tm_year < 70 || utc.tm_year > 300)
		return false;
	*since_epoch_ns = timegm(&utc) * (int64_t)NS_PER_S + fraction_ns;
	return true;
}

int json_print(FILE *file, struct json_object *object, size_t cut)
{
	const char *text = json_text(object);
	int error = text ? 0 : -ENOMEM;

	if (text)
		fwrite(text, 1, strlen(text) - cut, file);
	json_object_put(object);
	return error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Values and members of JSON, as all that write it have them. */
#ifndef UNFREED_JSON_H
#define UNFREED_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/* Each returns a new object, the caller's. NULL gives JSON's null. */
struct json_object *json_of_string(const char *string);

/* With so many digits after the point; NULL for what is no number. */
struct json_object *json_of_double(double value, int digits);
struct json_object *json_of_percent(double percent);       /* negative: unknown, which is NULL */
struct json_object *json_of_seconds(uint64_t nanoseconds); /* 12.5 */
struct json_object *json_of_time(int64_t since_epoch_ns);  /* "2026-01-31T12:00:00.000000000Z" */

/* Reads what json_of_time() writes, of the years 1970 to 2200; false where it is no such time. */
bool json_parse_time(const char *text, int64_t *since_epoch_ns);

void json_add_count(struct json_object *object, const char *key, uint64_t count);
void json_add_difference(struct json_object *object, const char *key, int64_t difference);
void json_add_string(struct json_object *object, const char *key, const char *string);

/* What an object has by that key, or an array at that place; NULL where it has none, or is none. */
struct json_object *json_member(const struct json_object *object, const char *key);
struct json_object *json_element(const struct json_object *array, size_t index);

/*
 * Prints the text of an object without its last `cut` bytes, and gives the object up. Returns 0 or
 * -ENOMEM.
 */
int json_print(FILE *file, struct json_object *object, size_t cut);

/* The compact text of an object, which owns it; NULL on out of memory. */
const char *json_text(struct json_object *object);

/* The same as a new string, to be freed by the caller. Gives the object up. */
char *json_take_text(struct json_object *object);

#endif

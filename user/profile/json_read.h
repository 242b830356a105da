/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members of JSON objects that anybody may have written. Each returns false where the member is not
 * there, or is not what it should be; strings are the snapshot's.
 */
#ifndef UNFREED_JSON_READ_H
#define UNFREED_JSON_READ_H

#include <json-c/json.h>

#include "snapshot.h"

bool json_read_count(const struct json_object *object, const char *key, uint64_t *value);
bool json_read_difference(const struct json_object *object, const char *key, int64_t *value);
bool json_read_string(struct snapshot *snapshot, const struct json_object *object, const char *key,
		      const char **string);

/* A string or null, which leaves *string as it is. */
bool json_read_optional(struct snapshot *snapshot, const struct json_object *object,
			const char *key, const char **string);

/* The object's own `bytes` and `blocks`. */
bool json_read_amount(const struct json_object *object, struct amount *amount);

/* What json_of_stack_growth() made. */
bool json_read_growth(struct snapshot *snapshot, struct stack *stack,
		      const struct json_object *object);

/* Fills a stack from what stands for it. */
typedef bool json_stack_reader(struct snapshot *snapshot, struct stack *stack,
			       const struct json_object *object);

/* Of longer texts the caller is to read none: a tree takes about twenty times their memory. */
enum { JSON_STACKS_BYTES_MAX = 64 << 20 };

/* Reads an array with an element for each stack in turn, null for those
 * of which nothing is known. */
bool json_read_stacks(struct snapshot *snapshot, const char *json, json_stack_reader *read);

#endif

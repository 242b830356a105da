/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads JSON that unfreed saved, and that anybody may have changed since: the first thing that is
 * wrong becomes one sentence, and all that is read after it is empty. A tree of JSON takes about
 * twenty times the memory of its text, so that callers cap the text; the parser caps the depth.
 * Values of a wrong type are refused and not converted: a count of "12" or 1e300 is no count of
 * ours.
 */
#ifndef UNFREED_SAVED_H
#define UNFREED_SAVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "zone.h"

enum { SAVED_JSON_BYTES_MAX = 64 << 20 };

struct saved {
	const char *path;
	const char *what;  /* it is to be: "look" */
	struct zone *zone; /* of the strings that are read */
	char *error;       /* of error_size bytes */
	size_t error_size;
	bool failed;
};

/* The sentence, unless there is one, without a trailing period or newline. */
__attribute__((format(printf, 2, 3))) void saved_fail(struct saved *saved, const char *format, ...);

/* "PATH is no look that unfreed saved: "KEY" is missing or wrong" */
void saved_fail_shape(struct saved *saved, const char *key);

/* All of a text, to be put; NULL after a failure. */
struct json_object *saved_parse(struct saved *saved, const char *text, size_t size);

bool saved_has_schema(struct json_object *root, const char *schema);
bool saved_is_null(struct json_object *object, const char *key);

/* The value of a key where it has the type, else a failure and NULL. */
struct json_object *saved_member(struct saved *saved, struct json_object *object, const char *key,
				 enum json_type type);

uint64_t saved_count(struct saved *saved, struct json_object *object, const char *key);
uint64_t saved_known_count(struct saved *saved, struct json_object *object,
			   const char *key); /* null: UINT64_MAX */
/* A finite number; null: `otherwise`. */
double saved_known_number(struct saved *saved, struct json_object *object, const char *key,
			  double otherwise);

const char *saved_string(struct saved *saved, struct json_object *object, const char *key);
const char *saved_known_string(struct saved *saved, struct json_object *object,
			       const char *key); /* null: NULL */

/* An array and its length; zeroed room for as many elements of `size`, in the zone. */
void *saved_list(struct saved *saved, struct json_object *object, const char *key,
		 struct json_object **array, size_t *count, size_t size);

#endif

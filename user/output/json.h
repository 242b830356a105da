/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of `unfreed/1` that the JSON output and saved profiles share. */
#ifndef UNFREED_JSON_H
#define UNFREED_JSON_H

#include <json-c/json.h>

#include "../snapshot.h"

/* Each returns a new object, the caller's. NULL gives JSON's null. */
struct json_object *json_of_string(const char *string);
struct json_object *json_of_target(const struct target *target);
struct json_object *json_of_totals(const struct totals *totals);
struct json_object *json_of_losses(const struct snapshot *snapshot);

/* The compact text of an object, which owns it; NULL on out of memory. */
const char *json_text(struct json_object *object);

#endif

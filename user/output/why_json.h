/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of `unfreed/why/1` that other schemas take up. */
#ifndef UNFREED_WHY_JSON_H
#define UNFREED_WHY_JSON_H

#include <json-c/json.h>

#include "../analyze/answer.h"

/* `bytes_per_hour`, `low` and `high`; NULL: they are null. */
void json_add_rate(struct json_object *object, const struct rate *rate);

/* A new array, the caller's. */
struct json_object *json_of_fills(const struct answer_fill *fills, size_t count);

#endif

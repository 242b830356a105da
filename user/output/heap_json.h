/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of `unfreed/heap/1` that other schemas take up. Each returns a new object, the caller's. */
#ifndef UNFREED_HEAP_JSON_H
#define UNFREED_HEAP_JSON_H

#include <json-c/json.h>

#include "../look/look.h"

struct json_object *json_of_process(pid_t pid, const char *comm, const char *exe);
struct json_object *json_of_memory(const struct look *look);
struct json_object *json_of_chunks(const struct look_chunks *chunks, size_t count);
struct json_object *json_of_gc(const struct look_gc *gc); /* NULL: unknown */
struct json_object *json_of_container(const struct look_container *container);

#endif

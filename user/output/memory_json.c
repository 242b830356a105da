/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the memory is, in `unfreed/heap/1`. */
#include "heap_json.h"
#include "../lib/json.h"

static struct json_object *json_of_parts(const struct look *look)
{
	struct json_object *parts = json_object_new_array();

	for (size_t i = 0; look->parts_known && i < PART_COUNT; i++) {
		struct json_object *part = json_object_new_object();

		json_add_string(part, "name", look_part_name(i));
		json_add_count(part, "resident_bytes", look->parts[i].resident_bytes);
		json_add_count(part, "bytes", look->parts[i].bytes);
		json_object_array_add(parts, part);
	}
	return parts;
}

struct json_object *json_of_chunks(const struct look_chunks *chunks, size_t count)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_new_object();

		json_add_count(item, "size", chunks[i].least);
		json_object_object_add(item, "count",
				       json_object_new_int64((int64_t)chunks[i].count));
		json_object_object_add(item, "bytes",
				       json_object_new_int64((int64_t)chunks[i].bytes));
		json_object_array_add(array, item);
	}
	return array;
}

static struct json_object *json_of_malloc(const struct look_malloc *malloc)
{
	if (!malloc)
		return NULL;
	struct json_object *object = json_object_new_object();

	json_add_string(object, "glibc", malloc->version);
	json_add_count(object, "arenas", malloc->arenas);
	json_add_count(object, "threads", malloc->threads);
	json_add_count(object, "heaps", malloc->heaps);
	json_add_count(object, "system_bytes", malloc->system_bytes);
	json_add_count(object, "live_bytes", malloc->live_bytes);
	json_add_count(object, "live_chunks", malloc->live_chunks);
	json_add_count(object, "free_bytes", malloc->free_bytes);
	json_add_count(object, "top_bytes", malloc->top_bytes);
	json_add_count(object, "fastbin_bytes", malloc->fastbin_bytes);
	json_add_count(object, "cached_bytes", malloc->cached_bytes);
	json_add_count(object, "cached_chunks", malloc->cached_chunks);
	json_add_count(object, "mmapped_bytes", malloc->mmapped_bytes);
	json_add_count(object, "mmapped_chunks", malloc->mmapped_chunks);
	json_add_count(object, "returnable_bytes", malloc->returnable_bytes);
	return object;
}

static struct json_object *json_of_mappings(const struct look *look)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < look->mapping_count; i++) {
		struct json_object *item = json_object_new_object();

		json_add_string(item, "name", look->mappings[i].name);
		json_add_count(item, "count", look->mappings[i].count);
		json_add_count(item, "resident_bytes", look->mappings[i].bytes);
		json_object_array_add(array, item);
	}
	return array;
}

struct json_object *json_of_memory(const struct look *look)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "resident_bytes", look->resident_bytes);
	json_add_count(object, "proportional_bytes", look->proportional_bytes);
	json_add_count(object, "huge_bytes", look->huge_bytes);
	json_add_count(object, "swapped_bytes", look->swapped_bytes);
	json_object_object_add(object, "limit_bytes",
			       look->limit_bytes ? json_object_new_uint64(look->limit_bytes)
						 : NULL);
	json_object_object_add(object, "parts", json_of_parts(look));
	json_add_string(object, "malloc_problem", look->malloc_problem);
	json_object_object_add(object, "malloc", json_of_malloc(look->malloc));
	json_object_object_add(object, "mappings", json_of_mappings(look));
	json_object_object_add(object, "chunks",
			       json_of_chunks(look->chunks, look->chunk_class_count));
	return object;
}

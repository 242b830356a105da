/* SPDX-License-Identifier: BSD-2-Clause */
#include "api_memory.h"

#include <string.h>

#include "../../lib/json.h"

enum { CONTAINERS_MAX = 10 /* as of the metrics, beside caches */ };

static void add_known(struct json_object *object, const char *key, uint64_t count)
{
	json_object_object_add(object, key,
			       count == LOOK_UNKNOWN ? NULL : json_object_new_uint64(count));
}

/* What a counter rose by; of one that was begun anew nothing is known. */
static uint64_t risen(uint64_t now, uint64_t before)
{
	return now == LOOK_UNKNOWN || before == LOOK_UNKNOWN || now < before ? LOOK_UNKNOWN
									     : now - before;
}

static struct json_object *json_of_parts(const struct told_memory *memory)
{
	struct json_object *parts = json_object_new_object();

	for (size_t i = 0; i < PART_COUNT; i++)
		json_add_count(parts, look_part_name((enum look_part_id)i), memory->parts[i]);
	return parts;
}

/* --- the collector --- */

static struct json_object *json_of_generation(const struct look_gc *gc,
					      const struct look_gc *before, size_t number)
{
	struct json_object *object = json_object_new_object();
	bool known = before->known && number < before->generation_count;

	json_add_count(object, "collections", gc->generations[number].collections);
	json_add_count(object, "collected", gc->generations[number].collected);
	json_add_count(object, "uncollectable", gc->generations[number].uncollectable);
	add_known(object, "collections_since",
		  known ? risen(gc->generations[number].collections,
				before->generations[number].collections)
			: LOOK_UNKNOWN);
	add_known(object, "collected_since",
		  known ? risen(gc->generations[number].collected,
				before->generations[number].collected)
			: LOOK_UNKNOWN);
	return object;
}

static struct json_object *json_of_gc(const struct look_gc *gc, const struct look_gc *before)
{
	struct json_object *object = gc->known ? json_object_new_object() : NULL;
	struct json_object *generations;

	if (!object)
		return NULL;
	generations = json_object_new_array();
	for (size_t i = 0; i < gc->generation_count; i++)
		json_object_array_add(generations, json_of_generation(gc, before, i));
	json_object_object_add(object, "enabled", json_object_new_boolean(gc->enabled));
	add_known(object, "frozen", gc->frozen);
	json_object_object_add(object, "generations", generations);
	return object;
}

/* --- containers and pools --- */

static const struct told_container *find_container(const struct told_memory *memory,
						   const struct told_container *like)
{
	for (size_t i = 0; i < memory->container_count; i++) {
		const struct told_container *container = &memory->containers[i];

		if (container->name && !strcmp(container->name, like->name) &&
		    !strcmp(container->type, like->type))
			return container;
	}
	return NULL;
}

static struct json_object *json_of_container(const struct told_container *container)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", container->name);
	json_add_string(object, "type", container->type);
	json_add_count(object, "length", container->length);
	json_add_count(object, "bytes", container->bytes);
	add_known(object, "bound", container->bound);
	return object;
}

static bool is_cache(const struct told_container *container)
{
	return container->name && container->hits != LOOK_UNKNOWN;
}

static struct json_object *json_of_containers(const struct told_memory *memory)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < memory->container_count && i < CONTAINERS_MAX; i++)
		json_object_array_add(array, json_of_container(&memory->containers[i]));
	return array;
}

static struct json_object *json_of_caches(const struct told_memory *memory,
					  const struct told_memory *before)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < memory->container_count; i++) {
		const struct told_container *cache = &memory->containers[i];
		const struct told_container *was =
			is_cache(cache) ? find_container(before, cache) : NULL;
		struct json_object *object;

		if (!is_cache(cache))
			continue;
		object = json_of_container(cache);
		add_known(object, "hits", cache->hits);
		add_known(object, "misses", cache->misses);
		add_known(object, "hits_since", was ? risen(cache->hits, was->hits) : LOOK_UNKNOWN);
		add_known(object, "misses_since",
			  was ? risen(cache->misses, was->misses) : LOOK_UNKNOWN);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_pools(const struct told_memory *memory)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < memory->pool_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", memory->pools[i].name);
		json_add_string(object, "type", memory->pools[i].type);
		json_add_count(object, "in_use", memory->pools[i].in_use);
		json_add_count(object, "idle", memory->pools[i].idle);
		add_known(object, "maximum", memory->pools[i].maximum);
		json_object_array_add(array, object);
	}
	return array;
}

struct json_object *api_json_of_memory(const struct watched_service *service)
{
	const struct told_memory *memory = &service->memory, *before = &service->before;
	struct json_object *object = memory->known ? json_object_new_object() : NULL;

	if (!object)
		return NULL;
	json_object_object_add(object, "pid", json_object_new_int(memory->pid));
	json_object_object_add(object, "taken_at", json_of_time(memory->taken_at_ns));
	json_object_object_add(object, "since",
			       before->known ? json_of_time(before->taken_at_ns) : NULL);
	json_add_count(object, "live_bytes", memory->live_bytes);
	json_object_object_add(object, "parts", json_of_parts(memory));
	json_object_object_add(object, "gc", json_of_gc(&memory->gc, &before->gc));
	json_object_object_add(object, "containers", json_of_containers(memory));
	json_object_object_add(object, "caches", json_of_caches(memory, before));
	json_object_object_add(object, "pools", json_of_pools(memory));
	return object;
}

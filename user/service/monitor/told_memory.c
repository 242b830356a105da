/* SPDX-License-Identifier: BSD-2-Clause */
#include "told_memory.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/json.h"
#include "../../lib/saturate.h"
#include "../../look/growth.h"

enum { NAME_BYTES = 200 };

/* --- written --- */

static void add_known(struct json_object *object, const char *key, uint64_t count)
{
	if (count != LOOK_UNKNOWN)
		json_add_count(object, key, count);
}

static bool is_cache(const struct look_container *container)
{
	return container->name && container->hits != LOOK_UNKNOWN;
}

static struct json_object *json_of_container(const struct look_container *container)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", container->name);
	json_add_string(object, "type", container->type);
	json_add_count(object, "length", container->length);
	json_add_count(object, "bytes", container->bytes);
	add_known(object, "bound", container->bound);
	add_known(object, "hits", container->hits);
	add_known(object, "misses", container->misses);
	return object;
}

/* They stand in order of what they hold. */
static struct json_object *json_of_containers(const struct look *look)
{
	struct json_object *array = json_object_new_array();
	size_t caches = 0;

	for (size_t i = 0; i < look->container_count; i++) {
		const struct look_container *container = &look->containers[i];

		if (i >= TOLD_CONTAINERS_MAX && (!is_cache(container) || caches == TOLD_CACHES_MAX))
			continue;
		caches += i >= TOLD_CONTAINERS_MAX;
		json_object_array_add(array, json_of_container(container));
	}
	return array;
}

static struct json_object *json_of_types(const struct look *look)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < look->type_count && i < TOLD_TYPES_MAX; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", look->types[i].name);
		json_add_count(object, "count", look->types[i].count);
		json_add_count(object, "bytes", look->types[i].bytes);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_pools(const struct look *look)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < look->pool_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", look->pools[i].name);
		json_add_string(object, "type", look->pools[i].type);
		json_add_count(object, "in_use", look->pools[i].in_use);
		json_add_count(object, "idle", look->pools[i].idle);
		add_known(object, "maximum", look->pools[i].maximum);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_gc(const struct look_gc *gc)
{
	struct json_object *object = gc->known ? json_object_new_object() : NULL;
	struct json_object *generations;

	if (!object)
		return NULL;
	generations = json_object_new_array();
	for (size_t i = 0; i < gc->generation_count; i++) {
		struct json_object *generation = json_object_new_object();

		json_add_count(generation, "collections", gc->generations[i].collections);
		json_add_count(generation, "collected", gc->generations[i].collected);
		json_add_count(generation, "uncollectable", gc->generations[i].uncollectable);
		json_object_array_add(generations, generation);
	}
	json_object_object_add(object, "enabled", json_object_new_boolean(gc->enabled));
	add_known(object, "frozen", gc->frozen);
	json_object_object_add(object, "generations", generations);
	return object;
}

struct json_object *told_memory_write(const struct look *look)
{
	struct json_object *object, *parts;

	if (!look || !look->parts_known)
		return NULL;
	object = json_object_new_object();
	parts = json_object_new_array();
	json_add_count(object, "pid", (uint64_t)look->pid);
	json_add_count(object, "start_time", look->start_time);
	json_add_count(object, "taken_at_ns", (uint64_t)look->taken_at_ns);
	json_add_count(object, "live_bytes", look_live_bytes(look));
	json_add_count(object, "limit_bytes", look->limit_bytes); /* of reports */
	for (size_t i = 0; i < PART_COUNT; i++)
		json_object_array_add(parts, json_object_new_uint64(look->parts[i].resident_bytes));
	json_object_object_add(object, "parts", parts);
	json_object_object_add(object, "gc", json_of_gc(&look->gc));
	json_object_object_add(object, "containers", json_of_containers(look));
	json_object_object_add(object, "types", json_of_types(look));
	json_object_object_add(object, "pools", json_of_pools(look));
	return object;
}

/* --- read --- */

static uint64_t read_count(const struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_member(object, key));
}

static uint64_t read_known(const struct json_object *object, const char *key)
{
	return json_member(object, key) ? read_count(object, key) : LOOK_UNKNOWN;
}

/* Malloc'd; NULL where there is none. */
static char *read_name(const struct json_object *object, const char *key)
{
	struct json_object *found = json_member(object, key);

	return json_object_is_type(found, json_type_string)
		       ? strndup(json_object_get_string(found), NAME_BYTES)
		       : NULL;
}

static void read_gc(const struct json_object *object, struct look_gc *gc)
{
	const struct json_object *generations = json_member(object, "generations"), *found;

	gc->known = generations;
	gc->enabled = json_object_get_boolean(json_member(object, "enabled"));
	gc->frozen = read_known(object, "frozen");
	for (size_t i = 0; i < LOOK_GENERATIONS && (found = json_element(generations, i)); i++) {
		gc->generations[i].collections = read_count(found, "collections");
		gc->generations[i].collected = read_count(found, "collected");
		gc->generations[i].uncollectable = read_count(found, "uncollectable");
		gc->generation_count++;
	}
}

static void container_release(struct told_container *container)
{
	free(container->name);
	free(container->type);
}

/* Several may have one name where keys are not shown. */
static struct told_container *find_container(const struct told_memory *memory,
					     const struct told_container *like)
{
	for (size_t i = 0; like->name && i < memory->container_count; i++) {
		struct told_container *container = &memory->containers[i];

		if (container->name && !strcmp(container->name, like->name) &&
		    !strcmp(container->type, like->type))
			return container;
	}
	return NULL;
}

static void add_up(struct told_container *sum, const struct told_container *container)
{
	sum->length = saturating_add(sum->length, container->length);
	sum->bytes = saturating_add(sum->bytes, container->bytes);
	sum->bound = saturating_add(sum->bound, container->bound); /* not known stays so */
	sum->hits = saturating_add(sum->hits, container->hits);
	sum->misses = saturating_add(sum->misses, container->misses);
}

static void read_containers(const struct json_object *array, struct told_memory *memory)
{
	enum { MAX = TOLD_CONTAINERS_MAX + TOLD_CACHES_MAX };
	const struct json_object *object;

	memory->containers = calloc(MAX, sizeof(*memory->containers));
	for (size_t i = 0; i < MAX && memory->containers && (object = json_element(array, i));
	     i++) {
		struct told_container container = {
			.name = read_name(object, "name"),
			.type = read_name(object, "type"),
			.length = read_count(object, "length"),
			.bytes = read_count(object, "bytes"),
			.bound = read_known(object, "bound"),
			.hits = read_known(object, "hits"),
			.misses = read_known(object, "misses"),
		};

		struct told_container *alike =
			container.type ? find_container(memory, &container) : NULL;

		if (container.type && !alike) {
			memory->containers[memory->container_count++] = container;
			continue;
		}
		if (alike)
			add_up(alike, &container);
		container_release(&container);
	}
}

static void read_types(const struct json_object *array, struct told_memory *memory)
{
	const struct json_object *object;

	memory->types = calloc(TOLD_TYPES_MAX, sizeof(*memory->types));
	for (size_t i = 0; i < TOLD_TYPES_MAX && memory->types && (object = json_element(array, i));
	     i++) {
		struct told_type *type = &memory->types[memory->type_count];

		type->name = read_name(object, "name");
		type->count = read_count(object, "count");
		type->bytes = read_count(object, "bytes");
		memory->type_count += type->name != NULL;
	}
}

static void read_pools(const struct json_object *array, struct told_memory *memory)
{
	const struct json_object *object;

	memory->pools = calloc(LOOK_POOLS_MAX, sizeof(*memory->pools));
	for (size_t i = 0; i < LOOK_POOLS_MAX && memory->pools && (object = json_element(array, i));
	     i++)
		memory->pools[memory->pool_count++] = (struct told_pool){
			.name = read_name(object, "name"),
			.type = read_name(object, "type"),
			.in_use = read_count(object, "in_use"),
			.idle = read_count(object, "idle"),
			.maximum = read_known(object, "maximum"),
		};
}

void told_memory_read(const struct json_object *object, struct told_memory *memory)
{
	const struct json_object *parts = json_member(object, "parts");

	*memory = (struct told_memory){.known = parts};
	if (!parts)
		return;
	memory->pid = (pid_t)read_count(object, "pid");
	memory->start_time = read_count(object, "start_time");
	memory->taken_at_ns = (int64_t)read_count(object, "taken_at_ns");
	memory->live_bytes = read_count(object, "live_bytes");
	for (size_t i = 0; i < PART_COUNT; i++)
		memory->parts[i] = json_object_get_uint64(json_element(parts, i));
	read_gc(json_member(object, "gc"), &memory->gc);
	read_containers(json_member(object, "containers"), memory);
	read_types(json_member(object, "types"), memory);
	read_pools(json_member(object, "pools"), memory);
}

void told_memory_release(struct told_memory *memory)
{
	for (size_t i = 0; i < memory->container_count; i++)
		container_release(&memory->containers[i]);
	for (size_t i = 0; i < memory->type_count; i++)
		free(memory->types[i].name);
	for (size_t i = 0; i < memory->pool_count; i++) {
		free(memory->pools[i].name);
		free(memory->pools[i].type);
	}
	free(memory->pools);
	free(memory->containers);
	free(memory->types);
	*memory = (struct told_memory){0};
}

bool told_memory_is_same(const struct told_memory *a, const struct told_memory *b)
{
	return a->known && b->known && a->pid == b->pid && a->start_time == b->start_time;
}

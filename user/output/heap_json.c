/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `unfreed/heap/1`, the schema of docs/formats.md. The long lists are written element by element,
 * each on its own line: a tree of all of them would take many times the memory of the look.
 */
#include "heap_json.h"

#include <errno.h>
#include <string.h>

#include "../lib/json.h"
#include "heap.h"

struct json_object *json_of_process(pid_t pid, const char *comm, const char *exe)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "pid", (uint64_t)pid);
	json_add_string(object, "comm", comm);
	json_add_string(object, "exe", exe);
	return object;
}

static void add_known(struct json_object *object, const char *key, uint64_t count)
{
	json_object_object_add(object, key,
			       count == LOOK_UNKNOWN ? NULL : json_object_new_uint64(count));
}

static void add_flag(struct json_object *object, const char *key, bool flag)
{
	json_object_object_add(object, key, json_object_new_boolean(flag));
}

static struct json_object *json_of_generation(const struct look_gc *gc, size_t number)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "threshold", gc->generations[number].threshold);
	json_add_count(object, "count", gc->generations[number].count);
	json_add_count(object, "collections", gc->generations[number].collections);
	json_add_count(object, "collected", gc->generations[number].collected);
	json_add_count(object, "uncollectable", gc->generations[number].uncollectable);
	return object;
}

struct json_object *json_of_gc(const struct look_gc *gc)
{
	if (!gc->known)
		return NULL;
	struct json_object *object = json_object_new_object();
	struct json_object *generations = json_object_new_array();

	add_flag(object, "enabled", gc->enabled);
	add_known(object, "frozen", gc->frozen);
	add_flag(object, "has_frozen", gc->has_frozen);
	add_flag(object, "saves_all", gc->saves_all);
	add_flag(object, "incremental", gc->is_incremental);
	for (size_t i = 0; i < gc->generation_count && i < LOOK_GENERATIONS; i++)
		json_object_array_add(generations, json_of_generation(gc, i));
	json_object_object_add(object, "generations", generations);
	return object;
}

static struct json_object *json_of_entries(const struct look_container *container)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < container->of_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "type", container->of[i].name);
		json_add_count(object, "count", container->of[i].count);
		json_object_array_add(array, object);
	}
	return array;
}

struct json_object *json_of_container(const struct look_container *container)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", container->name);
	json_add_string(object, "type", container->type);
	json_add_count(object, "length", container->length);
	json_add_count(object, "bytes", container->bytes);
	json_add_count(object, "address", container->address);
	json_object_object_add(object, "of", json_of_entries(container));
	add_known(object, "bound", container->bound);
	add_known(object, "hits", container->hits);
	add_known(object, "misses", container->misses);
	return object;
}

static struct json_object *json_of_type(const struct look *look, size_t number)
{
	const struct look_type *type = &look->types[number];
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", type->name);
	json_add_string(object, "language", type->language);
	json_add_count(object, "count", type->count);
	json_add_count(object, "bytes", type->bytes);
	return object;
}

static struct json_object *json_of_holder(const struct look *look, size_t number)
{
	const struct look_holder *holder = &look->holders[number];
	struct json_object *object = json_object_new_object();
	struct json_object *chain = json_object_new_array();

	json_add_string(object, "of", holder->of);
	json_add_string(object, "name", holder->name);
	json_add_count(object, "count", holder->count);
	json_add_count(object, "bytes", holder->bytes);
	for (size_t i = 0; i < holder->chain_length; i++) {
		struct json_object *step = json_object_new_object();

		json_add_string(step, "edge", holder->chain[i].edge);
		json_add_string(step, "type", holder->chain[i].type);
		json_add_string(step, "name", holder->chain[i].name);
		json_object_array_add(chain, step);
	}
	json_object_object_add(object, "chain", chain);
	return object;
}

static struct json_object *json_of_garbage(const struct look *look, size_t number)
{
	const struct look_garbage *garbage = &look->garbage[number];
	struct json_object *object = json_object_new_object();

	json_add_string(object, "type", garbage->type);
	json_add_count(object, "count", garbage->count);
	json_add_count(object, "bytes", garbage->bytes);
	json_add_string(object, "why", garbage->why);
	return object;
}

static struct json_object *json_of_held(const struct look *look, size_t number)
{
	const struct look_held *held = &look->held[number];
	struct json_object *object = json_object_new_object();

	json_add_string(object, "type", held->type);
	json_add_count(object, "count", held->count);
	json_add_count(object, "bytes", held->bytes);
	json_add_difference(object, "grown", held->grown);
	return object;
}

static struct json_object *json_of_lost(const struct look *look, size_t number)
{
	const struct look_lost *lost = &look->lost[number];
	struct json_object *object = json_object_new_object();

	json_add_count(object, "size", lost->size);
	json_add_count(object, "count", lost->count);
	json_add_count(object, "bytes", lost->bytes);
	json_add_string(object, "type", lost->type);
	return object;
}

static struct json_object *json_of_grown(const struct look_grown *grown)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", grown->name);
	json_add_string(object, "type", grown->type);
	json_add_string(object, "of", grown->of);
	json_add_count(object, "address", grown->address);
	json_add_count(object, "containers", grown->containers);
	json_add_count(object, "length", grown->length);
	json_add_difference(object, "grown", grown->grown);
	json_add_difference(object, "bytes", grown->bytes);
	add_flag(object, "garbage", grown->garbage);
	add_flag(object, "replaced", grown->replaced);
	return object;
}

static struct json_object *json_of_grown_types(const struct look_growth *growth)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < growth->type_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", growth->types[i].name);
		json_add_difference(object, "count", (int64_t)growth->types[i].count);
		json_add_difference(object, "bytes", (int64_t)growth->types[i].bytes);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_edges(const struct look_growth *growth)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < growth->edge_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "from", growth->edges[i].from);
		json_add_string(object, "to", growth->edges[i].to);
		json_add_count(object, "count", growth->edges[i].count);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_growth(const struct look_growth *growth)
{
	if (!growth)
		return NULL;
	struct json_object *object = json_object_new_object();
	struct json_object *containers = json_object_new_array();
	struct json_object *parts = json_object_new_object();

	json_object_object_add(object, "seconds", json_of_double(growth->seconds, 3));
	json_add_count(object, "looks", growth->looks);
	json_object_object_add(object, "types", json_of_grown_types(growth));
	for (size_t i = 0; i < growth->container_count; i++)
		json_object_array_add(containers, json_of_grown(&growth->containers[i]));
	json_object_object_add(object, "containers", containers);
	json_object_object_add(object, "edges", json_of_edges(growth));
	for (size_t i = 0; i < PART_COUNT; i++)
		json_add_difference(parts, look_part_name(i), growth->parts[i]);
	json_object_object_add(object, "parts", parts);
	json_object_object_add(object, "chunks",
			       json_of_chunks(growth->chunks, growth->chunk_count));
	json_add_difference(object, "resident_bytes", growth->resident_bytes);
	add_flag(object, "collected", growth->collected);
	json_add_difference(object, "garbage_bytes", growth->garbage_bytes);
	return object;
}

static struct json_object *json_of_pools(const struct look *look)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < look->pool_count; i++) {
		const struct look_pool *pool = &look->pools[i];
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", pool->name);
		json_add_string(object, "type", pool->type);
		json_add_count(object, "pools", pool->count);
		json_add_count(object, "in_use", pool->in_use);
		json_add_count(object, "idle", pool->idle);
		add_known(object, "maximum", pool->maximum);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_uncertain(const struct look *look)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		json_add_count(object, look_uncertain_key(i), look->uncertain[i]);
	return object;
}

static struct json_object *json_of_python(const struct look *look)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "version", look->python_version);
	json_add_string(object, "problem", look->python_problem);
	json_add_string(object, "note", look->python_note);
	return object;
}

static struct json_object *json_of_hints(const struct look *look)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < look->hint_count; i++)
		json_object_array_add(array, json_of_string(look->hints[i]));
	return array;
}

static struct json_object *json_of_core(const struct look_core *core)
{
	if (!core)
		return NULL;
	struct json_object *object = json_object_new_object();

	json_add_string(object, "path", core->path);
	json_add_count(object, "missing_bytes", core->missing_bytes);
	json_add_count(object, "missing_stacks", core->missing_stacks);
	add_flag(object, "has_no_notes", core->has_no_notes);
	json_add_count(object, "changed_files", core->changed_files);
	return object;
}

/* All but the long lists. */
static struct json_object *json_of_summary(const struct look *look)
{
	struct json_object *object = json_object_new_object();
	struct json_object *target = json_of_process(look->pid, look->comm, look->exe);

	json_add_string(object, "schema", "unfreed/heap/1");
	json_add_string(object, "version", UNFREED_VERSION);
	json_add_count(target, "start_time", look->start_time);
	if (look->workers.count) {
		json_add_count(target, "workers", look->workers.count);
		json_add_count(target, "first_worker", look->workers.first);
	}
	json_object_object_add(target, "core", json_of_core(look->core));
	json_object_object_add(object, "target", target);
	json_object_object_add(object, "python", json_of_python(look));
	json_object_object_add(object, "taken_at", json_of_time(look->taken_at_ns));
	json_object_object_add(object, "read_s", json_of_seconds(look->read_ns));
	json_object_object_add(object, "cpu_s", json_of_seconds(look->cpu_ns));
	json_object_object_add(object, "frozen_s",
			       look->frozen_ns ? json_of_seconds(look->frozen_ns)
					       : json_object_new_int(0));
	json_object_object_add(object, "memory", json_of_memory(look));
	json_object_object_add(object, "hints", json_of_hints(look));
	json_add_string(object, "lost_problem", look->lost_problem);
	json_object_object_add(object, "gc", json_of_gc(&look->gc));
	json_object_object_add(object, "connection_pools", json_of_pools(look));
	json_object_object_add(object, "growth", json_of_growth(look->growth));
	json_object_object_add(object, "uncertain", json_of_uncertain(look));
	json_add_string(object, "asked_for", look->asked_for);
	return object;
}

static struct json_object *json_of_asked(const struct look *look, size_t number)
{
	return json_of_container(&look->asked[number]);
}

static struct json_object *json_of_container_number(const struct look *look, size_t number)
{
	return json_of_container(&look->containers[number]);
}

/* Prints `,"key":[…]`, each of its `count` elements as `make` makes it on its own line. */
static int print_list(FILE *file, const struct look *look, const char *key, size_t count,
		      struct json_object *(*make)(const struct look *, size_t))
{
	int error = 0;

	fprintf(file, ",\n\"%s\":[", key);
	for (size_t i = 0; i < count && !error; i++) {
		fputs(i ? ",\n" : "\n", file);
		error = json_print(file, make(look, i), 0);
	}
	fputs("]", file);
	return error;
}

/* null where it was not looked for. */
static int print_optional(FILE *file, const struct look *look, const char *key, bool known,
			  size_t count, struct json_object *(*make)(const struct look *, size_t))
{
	if (known)
		return print_list(file, look, key, count, make);
	fprintf(file, ",\n\"%s\":null", key);
	return 0;
}

int heap_json(const struct look *look, const struct heap_output_options *options, FILE *file)
{
	int error = json_print(file, json_of_summary(look), strlen("}"));

	(void)options;
	if (!error)
		error = print_list(file, look, "types", look->type_count, json_of_type);
	if (!error)
		error = print_list(file, look, "containers", look->container_count,
				   json_of_container_number);
	if (!error)
		error = print_list(file, look, "asked", look->asked_count, json_of_asked);
	if (!error)
		error = print_list(file, look, "holders", look->holder_count, json_of_holder);
	if (!error)
		error = print_list(file, look, "garbage", look->garbage_count, json_of_garbage);
	if (!error)
		error = print_optional(file, look, "held_by_c_or_lost", look->held,
				       look->held_count, json_of_held);
	if (!error)
		error = print_optional(file, look, "lost", look->lost, look->lost_count,
				       json_of_lost);
	fputs("}\n", file);
	return error;
}

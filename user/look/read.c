/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads back what output/heap_json.c writes. */
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/json.h"

static void read_target(struct saved *saved, struct look *look, struct json_object *root)
{
	struct json_object *target = saved_member(saved, root, "target", json_type_object);
	uint64_t pid = saved_count(saved, target, "pid");

	if (pid > INT_MAX)
		saved_fail_shape(saved, "pid");
	look->pid = (pid_t)pid;
	look->comm = saved_known_string(saved, target, "comm");
	look->exe = saved_known_string(saved, target, "exe");
	look->start_time = saved_count(saved, target, "start_time");
}

static void read_time(struct saved *saved, struct look *look, struct json_object *root)
{
	const char *text = saved_string(saved, root, "taken_at");

	if (!json_parse_time(text, &look->taken_at_ns))
		saved_fail_shape(saved, "taken_at");
}

static int part_by_name(const char *name)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (!strcmp(name, look_part_name(i)))
			return i;
	return -1;
}

/* A part of a name that is not known is left out: a later release may tell more of them apart. */
static void read_parts(struct saved *saved, struct look *look, struct json_object *memory)
{
	struct json_object *parts = saved_member(saved, memory, "parts", json_type_array);
	size_t count = parts ? json_object_array_length(parts) : 0;

	for (size_t i = 0; i < count && !saved->failed; i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);
		int id = part_by_name(saved_string(saved, part, "name"));

		if (id < 0)
			continue;
		look->parts_known = true;
		look->parts[id].resident_bytes = saved_count(saved, part, "resident_bytes");
		look->parts[id].bytes = saved_count(saved, part, "bytes");
	}
}

/* What an earlier release did not write is none. */
static uint64_t added_count(struct saved *saved, struct json_object *object, const char *key)
{
	return object && json_object_object_get_ex(object, key, NULL)
		       ? saved_count(saved, object, key)
		       : 0;
}

static struct json_object *added_list(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return object && json_object_object_get_ex(object, key, &value) &&
			       json_object_is_type(value, json_type_array)
		       ? value
		       : NULL;
}

static void read_chunks(struct saved *saved, struct look *look, struct json_object *memory)
{
	struct json_object *array = added_list(memory, "chunks");
	size_t count = array ? json_object_array_length(array) : 0;
	struct look_chunks *chunks = zone_alloc(look->zone, count, sizeof(*chunks));

	for (size_t i = 0; i < count && !saved->failed; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		chunks[i].least = saved_count(saved, item, "size");
		chunks[i].count = saved_count(saved, item, "count");
		chunks[i].bytes = saved_count(saved, item, "bytes");
		if (i && chunks[i].least <= chunks[i - 1].least)
			saved_fail_shape(saved, "chunks");
	}
	look->chunks = chunks;
	look->chunk_class_count = count;
}

static void read_memory(struct saved *saved, struct look *look, struct json_object *root)
{
	struct json_object *memory = saved_member(saved, root, "memory", json_type_object);

	look->resident_bytes = saved_count(saved, memory, "resident_bytes");
	look->swapped_bytes = saved_count(saved, memory, "swapped_bytes");
	if (!saved_is_null(memory, "limit_bytes"))
		look->limit_bytes = saved_count(saved, memory, "limit_bytes");
	read_parts(saved, look, memory);
	look->proportional_bytes = added_count(saved, memory, "proportional_bytes");
	look->huge_bytes = added_count(saved, memory, "huge_bytes");
	read_chunks(saved, look, memory);
}

static void read_types(struct saved *saved, struct look *look, struct json_object *root)
{
	struct json_object *array;
	struct look_type *types =
		saved_list(saved, root, "types", &array, &look->type_count, sizeof(*types));

	for (size_t i = 0; i < look->type_count && !saved->failed; i++) {
		struct json_object *type = json_object_array_get_idx(array, i);

		types[i].name = saved_string(saved, type, "name");
		types[i].language = saved_string(saved, type, "language");
		types[i].count = saved_count(saved, type, "count");
		types[i].bytes = saved_count(saved, type, "bytes");
	}
	look->types = types;
}

static void read_entries(struct saved *saved, struct json_object *object,
			 struct look_container *container)
{
	struct json_object *array;
	struct look_count *of =
		saved_list(saved, object, "of", &array, &container->of_count, sizeof(*of));

	for (size_t i = 0; i < container->of_count && !saved->failed; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);

		of[i].name = saved_string(saved, entry, "type");
		of[i].count = saved_count(saved, entry, "count");
	}
	container->of = of;
}

void look_read_container(struct saved *saved, struct json_object *object,
			 struct look_container *container)
{
	container->name = saved_known_string(saved, object, "name");
	container->type = saved_string(saved, object, "type");
	container->address = saved_count(saved, object, "address");
	container->length = saved_count(saved, object, "length");
	container->bytes = saved_count(saved, object, "bytes");
	container->bound = saved_known_count(saved, object, "bound");
	container->hits = saved_known_count(saved, object, "hits");
	container->misses = saved_known_count(saved, object, "misses");
	read_entries(saved, object, container);
}

static void read_containers(struct saved *saved, struct look *look, struct json_object *root)
{
	struct json_object *array;
	struct look_container *containers = saved_list(saved, root, "containers", &array,
						       &look->container_count, sizeof(*containers));

	for (size_t i = 0; i < look->container_count && !saved->failed; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		look_read_container(saved, object, &containers[i]);
	}
	look->containers = containers;
}

/* Files of earlier versions do not have it. */
static bool later_flag(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(object, json_type_object) &&
	       json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static void read_gc(struct saved *saved, struct look *look, struct json_object *root)
{
	struct look_gc *gc = &look->gc;

	if (saved_is_null(root, "gc"))
		return;
	struct json_object *object = saved_member(saved, root, "gc", json_type_object);
	struct json_object *enabled = saved_member(saved, object, "enabled", json_type_boolean);
	struct json_object *generations =
		saved_member(saved, object, "generations", json_type_array);
	size_t count = generations ? json_object_array_length(generations) : 0;

	gc->known = true;
	gc->enabled = json_object_get_boolean(enabled);
	gc->has_frozen = later_flag(object, "has_frozen");
	gc->saves_all = later_flag(object, "saves_all");
	gc->is_incremental = later_flag(object, "incremental");
	gc->frozen = saved_known_count(saved, object, "frozen");
	gc->generation_count = count < LOOK_GENERATIONS ? count : LOOK_GENERATIONS;
	for (size_t i = 0; i < gc->generation_count; i++) {
		struct json_object *generation = json_object_array_get_idx(generations, i);

		gc->generations[i].threshold = saved_count(saved, generation, "threshold");
		gc->generations[i].count = saved_count(saved, generation, "count");
		gc->generations[i].collections = saved_count(saved, generation, "collections");
		gc->generations[i].collected = saved_count(saved, generation, "collected");
		gc->generations[i].uncollectable = saved_count(saved, generation, "uncollectable");
	}
}

static void read_root(struct saved *saved, struct look *look, struct json_object *root)
{
	if (saved_has_schema(root, "unfreed/why/1") && saved_is_null(root, "look"))
		saved_fail(saved, "%s holds no look: that run read no memory", saved->path);
	else if (saved_has_schema(root, "unfreed/why/1"))
		root = saved_member(saved, root, "look", json_type_object);
	if (saved->failed)
		return;
	if (!saved_has_schema(root, "unfreed/heap/1")) {
		saved_fail(
			saved,
			"%s is no look that unfreed saved: write one with unfreed heap -o FILE.json",
			saved->path);
		return;
	}
	read_target(saved, look, root);
	read_time(saved, look, root);
	read_memory(saved, look, root);
	read_types(saved, look, root);
	read_containers(saved, look, root);
	read_gc(saved, look, root);
}

struct look *look_read_text(const char *path, const char *text, size_t size, char *error,
			    size_t error_size)
{
	struct look *look = look_new();
	struct saved saved = {path, "look", look->zone, error, error_size, false};
	struct json_object *root = saved_parse(&saved, text, size);

	if (root)
		read_root(&saved, look, root);
	json_object_put(root);
	if (!saved.failed)
		return look;
	look_free(look);
	return NULL;
}

/* Returns a descriptor of a regular file that is not too large, and its size; or fails. */
static int open_file(struct saved *saved, size_t *size)
{
	struct stat status;
	int fd = open(saved->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status))
		saved_fail(saved, "cannot open %s: %s", saved->path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		saved_fail(saved, "%s is no regular file", saved->path);
	else if (status.st_size > SAVED_JSON_BYTES_MAX)
		saved_fail(saved, "%s is larger than %d MiB, more than a look of unfreed",
			   saved->path, SAVED_JSON_BYTES_MAX >> 20);
	if (fd >= 0 && saved->failed)
		close(fd);
	*size = saved->failed ? 0 : (size_t)status.st_size;
	return saved->failed ? -1 : fd;
}

/* To be freed; at most *size bytes, also of a file that grows meanwhile. *size becomes what there
 * was. */
static char *load(struct saved *saved, int fd, size_t *size)
{
	size_t most = *size;
	char *text = malloc(most + 1);

	*size = 0;
	while (text && *size < most) {
		ssize_t count = read(fd, text + *size, most - *size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			saved_fail(saved, "cannot read %s: %s", saved->path, strerror(errno));
		if (count <= 0)
			break;
		*size += (size_t)count;
	}
	if (text)
		text[*size] = '\0';
	else
		saved_fail(saved, "no memory to read %s", saved->path);
	return text;
}

struct look *look_read(const char *path, char *error, size_t error_size)
{
	struct saved saved = {path, "look", NULL, error, error_size, false};
	struct look *look = NULL;
	size_t size;
	int fd = open_file(&saved, &size);

	if (fd < 0)
		return NULL;
	char *text = load(&saved, fd, &size);

	close(fd);
	if (!saved.failed)
		look = look_read_text(path, text, size, error, error_size);
	free(text);
	return look;
}

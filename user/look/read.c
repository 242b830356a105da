// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads back what output/heap_json.c writes. A tree of JSON takes about twenty times the memory of
 * its text, so that the text is capped; depth is capped by the parser. Values of a wrong type are
 * refused and not converted: a count of "12" or 1e300 is no count of ours.
 */
#include "read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

enum { MOST_BYTES = 64 << 20, DEPTH = 16 };

/* What went wrong first, and where the values go. */
struct reading {
	const char *path;
	char *error;
	size_t error_size;
	bool failed;
	struct look *look;
};

__attribute__((format(printf, 2, 3))) static void fail(struct reading *reading, const char *format,
						       ...)
{
	va_list arguments;

	if (reading->failed)
		return;
	reading->failed = true;
	va_start(arguments, format);
	vsnprintf(reading->error, reading->error_size, format, arguments);
	va_end(arguments);
}

static void fail_shape(struct reading *reading, const char *key)
{
	fail(reading, "%s is no look that unfreed saved: \"%s\" is missing or wrong", reading->path,
	     key);
}

/* The value of a key where it has the type, else a failure and NULL. */
static struct json_object *member(struct reading *reading, struct json_object *object,
				  const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type))
		return value;
	fail_shape(reading, key);
	return NULL;
}

static bool is_null(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && !value;
}

static uint64_t count_of(struct reading *reading, struct json_object *object, const char *key)
{
	struct json_object *value = member(reading, object, key, json_type_int);

	if (!value)
		return 0;
	errno = 0;
	uint64_t count = json_object_get_uint64(value);

	if (errno || json_object_get_int64(value) < 0)
		fail_shape(reading, key);
	return count;
}

static uint64_t known_count_of(struct reading *reading, struct json_object *object, const char *key)
{
	return is_null(object, key) ? LOOK_UNKNOWN : count_of(reading, object, key);
}

static const char *string_of(struct reading *reading, struct json_object *object, const char *key)
{
	struct json_object *value = member(reading, object, key, json_type_string);

	return value ? zone_strdup(reading->look->zone, json_object_get_string(value)) : "";
}

static const char *known_string_of(struct reading *reading, struct json_object *object,
				   const char *key)
{
	return is_null(object, key) ? NULL : string_of(reading, object, key);
}

/* An array of a look and its length; zeroed room for as many elements of `size`. */
static void *list_of(struct reading *reading, struct json_object *object, const char *key,
		     struct json_object **array, size_t *count, size_t size)
{
	*array = member(reading, object, key, json_type_array);
	*count = *array ? json_object_array_length(*array) : 0;
	return zone_alloc(reading->look->zone, *count, size);
}

static void read_target(struct reading *reading, struct json_object *root)
{
	struct json_object *target = member(reading, root, "target", json_type_object);
	uint64_t pid = count_of(reading, target, "pid");

	if (pid > INT_MAX)
		fail_shape(reading, "pid");
	reading->look->pid = (pid_t)pid;
	reading->look->comm = known_string_of(reading, target, "comm");
	reading->look->exe = known_string_of(reading, target, "exe");
	reading->look->start_time = count_of(reading, target, "start_time");
}

/* "2026-01-31T12:00:00.000000000Z" */
static void read_time(struct reading *reading, struct json_object *root)
{
	const char *text = string_of(reading, root, "taken_at");
	struct tm utc = {0};
	long fraction_ns;
	char zone;
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);

	if (!end || sscanf(end, ".%9ld%c", &fraction_ns, &zone) != 2 || zone != 'Z' ||
	    fraction_ns < 0 || utc.tm_year < 70 || utc.tm_year > 300) {
		fail_shape(reading, "taken_at");
		return;
	}
	reading->look->taken_at_ns = timegm(&utc) * INT64_C(1000000000) + fraction_ns;
}

static int part_by_name(const char *name)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (!strcmp(name, look_part_name(i)))
			return i;
	return -1;
}

/* A part of a name that is not known is left out: a later release may tell more of them apart. */
static void read_parts(struct reading *reading, struct json_object *memory)
{
	struct json_object *parts = member(reading, memory, "parts", json_type_array);
	size_t count = parts ? json_object_array_length(parts) : 0;

	for (size_t i = 0; i < count && !reading->failed; i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);
		int id = part_by_name(string_of(reading, part, "name"));

		if (id < 0)
			continue;
		reading->look->parts_known = true;
		reading->look->parts[id].resident_bytes = count_of(reading, part, "resident_bytes");
		reading->look->parts[id].bytes = count_of(reading, part, "bytes");
	}
}

/* What an earlier release did not write is none. */
static uint64_t added_count(struct reading *reading, struct json_object *object, const char *key)
{
	return object && json_object_object_get_ex(object, key, NULL)
		       ? count_of(reading, object, key)
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

static void read_chunks(struct reading *reading, struct json_object *memory)
{
	struct json_object *array = added_list(memory, "chunks");
	size_t count = array ? json_object_array_length(array) : 0;
	struct look_chunks *chunks = zone_alloc(reading->look->zone, count, sizeof(*chunks));

	for (size_t i = 0; i < count && !reading->failed; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		chunks[i].least = count_of(reading, item, "size");
		chunks[i].count = count_of(reading, item, "count");
		chunks[i].bytes = count_of(reading, item, "bytes");
		if (i && chunks[i].least <= chunks[i - 1].least)
			fail_shape(reading, "chunks");
	}
	reading->look->chunks = chunks;
	reading->look->chunk_class_count = count;
}

static void read_memory(struct reading *reading, struct json_object *root)
{
	struct json_object *memory = member(reading, root, "memory", json_type_object);

	reading->look->resident_bytes = count_of(reading, memory, "resident_bytes");
	reading->look->swapped_bytes = count_of(reading, memory, "swapped_bytes");
	if (!is_null(memory, "limit_bytes"))
		reading->look->limit_bytes = count_of(reading, memory, "limit_bytes");
	read_parts(reading, memory);
	reading->look->proportional_bytes = added_count(reading, memory, "proportional_bytes");
	reading->look->huge_bytes = added_count(reading, memory, "huge_bytes");
	read_chunks(reading, memory);
}

static void read_types(struct reading *reading, struct json_object *root)
{
	struct json_object *array;
	struct look *look = reading->look;
	struct look_type *types =
		list_of(reading, root, "types", &array, &look->type_count, sizeof(*types));

	for (size_t i = 0; i < look->type_count && !reading->failed; i++) {
		struct json_object *type = json_object_array_get_idx(array, i);

		types[i].name = string_of(reading, type, "name");
		types[i].language = string_of(reading, type, "language");
		types[i].count = count_of(reading, type, "count");
		types[i].bytes = count_of(reading, type, "bytes");
	}
	look->types = types;
}

static void read_entries(struct reading *reading, struct json_object *object,
			 struct look_container *container)
{
	struct json_object *array;
	struct look_count *of =
		list_of(reading, object, "of", &array, &container->of_count, sizeof(*of));

	for (size_t i = 0; i < container->of_count && !reading->failed; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);

		of[i].name = string_of(reading, entry, "type");
		of[i].count = count_of(reading, entry, "count");
	}
	container->of = of;
}

static void read_containers(struct reading *reading, struct json_object *root)
{
	struct json_object *array;
	struct look *look = reading->look;
	struct look_container *containers = list_of(reading, root, "containers", &array,
						    &look->container_count, sizeof(*containers));

	for (size_t i = 0; i < look->container_count && !reading->failed; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);
		struct look_container *container = &containers[i];

		container->name = known_string_of(reading, object, "name");
		container->type = string_of(reading, object, "type");
		container->address = count_of(reading, object, "address");
		container->length = count_of(reading, object, "length");
		container->bytes = count_of(reading, object, "bytes");
		container->bound = known_count_of(reading, object, "bound");
		container->hits = known_count_of(reading, object, "hits");
		container->misses = known_count_of(reading, object, "misses");
		read_entries(reading, object, container);
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

static void read_gc(struct reading *reading, struct json_object *root)
{
	struct look_gc *gc = &reading->look->gc;

	if (is_null(root, "gc"))
		return;
	struct json_object *object = member(reading, root, "gc", json_type_object);
	struct json_object *enabled = member(reading, object, "enabled", json_type_boolean);
	struct json_object *generations = member(reading, object, "generations", json_type_array);
	size_t count = generations ? json_object_array_length(generations) : 0;

	gc->known = true;
	gc->enabled = json_object_get_boolean(enabled);
	gc->has_frozen = later_flag(object, "has_frozen");
	gc->saves_all = later_flag(object, "saves_all");
	gc->is_incremental = later_flag(object, "incremental");
	gc->frozen = known_count_of(reading, object, "frozen");
	gc->generation_count = count < LOOK_GENERATIONS ? count : LOOK_GENERATIONS;
	for (size_t i = 0; i < gc->generation_count; i++) {
		struct json_object *generation = json_object_array_get_idx(generations, i);

		gc->generations[i].threshold = count_of(reading, generation, "threshold");
		gc->generations[i].count = count_of(reading, generation, "count");
		gc->generations[i].collections = count_of(reading, generation, "collections");
		gc->generations[i].collected = count_of(reading, generation, "collected");
		gc->generations[i].uncollectable = count_of(reading, generation, "uncollectable");
	}
}

static bool has_schema(struct json_object *root, const char *schema)
{
	struct json_object *value = NULL;

	return json_object_is_type(root, json_type_object) &&
	       json_object_object_get_ex(root, "schema", &value) &&
	       json_object_is_type(value, json_type_string) &&
	       !strcmp(json_object_get_string(value), schema);
}

static void read_root(struct reading *reading, struct json_object *root)
{
	if (has_schema(root, "unfreed/why/1") && is_null(root, "look"))
		fail(reading, "%s holds no look: that run read no memory", reading->path);
	else if (has_schema(root, "unfreed/why/1"))
		root = member(reading, root, "look", json_type_object);
	if (reading->failed)
		return;
	if (!has_schema(root, "unfreed/heap/1")) {
		fail(reading,
		     "%s is no look that unfreed saved: write one with unfreed heap -o FILE.json",
		     reading->path);
		return;
	}
	read_target(reading, root);
	read_time(reading, root);
	read_memory(reading, root);
	read_types(reading, root);
	read_containers(reading, root);
	read_gc(reading, root);
}

/* The tokener would see to it, but a strict one of json-c 0.18 refuses what is not ASCII. */
static bool is_the_end(const char *rest)
{
	return !rest[strspn(rest, " \t\r\n")];
}

static void parse(struct reading *reading, const char *text, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);

	if (!tokener) {
		fail(reading, "no memory to read %s", reading->path);
		return;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, text, (int)size);

	if (root && is_the_end(text + json_tokener_get_parse_end(tokener)))
		read_root(reading, root);
	else if (root)
		fail(reading, "%s is no look that unfreed saved: more follows it", reading->path);
	else if (json_tokener_get_error(tokener) == json_tokener_continue)
		fail(reading, "%s is cut short: save the look again", reading->path);
	else
		fail(reading, "%s is no look that unfreed saved: %s", reading->path,
		     json_tokener_error_desc(json_tokener_get_error(tokener)));
	json_object_put(root);
	json_tokener_free(tokener);
}

/* Returns a descriptor of a regular file that is not too large, and its size; or fails. */
static int open_file(struct reading *reading, size_t *size)
{
	struct stat status;
	int fd = open(reading->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status))
		fail(reading, "cannot open %s: %s", reading->path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		fail(reading, "%s is no regular file", reading->path);
	else if (status.st_size > MOST_BYTES)
		fail(reading, "%s is larger than %d MiB, more than a look of unfreed",
		     reading->path, MOST_BYTES >> 20);
	if (fd >= 0 && reading->failed)
		close(fd);
	*size = reading->failed ? 0 : (size_t)status.st_size;
	return reading->failed ? -1 : fd;
}

/* To be freed; at most *size bytes, also of a file that grows meanwhile. *size becomes what there
 * was. */
static char *load(struct reading *reading, int fd, size_t *size)
{
	size_t most = *size;
	char *text = malloc(most + 1);

	*size = 0;
	while (text && *size < most) {
		ssize_t count = read(fd, text + *size, most - *size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			fail(reading, "cannot read %s: %s", reading->path, strerror(errno));
		if (count <= 0)
			break;
		*size += (size_t)count;
	}
	if (text)
		text[*size] = '\0';
	else
		fail(reading, "no memory to read %s", reading->path);
	return text;
}

struct look *look_read(const char *path, char *error, size_t error_size)
{
	struct reading reading = {.path = path, .error = error, .error_size = error_size};
	size_t size;
	int fd = open_file(&reading, &size);

	if (fd < 0)
		return NULL;
	char *text = load(&reading, fd, &size);

	close(fd);
	reading.look = look_new();
	if (!reading.failed)
		parse(&reading, text, size);
	free(text);
	if (!reading.failed)
		return reading.look;
	look_free(reading.look);
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a look at one process told, small enough to be kept for each service: written as JSON by the
 * process that looked, read by the one that watches. Names are of the target's making and not
 * escaped; how many there are, and how long they are, is bounded here.
 */
#ifndef UNFREED_SERVICE_MONITOR_TOLD_MEMORY_H
#define UNFREED_SERVICE_MONITOR_TOLD_MEMORY_H

#include <json-c/json.h>

#include "../../look/look.h"

enum {
	TOLD_CONTAINERS_MAX = 24, /* the largest, and beside them */
	TOLD_CACHES_MAX = 16,     /* caches that count their hits, the largest; */
	TOLD_TYPES_MAX = 40,
};

struct told_container {
	char *name; /* NULL: reached by no way that is known */
	char *type;
	uint64_t length, bytes;
	uint64_t bound, hits, misses; /* LOOK_UNKNOWN, as in a look */
};

struct told_type {
	char *name;
	uint64_t count, bytes;
};

struct told_pool {
	char *name;
	char *type;
	uint64_t in_use, idle;
	uint64_t maximum; /* LOOK_UNKNOWN: none */
};

struct told_memory {
	bool known;
	pid_t pid;
	uint64_t start_time; /* in clock ticks since boot: who had that number */
	int64_t taken_at_ns; /* since the epoch */
	uint64_t live_bytes;
	uint64_t parts[PART_COUNT]; /* resident bytes */
	struct look_gc gc;
	struct told_container
		*containers; /* most bytes first; no two of one name and type, but without a name */
	size_t container_count;
	struct told_type *types; /* likewise */
	size_t type_count;
	struct told_pool *pools; /* of connections */
	size_t pool_count;
};

/* A new object, the caller's; NULL where the look does not say where memory is. */
struct json_object *told_memory_write(const struct look *look);

/* Fills what is then to be released; not known where the object is none of these, or NULL. */
void told_memory_read(const struct json_object *object, struct told_memory *memory);
void told_memory_release(struct told_memory *memory);

/* Whether both are of one and the same process. */
bool told_memory_is_same(const struct told_memory *a, const struct told_memory *b);

#endif

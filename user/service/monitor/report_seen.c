/* SPDX-License-Identifier: BSD-2-Clause */
#include "report_seen.h"

#include <stdlib.h>
#include <string.h>

#include "../../analyze/answer_read.h"
#include "../../lib/json.h"
#include "history_internal.h"

enum { DEPTH_MAX = 32 };

/* Of an answer, or of a look, which have the same in other places. All but
 * the first are parts of it. */
struct seen {
	struct json_object *root;
	struct json_object *process, *gc, *containers, *pools;
	uint64_t limit_bytes;
};

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_member(object, key));
}

/* --- which one --- */

static int64_t last_at(const struct history *history, const char *text, int64_t id, int64_t until)
{
	sqlite3_stmt *row = history_ask(history, text, "ii", id, until);
	int64_t at = row && history->sqlite->step(row) == SQLITE_ROW
			     ? history->sqlite->column_int64(row, 0)
			     : 0;

	history->sqlite->finalize(row);
	return at;
}

static struct json_object *read_json(const struct history *history, const char *question,
				     int64_t id, int64_t until)
{
	sqlite3_stmt *row = history_ask(history, question, "ii", id, until);
	const char *text = row && history->sqlite->step(row) == SQLITE_ROW
				   ? (const char *)history->sqlite->column_text(row, 0)
				   : NULL;
	struct json_tokener *parser = text ? json_tokener_new_ex(DEPTH_MAX) : NULL;
	struct json_object *object =
		parser ? json_tokener_parse_ex(parser, text, (int)strlen(text)) : NULL;

	if (parser)
		json_tokener_free(parser);
	history->sqlite->finalize(row);
	return object;
}

static struct seen read_look(const struct history *history, int64_t id, int64_t until)
{
	struct json_object *root = read_json(history,
					     "SELECT json FROM look WHERE service = ? AND at <= ?"
					     " ORDER BY at DESC LIMIT 1",
					     id, until);
	struct json_object *memory = json_member(root, "memory");

	return (struct seen){root,
			     memory,
			     json_member(memory, "gc"),
			     json_member(memory, "containers"),
			     json_member(memory, "pools"),
			     number(memory, "limit_bytes")};
}

static struct seen read_answer(const struct history *history, int64_t id, int64_t until)
{
	struct json_object *root = read_json(history,
					     "SELECT json FROM answer WHERE service = ? AND at <= ?"
					     " ORDER BY at DESC, id DESC LIMIT 1",
					     id, until);
	struct json_object *look = json_member(root, "look");

	return (struct seen){root,
			     json_member(look, "target"),
			     json_member(root, "gc"),
			     json_member(look, "containers"),
			     json_member(look, "connection_pools"),
			     number(root, "limit_bytes")};
}

static struct seen read_last(const struct history *history, int64_t id, int64_t until)
{
	int64_t look = last_at(history, "SELECT max(at) FROM look WHERE service = ? AND at <= ?",
			       id, until);
	int64_t answer = last_at(
		history, "SELECT max(at) FROM answer WHERE service = ? AND at <= ?", id, until);

	return look > answer ? read_look(history, id, until) : read_answer(history, id, until);
}

/* --- what it says --- */

/* Of all generations of the collector; 0: there is none. */
static uint64_t sum(const struct seen *seen, const char *key)
{
	struct json_object *generations = json_member(seen->gc, "generations"), *generation;
	uint64_t all = 0;

	for (size_t i = 0; (generation = json_element(generations, i)); i++)
		all += number(generation, key);
	return all;
}

static bool is_same_process(const struct seen *a, const struct seen *b)
{
	return a->process && b->process && number(a->process, "pid") == number(b->process, "pid") &&
	       number(a->process, "start_time") == number(b->process, "start_time");
}

static char *copy_name(struct json_object *object)
{
	const char *name = json_object_get_string(json_member(object, "name"));

	return name ? strdup(name) : NULL;
}

/* Containers stand in order of what they hold. */
static void read_caches(const struct seen *seen, struct health_service *service)
{
	struct json_object *container;

	for (size_t i = 0; (container = json_element(seen->containers, i)) &&
			   service->cache_count < HEALTH_CACHES_MAX;
	     i++) {
		char *name = json_member(container, "hits") ? copy_name(container) : NULL;

		if (name)
			service->caches[service->cache_count++] = (struct health_cache){
				name,
				number(container, "length"),
				number(container, "bound"),
				number(container, "hits"),
				number(container, "misses"),
			};
	}
}

static void read_pools(const struct seen *seen, struct health_service *service)
{
	struct json_object *pool;

	for (size_t i = 0;
	     (pool = json_element(seen->pools, i)) && service->pool_count < HEALTH_POOLS_MAX; i++) {
		char *name = copy_name(pool);

		if (name)
			service->pools[service->pool_count++] = (struct health_pool){
				name,
				number(pool, "in_use"),
				number(pool, "idle"),
				number(pool, "maximum"),
			};
	}
}

/* --- its stacks --- */

static void read_stacks(const struct history *history, int64_t id, int64_t until,
			struct health_service *service)
{
	const struct sqlite *sqlite = history->sqlite;
	sqlite3_stmt *row = history_ask(history,
					"SELECT json, at FROM answer WHERE service = ? AND at <= ?"
					" ORDER BY at DESC, id DESC LIMIT 1",
					"ii", id, until);
	const char *text = row && sqlite->step(row) == SQLITE_ROW
				   ? (const char *)sqlite->column_text(row, 0)
				   : NULL;
	char error[200];

	if (text) {
		service->answer =
			answer_read_text(history->path, text, strlen(text), error, sizeof(error));
		service->answered_at = sqlite->column_int64(row, 1);
	}
	sqlite->finalize(row);
}

void report_read_seen(const struct history *history, int64_t id, const struct health *health,
		      struct health_service *service)
{
	struct seen last = read_last(history, id, health->at);
	struct seen before = read_last(history, id, health->since);

	service->limit_bytes = last.limit_bytes;
	service->gc = (struct health_gc){
		.known = last.gc,
		.enabled = json_object_get_boolean(json_member(last.gc, "enabled")),
		.collections = sum(&last, "collections"),
		.collected = sum(&last, "collected"),
		.uncollectable = sum(&last, "uncollectable"),
	};
	if (is_same_process(&last, &before)) {
		service->gc.collections_before = sum(&before, "collections");
		service->gc.collected_before = sum(&before, "collected");
	}
	read_caches(&last, service);
	read_pools(&last, service);
	read_stacks(history, id, health->at, service);
	json_object_put(last.root);
	json_object_put(before.root);
}

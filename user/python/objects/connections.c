/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool is known by its class, or by one that it is derived from. What is read are the attributes
 * that the libraries have kept for years: SQLAlchemy 1.4 and 2 (pool/impl.py), redis 3 to 6
 * (connection.py), urllib3 1 and 2 (connectionpool.py), psycopg_pool 3 (base.py), psycopg2 2
 * (pool.py). One that lacks any of them is left out.
 */
#include "connections.h"

#include <stdlib.h>
#include <string.h>

#include "dicts.h"
#include "names.h"

enum {
	BASES_MAX = 8,
	INT_SIZE = 16, /* up to 3.11 with a sign, then a tag: */
	INT_TAG_SHIFT = 3,
	INT_TAG_SIGN = 3,
	INT_DIGIT = 24,
	COUNTED_MAX = 100000, /* more connections has nobody */
};

#define UNKNOWN INT64_MIN

/* --- what objects say --- */

struct attribute {
	const struct object_reader *reader;
	const char *name;
	uint64_t found, namespace;
};

static void compare(void *context, uint64_t target, uint32_t label)
{
	struct attribute *attribute = context;

	if (label_kind(label) == LABEL_NAMESPACE) {
		attribute->namespace = target;
	} else if (label_kind(label) == LABEL_NAME) {
		const char *name = labels_text(attribute->reader->labels, label_value(label));

		if (name && !strcmp(name, attribute->name))
			attribute->found = target;
	}
}

/* The address of its value; 0: it has none. */
static uint64_t attribute_of(struct object_reader *reader, uint64_t address, const char *name)
{
	struct attribute attribute = {.reader = reader, .name = name};
	uint32_t type = address ? object_type_at(reader, address) : TYPE_NONE;

	if (!type)
		return 0;
	const struct object object = object_make(reader, address, type);
	object_references(reader, &object, compare, NULL, &attribute);
	if (!attribute.found && attribute.namespace)
		return dict_find(reader->view, reader->structs, reader->layout, attribute.namespace,
				 name);
	return attribute.found;
}

/* An int of one digit, which has 30 bits. */
static int64_t number_at(struct object_reader *reader, uint64_t address)
{
	uint32_t type = address ? object_type_at(reader, address) : TYPE_NONE;
	uint64_t size, digits = 0;
	bool is_negative;

	if (reader->types->items[type].kind != KIND_INT ||
	    !view_u64(reader->view, address + INT_SIZE, &size))
		return UNKNOWN;
	if (reader->structs->minor >= 12) {
		is_negative = (size & INT_TAG_SIGN) == 2;
		size = (size & INT_TAG_SIGN) == 1 ? 0 : size >> INT_TAG_SHIFT;
	} else {
		is_negative = (int64_t)size < 0;
		size = is_negative ? 0 - size : size;
	}
	if (size > 1 || (size && !view_u64(reader->view, address + INT_DIGIT, &digits)))
		return UNKNOWN;
	digits &= UINT32_MAX;
	return is_negative ? -(int64_t)digits : (int64_t)digits;
}

static int64_t number_of(struct object_reader *reader, uint64_t address, const char *name)
{
	return number_at(reader, attribute_of(reader, address, name));
}

/* How many entries what has that name has. */
static int64_t length_of(struct object_reader *reader, uint64_t address, const char *name)
{
	uint64_t held = attribute_of(reader, address, name), length;
	uint32_t type = held ? object_type_at(reader, held) : TYPE_NONE;

	return object_kind_is_container(reader->types->items[type].kind) &&
			       object_length_read(reader, held, type, &length) &&
			       length <= COUNTED_MAX
		       ? (int64_t)length
		       : UNKNOWN;
}

struct counting {
	struct object_reader *reader;
	int64_t count;
};

static void count_one(void *context, uint64_t target, uint32_t label)
{
	struct counting *counting = context;
	uint32_t type = object_type_at(counting->reader, target);
	const char *name = counting->reader->types->items[type].name;

	if (label_kind(label) == LABEL_ITEM && type && name && strcmp(name, "NoneType"))
		counting->count++;
}

/* The entries of a list or deque that are not None, which stands for a connection to be made. */
static int64_t filled_of(struct object_reader *reader, uint64_t address, const char *name)
{
	struct counting counting = {.reader = reader};
	uint64_t held = attribute_of(reader, address, name);

	if (length_of(reader, address, name) == UNKNOWN)
		return UNKNOWN;
	const struct object object = object_make(reader, held, object_type_at(reader, held));
	object_references(reader, &object, count_one, NULL, &counting);
	return counting.count;
}

/* --- pools --- */

struct connections {
	int64_t in_use, idle, maximum; /* UNKNOWN: that is not so; of the maximum: there is none */
};

/* What is left of `all`. */
static int64_t rest_of(int64_t all, int64_t part)
{
	return all == UNKNOWN || part == UNKNOWN || all < part ? UNKNOWN : all - part;
}

/* A queue that has `maxsize` places, of which those above the idle ones are in use; and what is
 * made beyond it where all are. */
static struct connections read_sqlalchemy(struct object_reader *reader, uint64_t pool)
{
	uint64_t queue = attribute_of(reader, pool, "_pool");
	int64_t size = number_of(reader, queue, "maxsize"),
		idle = length_of(reader, queue, "queue");
	int64_t overflow = number_of(reader, pool, "_overflow");
	int64_t most = number_of(reader, pool, "_max_overflow");

	if (size == UNKNOWN || overflow == UNKNOWN)
		return (struct connections){UNKNOWN, idle, UNKNOWN};
	return (struct connections){rest_of(size + overflow, idle), idle,
				    most < 0 || !size ? UNKNOWN : size + most};
}

static struct connections read_redis(struct object_reader *reader, uint64_t pool)
{
	return (struct connections){
		length_of(reader, pool, "_in_use_connections"),
		length_of(reader, pool, "_available_connections"),
		number_of(reader, pool, "max_connections"),
	};
}

/* Its queue is full of None at first. */
static struct connections read_redis_blocking(struct object_reader *reader, uint64_t pool)
{
	uint64_t queue = attribute_of(reader, pool, "pool");
	int64_t made = length_of(reader, pool, "_connections");
	int64_t idle = filled_of(reader, queue, "queue");

	return (struct connections){rest_of(made, idle), idle,
				    number_of(reader, pool, "max_connections")};
}

/* As that of redis; what is made beyond it is not kept, and counts nowhere. */
static struct connections read_urllib3(struct object_reader *reader, uint64_t pool)
{
	uint64_t queue = attribute_of(reader, pool, "pool");
	int64_t size = number_of(reader, queue, "maxsize");
	int64_t there = length_of(reader, queue, "queue");

	return (struct connections){rest_of(size, there), filled_of(reader, queue, "queue"), size};
}

/* Before it is opened, those that it will begin with count as made. */
static struct connections read_psycopg(struct object_reader *reader, uint64_t pool)
{
	int64_t idle = length_of(reader, pool, "_pool"), made = number_of(reader, pool, "_nconns");

	if (number_of(reader, pool, "_closed") == 1)
		made = idle;
	return (struct connections){rest_of(made, idle), idle,
				    number_of(reader, pool, "_max_size")};
}

static struct connections read_psycopg2(struct object_reader *reader, uint64_t pool)
{
	return (struct connections){length_of(reader, pool, "_used"),
				    length_of(reader, pool, "_pool"),
				    number_of(reader, pool, "maxconn")};
}

typedef struct connections pool_reader_fn(struct object_reader *reader, uint64_t pool);

/* What is derived from another one of them stands before it. */
static const struct {
	const char *type;
	pool_reader_fn *read;
} forms[] = {
	{"sqlalchemy.pool.impl.QueuePool", read_sqlalchemy},
	{"redis.connection.BlockingConnectionPool", read_redis_blocking},
	{"redis.connection.ConnectionPool", read_redis},
	{"redis.asyncio.connection.ConnectionPool", read_redis},
	{"urllib3.connectionpool.HTTPConnectionPool", read_urllib3},
	{"psycopg_pool.pool.ConnectionPool", read_psycopg},
	{"psycopg_pool.pool_async.AsyncConnectionPool", read_psycopg},
	{"psycopg2.pool.AbstractConnectionPool", read_psycopg2},
};

static pool_reader_fn *find_form(const struct object_reader *reader, uint32_t type)
{
	for (int i = 0; type && i < BASES_MAX; i++) {
		const struct python_type *found = &reader->types->items[type];

		for (size_t j = 0; found->name && j < sizeof(forms) / sizeof(*forms); j++)
			if (!strcmp(found->name, forms[j].type))
				return forms[j].read;
		type = found->base ? python_types_find(reader->types, reader->view, found->base)
				   : TYPE_NONE;
	}
	return NULL;
}

/* By type, of those that have objects. NULL: none is a pool. */
static pool_reader_fn **find_forms(const struct object_reader *reader, size_t *count)
{
	pool_reader_fn **by_type = calloc(TYPES_MAX, sizeof(pool_reader_fn *));
	bool any = false;

	*count = reader->types->count;
	for (size_t i = 1; by_type && i < *count; i++) {
		if (reader->types->items[i].count)
			by_type[i] = find_form(reader, (uint32_t)i);
		any |= by_type[i] != NULL;
	}
	if (any)
		return by_type;
	free(by_type);
	return NULL;
}

/* --- a look --- */

static struct look_pool *find_alike(const struct look_pool *pools, size_t count, const char *name,
				    const char *type)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(pools[i].name, name) && !strcmp(pools[i].type, type))
			return (struct look_pool *)&pools[i];
	return NULL;
}

static void add_pool(struct look *look, struct look_pool *pools, const char *name, const char *type,
		     const struct connections *found)
{
	struct look_pool *pool = find_alike(pools, look->pool_count, name, type);

	if (!pool && look->pool_count == LOOK_POOLS_MAX)
		return;
	if (!pool) {
		pool = &pools[look->pool_count++];
		pool->name = zone_strdup(look->zone, name);
		pool->type = zone_strdup(look->zone, type);
	}
	pool->count++;
	pool->in_use += (uint64_t)found->in_use;
	pool->idle += (uint64_t)found->idle;
	if (found->maximum < 0 || found->maximum > COUNTED_MAX || pool->maximum == LOOK_UNKNOWN)
		pool->maximum = LOOK_UNKNOWN;
	else
		pool->maximum += (uint64_t)found->maximum;
}

static bool is_believed(int64_t count)
{
	return count >= 0 && count <= COUNTED_MAX;
}

void objects_report_pools(const struct objects *objects, const struct objects_request *request,
			  struct look *look)
{
	const struct graph *graph = &objects->graph;
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	struct look_pool *pools = zone_alloc(look->zone, LOOK_POOLS_MAX, sizeof(*pools));
	size_t type_count;
	pool_reader_fn **forms_by_type = find_forms(reader, &type_count);

	look->pools = pools;
	for (size_t i = 0; forms_by_type && i < graph->order_count; i++) {
		uint32_t node = graph->order[i], type = graph_type(graph, node);
		char name[OBJECT_NAME_BYTES];

		if (type >= type_count || !forms_by_type[type])
			continue;
		struct connections found = forms_by_type[type](reader, graph_address(graph, node));
		if (is_believed(found.in_use) && is_believed(found.idle) &&
		    name_of_node(graph, node,
				 NAME_GENERIC | (request->with_keys ? NAME_WITH_KEYS : 0), name))
			add_pool(look, pools, name, objects->types.items[type].name, &found);
	}
	free(forms_by_type);
}

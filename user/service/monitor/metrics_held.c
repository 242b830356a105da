/* SPDX-License-Identifier: BSD-2-Clause */
/* As metrics.c, of what the last look found in a process: containers, caches that count their hits,
 * and pools of connections. */
#include "metrics.h"

#include <math.h>

#include "../../output/openmetrics.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define POOL_CONNECTIONS "unfreed_pool_connections"
#define POOL_MAXIMUM     "unfreed_pool_maximum_connections"

enum { CONTAINERS_MAX = 10 }; /* of a process: the largest */

static double known(uint64_t value)
{
	return value == LOOK_UNKNOWN ? NAN : (double)value;
}

static bool is_large(const struct told_container *container, size_t index)
{
	return container->name && index < CONTAINERS_MAX;
}

static bool is_cache(const struct told_container *container, size_t index)
{
	(void)index;
	return container->name && container->hits != LOOK_UNKNOWN;
}

static double entries(const struct told_container *container)
{
	return (double)container->length;
}

static double bytes(const struct told_container *container)
{
	return (double)container->bytes;
}

static double bound(const struct told_container *container)
{
	return known(container->bound);
}

static double hits(const struct told_container *container)
{
	return known(container->hits);
}

static double misses(const struct told_container *container)
{
	return known(container->misses);
}

static const struct {
	enum openmetrics_type type;
	const char *name, *help;
	bool (*is_of)(const struct told_container *container, size_t index);
	double (*value)(const struct told_container *container); /* NAN: not known */
} of_containers[] = {
	{OPENMETRICS_GAUGE, "unfreed_container_entries",
	 "Entries of the largest containers, at the last look.", is_large, entries},
	{OPENMETRICS_GAUGE, "unfreed_container_bytes",
	 "What is reached through them first, with what is in them.", is_large, bytes},
	{OPENMETRICS_GAUGE, "unfreed_cache_entries",
	 "Entries of caches that count their hits (functools.lru_cache), at the last look.",
	 is_cache, entries},
	{OPENMETRICS_GAUGE, "unfreed_cache_bound_entries",
	 "The most entries that such a cache has; not there where it has no bound.", is_cache,
	 bound},
	{OPENMETRICS_COUNTER, "unfreed_cache_hits",
	 "How often such a cache had what was asked for.", is_cache, hits},
	{OPENMETRICS_COUNTER, "unfreed_cache_misses", "How often it had not.", is_cache, misses},
};

struct named {
	const char *name, *type, *state;
};

static void write_sample(FILE *file, enum openmetrics_type type, const char *name,
			 const struct instance *instance, const struct named *named, double value)
{
	char pid[16];
	const struct openmetrics_label labels[] = {
		{"service", instance->service->name},
		{"pid", pid},
		{"comm", instance->status.comm},
		{"cgroup", instance->group ? instance->group->place.name : NULL},
		{"name", named->name},
		{"type", named->type},
		{"state", named->state},
	};

	snprintf(pid, sizeof(pid), "%d", (int)instance->status.tgid);
	if (!isnan(value))
		openmetrics_sample(file, type, name, labels, COUNT(labels), value);
}

static void write_containers(size_t family, const struct instance *instance, FILE *file)
{
	const struct told_memory *memory = &instance->service->memory;

	for (size_t i = 0; i < memory->container_count; i++) {
		const struct told_container *container = &memory->containers[i];
		const struct named named = {container->name, container->type, NULL};

		if (of_containers[family].is_of(container, i))
			write_sample(file, of_containers[family].type, of_containers[family].name,
				     instance, &named, of_containers[family].value(container));
	}
}

static void write_connections(size_t family, const struct instance *instance, FILE *file)
{
	const struct told_memory *memory = &instance->service->memory;

	for (size_t i = 0; i < memory->pool_count; i++) {
		const struct told_pool *pool = &memory->pools[i];
		const struct named in_use = {pool->name, pool->type, "in use"};
		const struct named idle = {pool->name, pool->type, "idle"};
		const struct named named = {pool->name, pool->type, NULL};

		if (family) {
			write_sample(file, OPENMETRICS_GAUGE, POOL_MAXIMUM, instance, &named,
				     known(pool->maximum));
			continue;
		}
		write_sample(file, OPENMETRICS_GAUGE, POOL_CONNECTIONS, instance, &in_use,
			     (double)pool->in_use);
		write_sample(file, OPENMETRICS_GAUGE, POOL_CONNECTIONS, instance, &idle,
			     (double)pool->idle);
	}
}

static void write_all(const struct roster *roster, size_t family,
		      void (*write)(size_t family, const struct instance *instance, FILE *file),
		      FILE *file)
{
	for (size_t i = 0; i < roster->service_count; i++) {
		const struct instance *instance = roster_looked_at(roster, roster->services[i]);

		if (instance)
			write(family, instance, file);
	}
}

void metrics_write_held(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_containers); i++) {
		openmetrics_family(file, of_containers[i].type, of_containers[i].name,
				   of_containers[i].help);
		write_all(roster, i, write_containers, file);
	}
	openmetrics_family(
		file, OPENMETRICS_GAUGE, POOL_CONNECTIONS,
		"Connections of pools (SQLAlchemy, redis, urllib3, psycopg), at the last look.");
	write_all(roster, 0, write_connections, file);
	openmetrics_family(file, OPENMETRICS_GAUGE, POOL_MAXIMUM,
			   "The most that such a pool may have; not there where it has no bound.");
	write_all(roster, 1, write_connections, file);
}

// SPDX-License-Identifier: BSD-2-Clause
/* As metrics.c, of what the last look found in a process: containers, and caches that count their hits. */
#include "metrics.h"

#include <math.h>

#include "../../output/openmetrics.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

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

static void write_of(size_t family, const struct watched_service *service,
		     const struct instance *instance, FILE *file)
{
	const struct told_memory *memory = &service->memory;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)instance->status.tgid);
	for (size_t i = 0; i < memory->container_count; i++) {
		const struct told_container *container = &memory->containers[i];
		const struct openmetrics_label labels[] = {
			{"service", service->name},
			{"pid", pid},
			{"comm", instance->status.comm},
			{"cgroup", instance->group ? instance->group->place.name : NULL},
			{"name", container->name},
			{"type", container->type},
		};
		double value = of_containers[family].value(container);

		if (of_containers[family].is_of(container, i) && !isnan(value))
			openmetrics_sample(file, of_containers[family].type,
					   of_containers[family].name, labels, COUNT(labels),
					   value);
	}
}

void metrics_write_held(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_containers); i++) {
		openmetrics_family(file, of_containers[i].type, of_containers[i].name,
				   of_containers[i].help);
		for (size_t j = 0; j < roster->service_count; j++) {
			const struct instance *instance =
				roster_looked_at(roster, roster->services[j]);

			if (instance)
				write_of(i, roster->services[j], instance, file);
		}
	}
}

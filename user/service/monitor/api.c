/* SPDX-License-Identifier: BSD-2-Clause */
#include "api_internal.h"

#include "../../lib/clock.h"
#include "../../lib/json.h"
#include "../../output/why_json.h"
#include "api_memory.h"
#include "history_read.h"
#include "told_json.h"

#define S_PER_H 3600

struct json_object *api_new(void)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "schema", "unfreed/monitor/1");
	json_add_string(object, "version", UNFREED_VERSION);
	json_object_object_add(object, "at", json_of_time((int64_t)clock_ns(CLOCK_REALTIME)));
	return object;
}

static struct json_object *json_of_seconds_since(double since_epoch_s)
{
	return json_of_time((int64_t)(since_epoch_s * 1e9));
}

/* From our clock to what people have; each time it is a little different. */
static double zero_of_clock_s(void)
{
	return clock_s(CLOCK_REALTIME) - clock_s(CLOCK_MONOTONIC);
}

static void add_bytes(struct json_object *object, const struct memory_taken *memory)
{
	json_add_count(object, "resident_bytes", memory->resident_bytes);
	json_add_count(object, "anonymous_bytes", memory->anonymous_bytes);
	json_add_count(object, "swapped_bytes", memory->swapped_bytes);
}

/* Its processes, and their sums. */
static void add_processes(struct json_object *object, const struct roster *roster,
			  const struct watched_service *service)
{
	const struct memory_taken sum = roster_memory(roster, service);
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < roster->instance_count; i++) {
		const struct process_status *status = &roster->instances[i].status;
		struct json_object *process;

		if (roster->instances[i].service != service)
			continue;
		process = json_object_new_object();
		json_object_object_add(process, "pid", json_object_new_int(status->tgid));
		json_add_string(process, "comm", status->comm);
		add_bytes(process,
			  &(struct memory_taken){status->resident_bytes, status->anonymous_bytes,
						 status->swapped_bytes});
		json_object_object_add(process, "age_s", json_of_double(procfs_age_s(status), 0));
		json_object_array_add(array, process);
	}
	add_bytes(object, &sum);
	json_object_object_add(object, "processes", array);
}

/* NULL: not known yet. */
static struct json_object *json_of_connections(const struct roster *roster,
					       const struct watched_service *service)
{
	const struct peers peers = roster_peers(roster, service);
	struct json_object *array = peers.known ? json_object_new_array() : NULL;

	for (size_t i = 0; i < peers.count && array; i++) {
		const struct peer *peer = &peers.items[i];
		struct json_object *object = json_object_new_object();

		json_add_string(object, "with", peer_kind_name(peer->kind));
		json_object_object_add(object, "port",
				       peer->port ? json_object_new_int(peer->port) : NULL);
		json_add_count(object, "open", peer->open);
		json_add_count(object, "closed_by_peer", peer->closed);
		json_object_array_add(array, object);
	}
	return array;
}

/* Of the cgroup of it that is nearest to its limit. */
static struct json_object *json_of_limit(const struct roster *roster,
					 const struct watched_service *service)
{
	const struct group *nearest = NULL;
	struct json_object *object;

	for (size_t i = 0; i < roster->instance_count; i++) {
		const struct group *group = roster->instances[i].group;

		if (roster->instances[i].service == service && group &&
		    group_used_share(group) >= 0 &&
		    (!nearest || group_used_share(group) > group_used_share(nearest)))
			nearest = group;
	}
	if (!nearest)
		return NULL;
	object = json_object_new_object();
	json_add_string(object, "cgroup", nearest->place.name);
	json_add_limit(object, nearest);
	json_add_count(object, "oom_kills", nearest->memory.oom_kills);
	return object;
}

static struct json_object *json_of_rate(const struct rate *rate)
{
	struct json_object *object = json_object_new_object();

	json_add_rate(object, rate);
	return object;
}

/* As of the metrics: by the last hour, the last day, and the last inquiry; null: not known. */
static struct json_object *json_of_growth(const struct watched_service *service)
{
	static const char *const spans[TREND_SPANS] = {"hour", "day"};
	struct json_object *object = json_object_new_object();
	double by_hour = S_PER_H * (double)service->processes;

	for (size_t i = 0; i < TREND_SPANS; i++) {
		const struct slope *slope = trend_slope(&service->trend, i);
		const struct rate rate =
			slope ? (struct rate){slope->per_s * by_hour, slope->low * by_hour,
					      slope->high * by_hour}
			      : (struct rate){0};

		json_object_object_add(object, spans[i], slope ? json_of_rate(&rate) : NULL);
	}
	json_object_object_add(object, "inquiry",
			       service->growth_told ? json_of_rate(&service->growth) : NULL);
	return object;
}

static struct json_object *json_of_finding(const struct known_finding *finding)
{
	struct json_object *object = json_object_new_object();
	double zero_s = zero_of_clock_s();

	json_add_finding(object, finding);
	json_object_object_add(object, "first_at",
			       json_of_seconds_since(zero_s + finding->first_s));
	json_object_object_add(object, "last_at", json_of_seconds_since(zero_s + finding->last_s));
	return object;
}

static struct json_object *json_of_service(const struct api *api,
					   const struct watched_service *service)
{
	struct json_object *object = json_object_new_object();
	struct json_object *findings = json_object_new_array();
	int64_t id = api->history ? history_find_service(api->history, service) : -1;

	for (size_t i = 0; i < service->findings.count; i++)
		json_object_array_add(findings, json_of_finding(&service->findings.items[i]));
	json_object_object_add(object, "id", id < 0 ? NULL : json_object_new_int64(id));
	json_add_string(object, "name", service->name);
	json_add_string(object, "cgroup", service->group);
	json_object_object_add(object, "is_asked", json_object_new_boolean(service->is_asked));
	add_processes(object, api->roster, service);
	json_object_object_add(object, "connections", json_of_connections(api->roster, service));
	json_object_object_add(object, "limit", json_of_limit(api->roster, service));
	json_object_object_add(object, "growth", json_of_growth(service));
	json_object_object_add(object, "memory", api_json_of_memory(service));
	json_object_object_add(object, "findings", findings);
	return object;
}

int api_write_services(void *context, const struct http_request *request, FILE *file)
{
	const struct api *api = context;
	struct json_object *object = api_new(), *services = json_object_new_array();

	(void)request;
	for (size_t i = 0; i < api->roster->service_count; i++)
		json_object_array_add(services, json_of_service(api, api->roster->services[i]));
	json_object_object_add(object, "began_at", json_of_seconds_since(api->began_s));
	json_object_object_add(object, "interval_s", json_of_double(api->roster->interval_s, 3));
	json_object_object_add(object, "services", services);
	json_object_object_add(object, "history",
			       api->history ? history_list_services(api->history) : NULL);
	return json_print(file, object, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "../../process/family.h"

enum { SERVICE_KEEP_S = 3600, ANCESTORS_MAX = 64 };

#define BEFORE_NS (86400 * INT64_C(1000000000)) /* that far back is compared */

#define YOUNG_S     1.0
#define DEAR_SHARE  0.001 /* of a processor */
#define DEAR_MOST_S 0.1   /* at once, and what the last one of them takes beyond that */

int roster_init(struct roster *roster, const struct procfs *procfs,
		const struct selection *selection, const pid_t *pids, size_t pid_count)
{
	*roster = (struct roster){
		.procfs = procfs,
		.selection = selection,
		.pids = pids,
		.pid_count = pid_count,
		.dear_s = DEAR_MOST_S,
		.instances = calloc(INSTANCES_MAX, sizeof(*roster->instances)),
	};
	return roster->instances ? 0 : -ENOMEM;
}

static void service_free(struct watched_service *service)
{
	findings_release(&service->findings);
	told_memory_release(&service->memory);
	told_memory_release(&service->before);
	free(service->name);
	free(service->group);
	free(service);
}

void roster_release(struct roster *roster)
{
	for (size_t i = 0; i < roster->service_count; i++)
		service_free(roster->services[i]);
	groups_release(&roster->groups);
	free(roster->instances);
	*roster = (struct roster){0};
}

static bool by_number(const struct roster *roster)
{
	return !roster->selection->name;
}

static struct instance *find(const struct roster *roster, pid_t pid)
{
	for (size_t i = 0; i < roster->instance_count; i++)
		if (roster->instances[i].status.tgid == pid)
			return &roster->instances[i];
	return NULL;
}

/* --- services --- */

static void tell(const struct roster *roster, enum event_kind kind,
		 const struct watched_service *service)
{
	event_tell(roster->listener, &(struct event){
					     .kind = kind,
					     .name = service->name,
					     .path = *service->group ? service->group : "/",
					     .count = service->processes,
				     });
}

static void forget(struct roster *roster, size_t index)
{
	service_free(roster->services[index]);
	roster->services[index] = roster->services[--roster->service_count];
}

/* The one without processes for the longest, if there is one and it was for so long. */
static void forget_oldest(struct roster *roster, double now_s, double least_s)
{
	size_t oldest = roster->service_count;

	for (size_t i = 0; i < roster->service_count; i++)
		if (!roster->services[i]->processes && !roster->services[i]->is_asked &&
		    !roster->services[i]->is_looked_at &&
		    (oldest == roster->service_count ||
		     roster->services[i]->seen_s < roster->services[oldest]->seen_s))
			oldest = i;
	if (oldest < roster->service_count && now_s - roster->services[oldest]->seen_s >= least_s)
		forget(roster, oldest);
}

static struct watched_service *service_new(const char *comm, pid_t pid, const char *group)
{
	struct watched_service *service = calloc(1, sizeof(*service));
	char name[64];

	if (!service)
		return NULL;
	snprintf(name, sizeof(name), pid ? "%s[%d]" : "%s", comm, (int)pid);
	service->name = strdup(name);
	service->group = strdup(group);
	service->pid = pid;
	if (service->name && service->group)
		return service;
	service_free(service);
	return NULL;
}

/* That of a process which is no worker; NULL where there are too many. */
static struct watched_service *service_of(struct roster *roster, const struct instance *root,
					  double now_s)
{
	const char *group = root->group ? root->group->place.name : "";
	pid_t pid = by_number(roster) ? root->status.tgid : 0;

	for (size_t i = 0; i < roster->service_count; i++) {
		struct watched_service *service = roster->services[i];

		if (service->pid == pid && !strcmp(service->group, group) &&
		    (pid || !strcmp(service->name, root->status.comm)))
			return service;
	}
	if (roster->service_count == SERVICES_MAX)
		forget_oldest(roster, now_s, 0);
	struct watched_service *service = roster->service_count < SERVICES_MAX
						  ? service_new(root->status.comm, pid, group)
						  : NULL;
	if (!service)
		return NULL;
	trend_init(&service->trend, roster->interval_s);
	roster->services[roster->service_count++] = service;
	return service;
}

/* --- who came --- */

/* Fills what is known of one that is watched from now on. Returns false where it is not: it is
 * gone, too young, or nobody means it. */
static bool examine(struct roster *roster, pid_t pid, double now_s, struct instance *instance)
{
	struct process_status status;

	if (procfs_read_status(roster->procfs, pid, &status) || status.tgid != pid ||
	    status.zombie || !status.resident_bytes)
		return false;
	if (!by_number(roster) &&
	    (procfs_age_s(&status) < YOUNG_S || family_is_helper(roster->procfs, pid)))
		return false;
	bool began_since = procfs_age_s(&status) < now_s - roster->began_s;
	*instance = (struct instance){
		.status = status,
		.first_ticks = began_since ? 0 : status.cpu_ticks,
		.group = groups_find(&roster->groups, roster->procfs, pid, now_s),
		.open_files = -1,
		.proportional_bytes = -1,
	};
	return true;
}

static struct instance *enrol(struct roster *roster, const struct instance *instance,
			      struct watched_service *service, double now_s)
{
	struct instance *added;

	if (!service || roster->instance_count == INSTANCES_MAX) {
		roster->left_out++;
		return NULL;
	}
	added = &roster->instances[roster->instance_count++];
	*added = *instance;
	added->service = service;
	service->came++;
	service->seen_s = now_s;
	if (!service->processes++)
		tell(roster, EVENT_SERVICE_CAME, service);
	return added;
}

static const struct selected *find_selected(const struct selected *items, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].pid == pid)
			return &items[i];
	return NULL;
}

static pid_t parent_of(const struct roster *roster, const struct selected *items, size_t count,
		       pid_t pid)
{
	const struct selected *item = find_selected(items, count, pid);
	struct process_status status;

	if (item)
		return item->parent;
	return procfs_read_status(roster->procfs, pid, &status) ? 0 : status.parent;
}

/* The topmost of the list that it is a worker of, perhaps by way of
 * others; itself if it is none. */
static pid_t find_root(const struct roster *roster, const struct selected *items, size_t count,
		       pid_t pid)
{
	pid_t root = pid, above = parent_of(roster, items, count, pid);

	for (int i = 0; i < ANCESTORS_MAX && above > 0; i++) {
		if (find_selected(items, count, above) &&
		    family_is_worker(roster->procfs, above, pid))
			root = above;
		above = parent_of(roster, items, count, above);
	}
	return root;
}

static void add_root(struct roster *roster, pid_t pid, double now_s)
{
	struct instance instance;

	if (find(roster, pid) || !examine(roster, pid, now_s, &instance))
		return;
	instance.root = pid;
	enrol(roster, &instance, service_of(roster, &instance, now_s), now_s);
}

static void add_workers(struct roster *roster, const struct instance *root, double now_s)
{
	struct watched_service *service = root->service;
	struct instance instance;
	pid_t *pids;
	size_t count = family_list_workers(roster->procfs, root->status.tgid, &pids);

	for (size_t i = 0; i < count; i++)
		if (!find(roster, pids[i]) && examine(roster, pids[i], now_s, &instance)) {
			instance.root = root->status.tgid;
			enrol(roster, &instance, service, now_s);
		}
	free(pids);
}

static int look_by_name(struct roster *roster, double now_s, struct failure *failure)
{
	struct selected *items = NULL;
	size_t count = 0;

	roster->found_none =
		selection_list(roster->procfs, roster->selection, &items, &count, failure);
	if (roster->found_none)
		return failure->status == STATUS_TARGET ? 0 : -1;
	for (size_t i = 0; i < count; i++)
		if (!find(roster, items[i].pid) &&
		    find_root(roster, items, count, items[i].pid) == items[i].pid)
			add_root(roster, items[i].pid, now_s);
	free(items);
	return 0;
}

/* Once: what has their number later is another process. */
static int look_by_number(struct roster *roster, double now_s, struct failure *failure)
{
	for (size_t i = 0; i < roster->pid_count; i++) {
		add_root(roster, roster->pids[i], now_s);
		if (!find(roster, roster->pids[i]))
			return failure_set(failure, STATUS_TARGET,
					   "there is no process %d, or it has no memory of its own",
					   (int)roster->pids[i]);
	}
	return 0;
}

int roster_look(struct roster *roster, double now_s, struct failure *failure)
{
	bool first = !roster->began_s;
	int error = 0;

	if (first)
		roster->began_s = now_s;
	roster->left_out = 0;
	if (!by_number(roster))
		error = look_by_name(roster, now_s, failure);
	else if (first)
		error = look_by_number(roster, now_s, failure);
	size_t count = roster->instance_count;
	for (size_t i = 0; i < count; i++)
		if (roster->instances[i].root == roster->instances[i].status.tgid)
			add_workers(roster, &roster->instances[i], now_s);
	return error;
}

/* --- what each takes --- */

/* Returns whether it is still there. */
static bool renew(struct roster *roster, struct instance *instance, double now_s)
{
	pid_t pid = instance->status.tgid;
	struct process_status status;

	if (procfs_read_status(roster->procfs, pid, &status) || status.zombie ||
	    !status.resident_bytes || status.start_time != instance->status.start_time)
		return false;
	instance->status = status;
	instance->group = groups_find(&roster->groups, roster->procfs, pid, now_s);
	instance->service->seen_s = now_s;
	return true;
}

static void bury(struct roster *roster, const struct instance *instance)
{
	struct watched_service *service = instance->service;

	service->went++;
	service->past_cpu_s += procfs_seconds(instance->status.cpu_ticks - instance->first_ticks);
	if (!--service->processes)
		tell(roster, EVENT_SERVICE_WENT, service);
}

/* The one that waits for the longest, of those that were not read since. */
static struct instance *longest_waiting(const struct roster *roster, double since_s)
{
	struct instance *found = NULL;

	for (size_t i = 0; i < roster->instance_count; i++) {
		struct instance *instance = &roster->instances[i];

		if (instance->dear_at_s < since_s &&
		    (!found || instance->dear_at_s < found->dear_at_s))
			found = instance;
	}
	return found;
}

/* One after the other, as far as its share of the processor goes: each costs what is in it. */
static void read_dear(struct roster *roster, double now_s)
{
	struct instance *instance;

	if (roster->dear_at_s)
		roster->dear_s += DEAR_SHARE * (now_s - roster->dear_at_s);
	if (roster->dear_s > DEAR_MOST_S)
		roster->dear_s = DEAR_MOST_S;
	roster->dear_at_s = now_s;
	while (roster->dear_s > 0 && (instance = longest_waiting(roster, now_s))) {
		double began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
		pid_t pid = instance->status.tgid;

		instance->proportional_bytes = procfs_read_proportional(roster->procfs, pid);
		instance->open_files = procfs_count_open_files(roster->procfs, pid);
		peers_read(roster->procfs, pid, &instance->peers);
		instance->dear_at_s = now_s;
		roster->dear_s -= clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_s;
	}
}

void roster_read(struct roster *roster, double now_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < roster->instance_count; i++) {
		if (renew(roster, &roster->instances[i], now_s))
			roster->instances[kept++] = roster->instances[i];
		else
			bury(roster, &roster->instances[i]);
	}
	roster->instance_count = kept;
	groups_read(&roster->groups, now_s);
	read_dear(roster, now_s);
	forget_oldest(roster, now_s, SERVICE_KEEP_S);
}

struct memory_taken roster_memory(const struct roster *roster,
				  const struct watched_service *service)
{
	struct memory_taken sum = {0};

	for (size_t i = 0; i < roster->instance_count; i++) {
		const struct process_status *status = &roster->instances[i].status;

		if (roster->instances[i].service != service)
			continue;
		sum.resident_bytes += status->resident_bytes;
		sum.anonymous_bytes += status->anonymous_bytes;
		sum.swapped_bytes += status->swapped_bytes;
	}
	return sum;
}

struct peers roster_peers(const struct roster *roster, const struct watched_service *service)
{
	struct peers sum = {0};

	for (size_t i = 0; i < roster->instance_count; i++)
		if (roster->instances[i].service == service)
			peers_add(&sum, &roster->instances[i].peers);
	return sum;
}

void roster_take_memory(struct watched_service *service, struct told_memory *memory)
{
	bool is_same = told_memory_is_same(&service->memory, memory);
	bool is_old = memory->taken_at_ns - service->before.taken_at_ns > BEFORE_NS;

	if (!is_same || is_old)
		told_memory_release(&service->before);
	if (is_same && !service->before.known)
		service->before = service->memory;
	else
		told_memory_release(&service->memory);
	service->memory = *memory;
	*memory = (struct told_memory){0};
}

const struct instance *roster_looked_at(const struct roster *roster,
					const struct watched_service *service)
{
	for (size_t i = 0; i < roster->instance_count && service->memory.known; i++)
		if (roster->instances[i].service == service &&
		    roster->instances[i].status.tgid == service->memory.pid &&
		    roster->instances[i].status.start_time == service->memory.start_time)
			return &roster->instances[i];
	return NULL;
}

bool roster_is_over(const struct roster *roster)
{
	return by_number(roster) && roster->began_s && !roster->instance_count;
}

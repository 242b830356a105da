/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of families for each kind of thing that is measured, with a function that gives the value
 * of one; NAN where it is not known, which has no sample. How many samples there are is bounded by
 * how many processes, services and cgroups are watched at once (roster.h, groups.h).
 */
#include "metrics.h"

#include <math.h>

#include "../../output/openmetrics.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static double known(int64_t value)
{
	return value < 0 ? NAN : (double)value;
}

/* --- processes --- */

static double resident(const struct instance *instance)
{
	return (double)instance->status.resident_bytes;
}

static double anonymous(const struct instance *instance)
{
	return (double)instance->status.anonymous_bytes;
}

static double swapped(const struct instance *instance)
{
	return (double)instance->status.swapped_bytes;
}

static double proportional(const struct instance *instance)
{
	return known(instance->proportional_bytes);
}

static double threads(const struct instance *instance)
{
	return instance->status.threads;
}

static double open_files(const struct instance *instance)
{
	return known(instance->open_files);
}

static double cpu(const struct instance *instance)
{
	return procfs_seconds(instance->status.cpu_ticks);
}

static double age(const struct instance *instance)
{
	return fmax(procfs_age_s(&instance->status), 0);
}

static const struct {
	enum openmetrics_type type;
	const char *name, *help;
	double (*value)(const struct instance *instance);
} of_instances[] = {
	{OPENMETRICS_GAUGE, "unfreed_target_resident_bytes",
	 "Memory of the process that is resident.", resident},
	{OPENMETRICS_GAUGE, "unfreed_target_anonymous_bytes",
	 "Of the resident memory, what no file holds as well.", anonymous},
	{OPENMETRICS_GAUGE, "unfreed_target_swapped_bytes",
	 "Memory of the process that is in swap.", swapped},
	{OPENMETRICS_GAUGE, "unfreed_target_proportional_bytes",
	 "Resident memory with each page divided by how many processes share it; read now and then.",
	 proportional},
	{OPENMETRICS_GAUGE, "unfreed_target_threads", "Threads of the process.", threads},
	{OPENMETRICS_GAUGE, "unfreed_target_open_files",
	 "Files that the process has open, sockets too; read now and then.", open_files},
	{OPENMETRICS_COUNTER, "unfreed_target_cpu_seconds", "Processor time of the process.", cpu},
	{OPENMETRICS_GAUGE, "unfreed_target_age_seconds", "How long ago the process began.", age},
};

static void write_instances(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_instances); i++) {
		openmetrics_family(file, of_instances[i].type, of_instances[i].name,
				   of_instances[i].help);
		for (size_t j = 0; j < roster->instance_count; j++) {
			const struct instance *instance = &roster->instances[j];
			double value = of_instances[i].value(instance);
			char pid[16];
			const struct openmetrics_label labels[] = {
				{"service", instance->service->name},
				{"pid", pid},
				{"comm", instance->status.comm},
				{"cgroup", instance->group ? instance->group->place.name : NULL},
			};

			snprintf(pid, sizeof(pid), "%d", (int)instance->status.tgid);
			if (!isnan(value))
				openmetrics_sample(file, of_instances[i].type, of_instances[i].name,
						   labels, COUNT(labels), value);
		}
	}
}

/* --- services --- */

static double sum_of(const struct roster *roster, const struct watched_service *service,
		     double (*value)(const struct instance *instance))
{
	double sum = 0;

	for (size_t i = 0; i < roster->instance_count; i++)
		if (roster->instances[i].service == service)
			sum += value(&roster->instances[i]);
	return sum;
}

static double processes(const struct roster *roster, const struct watched_service *service)
{
	(void)roster;
	return (double)service->processes;
}

static double came(const struct roster *roster, const struct watched_service *service)
{
	(void)roster;
	return (double)service->came;
}

static double went(const struct roster *roster, const struct watched_service *service)
{
	(void)roster;
	return (double)service->went;
}

static double all_resident(const struct roster *roster, const struct watched_service *service)
{
	return sum_of(roster, service, resident);
}

static double all_anonymous(const struct roster *roster, const struct watched_service *service)
{
	return sum_of(roster, service, anonymous);
}

static double all_swapped(const struct roster *roster, const struct watched_service *service)
{
	return sum_of(roster, service, swapped);
}

static double all_proportional(const struct roster *roster, const struct watched_service *service)
{
	return sum_of(roster, service, proportional);
}

static double cpu_of_service(const struct instance *instance)
{
	return procfs_seconds(instance->status.cpu_ticks - instance->first_ticks);
}

static double all_cpu(const struct roster *roster, const struct watched_service *service)
{
	return service->past_cpu_s + sum_of(roster, service, cpu_of_service);
}

static const struct {
	enum openmetrics_type type;
	const char *name, *help;
	double (*value)(const struct roster *roster, const struct watched_service *service);
} of_services[] = {
	{OPENMETRICS_GAUGE, "unfreed_service_processes", "Processes of the service.", processes},
	{OPENMETRICS_COUNTER, "unfreed_service_processes_came",
	 "Processes of the service that were taken up; workers that are replaced count anew.",
	 came},
	{OPENMETRICS_COUNTER, "unfreed_service_processes_went",
	 "Processes of the service that ended.", went},
	{OPENMETRICS_GAUGE, "unfreed_service_resident_bytes",
	 "Sum over its processes; what they share counts for each.", all_resident},
	{OPENMETRICS_GAUGE, "unfreed_service_anonymous_bytes",
	 "Sum over its processes; what they share counts for each.", all_anonymous},
	{OPENMETRICS_GAUGE, "unfreed_service_swapped_bytes", "Sum over its processes.",
	 all_swapped},
	{OPENMETRICS_GAUGE, "unfreed_service_proportional_bytes",
	 "Sum over its processes: what they share counts once; not there until each was read.",
	 all_proportional},
	{OPENMETRICS_COUNTER, "unfreed_service_cpu_seconds",
	 "Processor time of its processes since they are watched, with those that ended.", all_cpu},
};

static void write_services(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_services); i++) {
		openmetrics_family(file, of_services[i].type, of_services[i].name,
				   of_services[i].help);
		for (size_t j = 0; j < roster->service_count; j++) {
			const struct watched_service *service = roster->services[j];
			double value = of_services[i].value(roster, service);
			const struct openmetrics_label labels[] = {
				{"service", service->name},
				{"cgroup", *service->group ? service->group : NULL},
			};

			if (!isnan(value))
				openmetrics_sample(file, of_services[i].type, of_services[i].name,
						   labels, COUNT(labels), value);
		}
	}
}

/* --- cgroups --- */

static double used(const struct cgroup_memory *memory)
{
	return (double)memory->used_bytes;
}

static double inactive(const struct cgroup_memory *memory)
{
	return (double)memory->inactive_bytes;
}

static double limit(const struct cgroup_memory *memory)
{
	return memory->limit.bytes ? (double)memory->limit.bytes : NAN;
}

static double room(const struct cgroup_memory *memory)
{
	return memory->limit.bytes ? (double)memory->limit.room_bytes : NAN;
}

static double limit_hits(const struct cgroup_memory *memory)
{
	return (double)memory->limit_hits;
}

static double oom_kills(const struct cgroup_memory *memory)
{
	return (double)memory->oom_kills;
}

static double some(const struct cgroup_memory *memory)
{
	return memory->pressure.known ? (double)memory->pressure.some_us / 1e6 : NAN;
}

static double full(const struct cgroup_memory *memory)
{
	return memory->pressure.known ? (double)memory->pressure.full_us / 1e6 : NAN;
}

static const struct {
	enum openmetrics_type type;
	const char *name, *help;
	double (*value)(const struct cgroup_memory *memory);
} of_groups[] = {
	{OPENMETRICS_GAUGE, "unfreed_cgroup_memory_bytes",
	 "Memory of the cgroup and of those below it, with page cache.", used},
	{OPENMETRICS_GAUGE, "unfreed_cgroup_memory_inactive_file_bytes",
	 "Of that, pages of files not used lately, which the kernel takes back first.", inactive},
	{OPENMETRICS_GAUGE, "unfreed_cgroup_memory_limit_bytes",
	 "The least limit of the cgroup and of those above; not there where none has one.", limit},
	{OPENMETRICS_GAUGE, "unfreed_cgroup_memory_room_bytes",
	 "The least that any of these has left until its limit.", room},
	{OPENMETRICS_COUNTER, "unfreed_cgroup_memory_limit_hits",
	 "How often the cgroup came to its limit.", limit_hits},
	{OPENMETRICS_COUNTER, "unfreed_cgroup_memory_oom_kills",
	 "How often a process of the cgroup was ended for want of memory.", oom_kills},
	{OPENMETRICS_COUNTER, "unfreed_cgroup_memory_waiting_seconds",
	 "Time in which a task of the cgroup waited for memory (PSI, some).", some},
	{OPENMETRICS_COUNTER, "unfreed_cgroup_memory_stalled_seconds",
	 "Time in which all tasks of the cgroup waited for memory (PSI, full).", full},
};

static void write_groups(const struct groups *groups, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_groups); i++) {
		openmetrics_family(file, of_groups[i].type, of_groups[i].name, of_groups[i].help);
		for (size_t j = 0; j < groups->count; j++) {
			const struct group *group = groups->items[j];
			const struct openmetrics_label label = {"cgroup", group->place.name};
			double value = group->known ? of_groups[i].value(&group->memory) : NAN;

			if (!isnan(value))
				openmetrics_sample(file, of_groups[i].type, of_groups[i].name,
						   &label, 1, value);
		}
	}
}

static void write_forecast(const struct group *group, const char *quantile, double seconds,
			   const char *name, FILE *file)
{
	const struct openmetrics_label labels[] = {
		{"cgroup", group->place.name},
		{"quantile", quantile},
	};

	if (isfinite(seconds))
		openmetrics_sample(file, OPENMETRICS_GAUGE, name, labels, COUNT(labels), seconds);
}

/* Where it is foreseen, and near enough to be. */
static void write_forecasts(const struct groups *groups, FILE *file)
{
	static const char name[] = "unfreed_cgroup_memory_limit_reached_in_seconds";

	openmetrics_family(
		file, OPENMETRICS_GAUGE, name,
		"When the cgroup comes to its limit if it goes on like this: 0.1, one time "
		"in ten it is earlier.");
	for (size_t i = 0; i < groups->count; i++) {
		const struct group *group = groups->items[i];

		if (!group->known || !group->foreseen)
			continue;
		write_forecast(group, "0.1", group->forecast.early_s, name, file);
		write_forecast(group, "0.5", group->forecast.likely_s, name, file);
		write_forecast(group, "0.9", group->forecast.late_s, name, file);
	}
}

/* --- one of each --- */

static void write_one(FILE *file, enum openmetrics_type type, const char *name, const char *help,
		      double value)
{
	if (isnan(value) || value < 0)
		return;
	openmetrics_family(file, type, name, help);
	openmetrics_sample(file, type, name, NULL, 0, value);
}

static void write_host(const struct pressure *pressure, FILE *file)
{
	if (!pressure->known)
		return;
	write_one(file, OPENMETRICS_COUNTER, "unfreed_host_memory_waiting_seconds",
		  "Time in which a task of the host waited for memory (PSI, some).",
		  (double)pressure->some_us / 1e6);
	write_one(file, OPENMETRICS_COUNTER, "unfreed_host_memory_stalled_seconds",
		  "Time in which all tasks of the host waited for memory (PSI, full).",
		  (double)pressure->full_us / 1e6);
}

static void write_self(const struct self *self, FILE *file)
{
	write_one(
		file, OPENMETRICS_GAUGE, "unfreed_overhead_ratio",
		"Processor time that unfreed took, itself and of processes by watches, of one processor, in "
		"the last minute or two.",
		self->overhead);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_budget_ratio",
		  "Processor time that inquiries may take over time, of one processor.",
		  self->budget);
	write_one(file, OPENMETRICS_COUNTER, "unfreed_self_cpu_seconds",
		  "Processor time of unfreed itself.", self->cpu_s);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_self_resident_bytes",
		  "Memory of unfreed itself that is resident.", self->resident_bytes);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_self_open_files",
		  "Files that unfreed has open itself.", self->open_files);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_self_start_time_seconds",
		  "When unfreed began, in seconds since 1970.", self->began_s);
	write_one(file, OPENMETRICS_COUNTER, "unfreed_self_rounds",
		  "How often all processes were read.", (double)self->rounds);
	write_one(file, OPENMETRICS_COUNTER, "unfreed_self_requests",
		  "Requests that were answered, refused ones too.", (double)self->requests);
	write_one(
		file, OPENMETRICS_COUNTER, "unfreed_self_alerts_dropped",
		"Alerts that did not come to who was to be told, as too many waited or none took them.",
		(double)self->alerts_dropped);
}

void metrics_write(const struct metrics *metrics, FILE *file)
{
	const struct openmetrics_label version = {"version", UNFREED_VERSION};

	write_instances(metrics->roster, file);
	write_services(metrics->roster, file);
	metrics_write_peers(metrics->roster, file);
	write_groups(&metrics->roster->groups, file);
	write_forecasts(&metrics->roster->groups, file);
	metrics_write_told(metrics, file);
	write_host(&metrics->pressure, file);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_targets", "Processes that are watched.",
		  (double)metrics->roster->instance_count);
	write_one(file, OPENMETRICS_GAUGE, "unfreed_targets_left_out",
		  "Processes that are not watched, as there are too many.",
		  (double)metrics->roster->left_out);
	write_self(&metrics->self, file);
	openmetrics_family(file, OPENMETRICS_INFO, "unfreed_build", "Which unfreed this is.");
	openmetrics_sample(file, OPENMETRICS_INFO, "unfreed_build", &version, 1, 1);
	openmetrics_end(file);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* As metrics.c: a table of families for each kind of thing. */
#include "metrics.h"

#include <math.h>

#include "../../output/openmetrics.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define S_PER_H      3600

/* --- growth --- */

static void write_growth(FILE *file, const struct watched_service *service, const char *by,
			 double bytes_per_s)
{
	const struct openmetrics_label labels[] = {
		{"service", service->name},
		{"cgroup", *service->group ? service->group : NULL},
		{"by", by},
	};

	openmetrics_sample(file, OPENMETRICS_GAUGE, "unfreed_service_growth_bytes_per_second",
			   labels, COUNT(labels), bytes_per_s);
}

static void write_all_growth(const struct roster *roster, FILE *file)
{
	static const char *const spans[TREND_SPANS] = {"hour", "day"};

	openmetrics_family(
		file, OPENMETRICS_GAUGE, "unfreed_service_growth_bytes_per_second",
		"What its processes grow by, by anonymous memory and swap over the last hour or day, or, "
		"of memory in use, by what the last inquiry told.");
	for (size_t i = 0; i < roster->service_count; i++) {
		const struct watched_service *service = roster->services[i];

		for (size_t j = 0; j < TREND_SPANS; j++) {
			const struct slope *slope = trend_slope(&service->trend, j);

			if (slope)
				write_growth(file, service, spans[j],
					     slope->per_s * (double)service->processes);
		}
		if (service->growth_told)
			write_growth(file, service, "inquiry", service->growth.value / S_PER_H);
	}
}

/* --- findings --- */

static double one(const struct known_finding *finding)
{
	(void)finding;
	return 1;
}

static double rate(const struct known_finding *finding)
{
	return finding->told.rate.value / S_PER_H;
}

static double holds(const struct known_finding *finding)
{
	return (double)finding->told.holds_bytes;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct known_finding *finding);
} of_findings[] = {
	{"unfreed_finding", "What grows in a service, and what that is.", one},
	{"unfreed_finding_growth_bytes_per_second", "How fast it grows.", rate},
	{"unfreed_finding_held_bytes", "What it holds.", holds},
};

static void write_findings(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_findings); i++) {
		openmetrics_family(file, OPENMETRICS_GAUGE, of_findings[i].name,
				   of_findings[i].help);
		for (size_t j = 0; j < roster->service_count; j++) {
			const struct watched_service *service = roster->services[j];

			for (size_t k = 0; k < service->findings.count; k++) {
				const struct known_finding *finding = &service->findings.items[k];
				const struct openmetrics_label labels[] = {
					{"service", service->name},
					{"cgroup", *service->group ? service->group : NULL},
					{"name", finding->told.name},
					{"verdict", i ? NULL : verdict_name(finding->verdict)},
					{"type", i ? NULL : finding->told.type},
					{"filled_by", i ? NULL : finding->told.filled_by},
				};

				openmetrics_sample(file, OPENMETRICS_GAUGE, of_findings[i].name,
						   labels, COUNT(labels),
						   of_findings[i].value(finding));
			}
		}
	}
}

/* --- the processes that were looked at --- */

struct series_of {
	enum openmetrics_type type;
	const char *name, *help, *label;
	size_t count; /* of its samples for each process, at most */
	const char *(*value_of_label)(size_t index);
	double (*value)(const struct told_memory *memory, size_t index); /* NAN: none */
};

static double live(const struct told_memory *memory, size_t index)
{
	(void)index;
	return (double)memory->live_bytes;
}

static double part(const struct told_memory *memory, size_t index)
{
	return (double)memory->parts[index];
}

static const char *name_part(size_t index)
{
	return look_part_name((enum look_part_id)index);
}

static double gc_enabled(const struct told_memory *memory, size_t index)
{
	(void)index;
	return memory->gc.known ? memory->gc.enabled : NAN;
}

static double gc_frozen(const struct told_memory *memory, size_t index)
{
	(void)index;
	return memory->gc.known && memory->gc.frozen != LOOK_UNKNOWN ? (double)memory->gc.frozen
								     : NAN;
}

static bool has_generation(const struct told_memory *memory, size_t index)
{
	return memory->gc.known && index < memory->gc.generation_count;
}

static double collections(const struct told_memory *memory, size_t index)
{
	return has_generation(memory, index) ? (double)memory->gc.generations[index].collections
					     : NAN;
}

static double collected(const struct told_memory *memory, size_t index)
{
	return has_generation(memory, index) ? (double)memory->gc.generations[index].collected
					     : NAN;
}

static double uncollectable(const struct told_memory *memory, size_t index)
{
	return has_generation(memory, index) ? (double)memory->gc.generations[index].uncollectable
					     : NAN;
}

static const char *name_generation(size_t index)
{
	static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

	return names[index];
}

_Static_assert(LOOK_GENERATIONS <= 8, "each has a name");

static const struct series_of of_memory[] = {
	{OPENMETRICS_GAUGE, "unfreed_target_live_bytes", "Memory in use, at the last look.", NULL,
	 1, NULL, live},
	{OPENMETRICS_GAUGE, "unfreed_target_memory_bytes",
	 "Resident memory by parts, at the last look.", "part", PART_COUNT, name_part, part},
	{OPENMETRICS_GAUGE, "unfreed_python_gc_enabled",
	 "Whether Python collects garbage by itself.", NULL, 1, NULL, gc_enabled},
	{OPENMETRICS_GAUGE, "unfreed_python_gc_frozen",
	 "Objects that gc.freeze() has put out of its reach.", NULL, 1, NULL, gc_frozen},
	{OPENMETRICS_COUNTER, "unfreed_python_gc_collections", "Collections of a generation.",
	 "generation", LOOK_GENERATIONS, name_generation, collections},
	{OPENMETRICS_COUNTER, "unfreed_python_gc_collected", "Objects that these have freed.",
	 "generation", LOOK_GENERATIONS, name_generation, collected},
	{OPENMETRICS_COUNTER, "unfreed_python_gc_uncollectable",
	 "Objects that these could not free.", "generation", LOOK_GENERATIONS, name_generation,
	 uncollectable},
};

static void write_memory_of(const struct series_of *series, const struct watched_service *service,
			    const struct instance *instance, FILE *file)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)instance->status.tgid);
	for (size_t i = 0; i < series->count; i++) {
		double value = series->value(&service->memory, i);
		const struct openmetrics_label labels[] = {
			{"service", service->name},
			{"pid", pid},
			{"comm", instance->status.comm},
			{"cgroup", instance->group ? instance->group->place.name : NULL},
			{series->label, series->label ? series->value_of_label(i) : NULL},
		};

		if (!isnan(value))
			openmetrics_sample(file, series->type, series->name, labels, COUNT(labels),
					   value);
	}
}

static void write_count(FILE *file, const char *name, const char *help, uint64_t count)
{
	openmetrics_family(file, OPENMETRICS_COUNTER, name, help);
	openmetrics_sample(file, OPENMETRICS_COUNTER, name, NULL, 0, (double)count);
}

static void write_memory(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_memory); i++) {
		openmetrics_family(file, of_memory[i].type, of_memory[i].name, of_memory[i].help);
		for (size_t j = 0; j < roster->service_count; j++) {
			const struct instance *instance =
				roster_looked_at(roster, roster->services[j]);

			if (instance)
				write_memory_of(&of_memory[i], roster->services[j], instance, file);
		}
	}
}

static void write_loss(FILE *file, const char *cause, uint64_t count)
{
	const struct openmetrics_label label = {"cause", cause};

	openmetrics_sample(file, OPENMETRICS_COUNTER, "unfreed_losses", &label, 1, (double)count);
}

/* All that may be, so that the first one of a cause is seen to be more than none. */
static void write_losses(const struct metrics *metrics, FILE *file)
{
	const struct told_losses *losses = &metrics->inquiries->losses;

	openmetrics_family(file, OPENMETRICS_COUNTER, "unfreed_losses",
			   "What could not be seen, kept or told, by cause.");
	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		write_loss(file, look_uncertain_key((enum look_uncertain)i), losses->looked[i]);
	for (size_t i = 0; i < LOSS_COUNT; i++)
		write_loss(file, loss_name((enum loss)i), losses->recorded[i]);
	write_loss(file, "alerts_dropped", metrics->self.alerts_dropped);
	write_loss(file, "history_not_written", metrics->self.not_kept);
	write_loss(file, "inquiries_failed", metrics->inquiries->failed);
	write_loss(file, "looks_failed", metrics->looks->failed);
}

void metrics_write_told(const struct metrics *metrics, FILE *file)
{
	const struct inquiries *inquiries = metrics->inquiries;

	write_all_growth(metrics->roster, file);
	write_findings(metrics->roster, file);
	write_memory(metrics->roster, file);
	metrics_write_held(metrics->roster, file);
	write_losses(metrics, file);
	write_count(file, "unfreed_inquiries", "How often a service was asked why it grows.",
		    inquiries->asked);
	write_count(file, "unfreed_inquiries_failed", "Of these, how often nothing was told.",
		    inquiries->failed);
	write_count(file, "unfreed_looks", "How often a process was looked at beside inquiries.",
		    metrics->looks->made);
	write_count(file, "unfreed_looks_failed", "Of these, how often nothing was told.",
		    metrics->looks->failed);
}

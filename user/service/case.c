/* SPDX-License-Identifier: BSD-2-Clause */
#include "case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../look/growth.h"
#include "../python/objects/live.h"
#include "lost.h"

#define COUNT_SHARE 0.1  /* of what is allowed */
#define SIZES_SHARE 0.15 /* likewise */
#define OPEN_SHARE  0.05 /* likewise */

enum {
	COUNT_EACH_S = 3,
	COUNTS_LEAST = 12,
	SIZES_LOOKS = 16,
	OPEN_LOOKS = 16,
	SIZES_OF_LOOK = 4, /* what they cost, of a look, before it is known */
};

struct patient_case *case_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
			      uint64_t budget_bytes, struct failure *failure)
{
	struct patient_case *kase = calloc(1, sizeof(*kase));

	if (!kase) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	if (patient_open(&kase->patient, procfs, confined, pid, budget_bytes, failure)) {
		free(kase);
		return NULL;
	}
	kase->patient.with_classes = !kase->patient.is_python;
	subjects_init(&kase->subjects);
	block_sizes_init(&kase->sizes, pid);
	kase->began_s = kase->seen_s = clock_s(CLOCK_MONOTONIC);
	kase->cpu_ticks = kase->patient.status.cpu_ticks;
	kase->uptime_s = procfs_age_s(&kase->patient.status);
	kase->born_s = kase->began_s - kase->uptime_s;
	series_add(&kase->used, kase->began_s, procfs_seconds(kase->cpu_ticks));
	kase->life_share = procfs_seconds(kase->cpu_ticks) / fmax(kase->uptime_s, 1);
	return kase;
}

void case_free(struct patient_case *kase)
{
	if (!kase)
		return;
	watch_close(kase->watch);
	subjects_release(&kase->subjects);
	block_sizes_release(&kase->sizes);
	look_free(kase->look);
	look_free(kase->memory);
	patient_close(&kase->patient);
	free(kase);
}

/* A short life is to be told by as many samples as any. */
static double count_each_s(const struct patient_case *kase)
{
	return fmin(COUNT_EACH_S, (kase->schedule.end_s - kase->schedule.began_s) / COUNTS_LEAST);
}

/* Two samples at almost one time make a slope out of nothing: a look takes the place of a count. */
static void leave_out_recent(struct patient_case *kase, double at_s)
{
	struct series *objects = &kase->objects;

	if (kase->counted &&
	    at_s - objects->items[objects->count - 1].at_s < count_each_s(kase) / 2)
		objects->count--;
	kase->counted = false;
	kase->counted_s = at_s;
}

static void add_parts(struct patient_case *kase, const struct look *look)
{
	double at_s = clock_s(CLOCK_MONOTONIC);

	if (!look->parts_known)
		return;
	double live = (double)look_live_bytes(look);
	double objects = (double)look->parts[PART_PYTHON_LIVE].bytes;

	leave_out_recent(kase, at_s);
	series_add(&kase->live, at_s, live);
	series_add(&kase->objects, at_s, objects);
	series_add(&kase->others, at_s, live - objects);
	for (int i = 0; i < PART_COUNT; i++)
		series_add(&kase->parts[i], at_s, (double)look->parts[i].bytes);
	series_add(&kase->shared, at_s, (double)look->shared_bytes);
	if (!kase->newcomer)
		block_sizes_take(&kase->sizes, kase->patient.procfs, at_s, look);
	if (look->other_malloc && !kase->other_malloc)
		kase->other_malloc = zone_strdup(kase->subjects.zone, look->other_malloc);
}

static void keep_first_classes(struct patient_case *kase, const struct look *look)
{
	struct zone *zone = kase->subjects.zone;

	if (kase->classes || kase->patient.is_python || !look->type_count)
		return;
	kase->classes = zone_alloc(zone, look->type_count, sizeof(*kase->classes));
	memcpy(kase->classes, look->types, look->type_count * sizeof(*kase->classes));
	for (size_t i = 0; i < look->type_count; i++)
		kase->classes[i].name = zone_strdup(zone, look->types[i].name);
	kase->class_count = look->type_count;
}

/* What of malloc's blocks is Python's, as of the look behind the parts that were added last. */
static void add_share_of_python(struct patient_case *kase, bool graph)
{
	struct objects *python = &kase->patient.objects;

	if (!kase->patient.is_python || python->pools.absent)
		return;
	double at_s = kase->live.items[kase->live.count - 1].at_s;

	series_add(&kase->beside, at_s, (double)python->beside_bytes);
	if (!graph || !python->has_graph)
		return;
	series_add(&kase->outside, at_s, (double)objects_outside_bytes(python));
	block_sizes_take_python(&kase->sizes, python);
}

/* What holds what is as of an older look, and where the memory is as of this one. */
static void renew_memory(struct look *look, const struct look *now)
{
	memcpy(look->parts, now->parts, sizeof(look->parts));
	look->resident_bytes = now->resident_bytes;
	look->swapped_bytes = now->swapped_bytes;
	look->proportional_bytes = now->proportional_bytes;
	look->shared_bytes = now->shared_bytes;
	look->huge_bytes = now->huge_bytes;
	look->limit_bytes = now->limit_bytes;
	look->malloc = now->malloc;
	look->chunks = now->chunks;
	look->chunk_class_count = now->chunk_class_count;
	look->mappings = now->mappings;
	look->mapping_count = now->mapping_count;
	look->malloc_problem = now->malloc_problem;
	if (now->type_count) {
		look->types = now->types;
		look->type_count = now->type_count;
	}
}

static void take_graph(struct patient_case *kase, struct look *look)
{
	look_free(kase->memory);
	kase->memory = NULL;
	look_free(kase->look);
	kase->look = look;
	kase->graph.live = look->parts_known ? (double)look_live_bytes(look) : 0;
	kase->graph.counted = kase->graph.resident = kase->last_count = 0;
	kase->graph.looks = kase->patient.looks;
}

/* Whether it is still there; what ends has no memory already before it is a zombie. */
static bool is_there(const struct patient_case *kase, struct process_status *status)
{
	return !procfs_read_status(kase->patient.procfs, kase->patient.pid, status) &&
	       status->start_time == kase->patient.status.start_time && !status->zombie &&
	       status->resident_bytes;
}

static void end_case(struct patient_case *kase)
{
	kase->gone = true;
	open_claims_drop(kase->claims, kase->patient.pid);
	case_watch_end(kase);
	subjects_end(&kase->subjects);
	patient_forget(&kase->patient);
}

/* Whether it could be told where the memory is. */
static bool report(struct patient_case *kase, bool graph, const struct objects_request *request)
{
	struct look *look = patient_report(&kase->patient, graph ? request : NULL);
	struct process_status status;
	bool parts_known = look->parts_known;

	if (!is_there(kase, &status)) {
		look_free(look);
		end_case(kase);
		return false;
	}
	add_parts(kase, look);
	keep_first_classes(kase, look);
	if (graph) {
		take_graph(kase, look);
	} else if (kase->look && look->parts_known) {
		renew_memory(kase->look, look);
		look_free(kase->memory);
		kase->memory = look;
	} else {
		look_free(look);
	}
	return parts_known;
}

/* What was there before is another program's. */
static void begin_anew(struct patient_case *kase)
{
	kase->live.count = kase->objects.count = kase->others.count = kase->resident.count = 0;
	kase->beside.count = kase->outside.count = kase->shared.count = 0;
	for (int i = 0; i < PART_COUNT; i++)
		kase->parts[i].count = 0;
	kase->counted = kase->patient.with_classes = false;
	kase->classes = NULL;
	kase->class_count = 0;
	block_sizes_release(&kase->sizes);
	block_sizes_init(&kase->sizes, kase->patient.pid);
	kase->renewed = true;
}

static void take_up_subjects(struct patient_case *kase, bool graph)
{
	const struct patient *patient = &kase->patient;

	if (patient->is_python && graph && patient->objects.looks >= LOOKS_TO_TELL) {
		subjects_update(&kase->subjects, &kase->patient);
		kase->told = true;
	}
	if (patient->is_python)
		lost_update(&kase->subjects, &kase->patient.objects, kase->listener);
	kase->told |= !patient->is_python && patient->looks >= LOOKS_TO_TELL;
}

/* What ended meanwhile was read in part, or when it was cleared already. */
static bool ended_meanwhile(struct patient_case *kase, int error, const struct failure *failure)
{
	struct process_status status;

	if (!error && is_there(kase, &status))
		return false;
	end_case(kase);
	kase->failure = *failure;
	return true;
}

void case_look(struct patient_case *kase, bool graph, const struct objects_request *request)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bool was_python = kase->patient.is_python;
	struct failure failure = {0};

	if (kase->gone ||
	    ended_meanwhile(kase, patient_look(&kase->patient, graph, &failure), &failure))
		return;
	if (kase->patient.is_python && !was_python)
		begin_anew(kase);
	if (!kase->patient.is_python && !kase->java.counters.old_used)
		java_case_begin(&kase->java, kase->patient.procfs, kase->patient.pid);
	take_up_subjects(kase, graph);
	if (report(kase, graph, request))
		add_share_of_python(kase, graph);
	uint64_t took = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
	kase->own_cpu_ns += took;
	kase->look_cost_s[graph] = (double)took / NS_PER_S;
	event_tell(kase->listener,
		   &(struct event){.kind = graph ? EVENT_LOOKED_WITH_GRAPH : EVENT_LOOKED,
				   .pid = (int)kase->patient.pid,
				   .seconds = kase->look_cost_s[graph]});
}

void case_measure(struct patient_case *kase)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct failure failure = {0};

	if (kase->gone ||
	    ended_meanwhile(kase, patient_measure(&kase->patient, &failure), &failure))
		return;
	report(kase, false, NULL);
	kase->own_cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static void count_live(struct patient_case *kase, double now)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID), bytes;
	struct allowance allowance = case_allowance(kase, now);
	double pause_s = kase->count_cost_s / (COUNT_SHARE * allowance_share(&allowance));

	/* what a newcomer may cost was weighed when it was taken up: counts are a part of a look */
	if (kase->newcomer && COUNTS_LEAST * kase->count_cost_s < kase->look_cost_s[true])
		pause_s = 0;
	if (!kase->patient.is_python || !kase->others.count ||
	    now - kase->counted_s < fmax(pause_s, count_each_s(kase)) ||
	    objects_live_bytes(&kase->patient.objects, &bytes))
		return;
	series_add(&kase->objects, now, (double)bytes);
	kase->last_count = (double)bytes;
	if (!(kase->graph.counted > 0))
		kase->graph.counted = kase->last_count;
	kase->counted_s = now;
	kase->counted = true;
	began = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
	kase->count_cost_s = (double)began / NS_PER_S;
	kase->counts_cpu_ns += began;
	kase->own_cpu_ns += began;
}

/* Between looks. Not of a newcomer: too little of its life is left. */
static void look_at_sizes(struct patient_case *kase, double now)
{
	struct allowance allowance = case_allowance(kase, kase->schedule.end_s);
	double cost_s = kase->sizes.cost_s ?: kase->look_cost_s[false] / SIZES_OF_LOOK;
	double each_s = (kase->schedule.end_s - kase->schedule.began_s) / SIZES_LOOKS;
	double last_s = fmax(kase->sizes.looked_s, kase->began_s);

	if (kase->newcomer || !(cost_s > 0) ||
	    now - last_s < fmax(each_s, cost_s / (SIZES_SHARE * allowance_share(&allowance))))
		return;
	block_sizes_look(&kase->sizes, kase->patient.procfs, now);
	kase->own_cpu_ns += (uint64_t)(kase->sizes.cost_s * NS_PER_S);
}

static double open_each_s(const struct patient_case *kase)
{
	return (kase->schedule.end_s - kase->schedule.began_s) / OPEN_LOOKS;
}

static void look_at_open_files(struct patient_case *kase, double now)
{
	open_series_look(&kase->open, kase->patient.procfs, kase->patient.pid, kase->claims, now);
	kase->own_cpu_ns += (uint64_t)(kase->open.cost_s * NS_PER_S);
}

static void look_at_open_files_if_due(struct patient_case *kase, double now)
{
	struct allowance allowance = case_allowance(kase, kase->schedule.end_s);
	double pause_s = kase->open.cost_s / (OPEN_SHARE * allowance_share(&allowance));

	if (!(kase->open.looked_s > 0) ||
	    now - kase->open.looked_s >= fmax(open_each_s(kase), pause_s))
		look_at_open_files(kase, now);
}

/* Two samples at almost one time make a slope out of nothing. */
void case_end_open_files(struct patient_case *kase)
{
	double now = clock_s(CLOCK_MONOTONIC);

	if (!kase->gone && now - kase->open.looked_s >= open_each_s(kase) / 2)
		look_at_open_files(kase, now);
}

void case_poll(struct patient_case *kase, double now)
{
	struct memory memory = process_memory(kase->patient.pid);
	struct process_status status;

	if (kase->gone)
		return;
	if (!is_there(kase, &status)) {
		end_case(kase);
		return;
	}
	kase->cpu_ticks = status.cpu_ticks;
	series_add(&kase->used, now, procfs_seconds(status.cpu_ticks));
	kase->seen_s = now;
	kase->uptime_s = procfs_age_s(&status);
	series_add(&kase->resident, now, (double)status.resident_bytes);
	if (!(kase->graph.resident > 0))
		kase->graph.resident = (double)status.resident_bytes;
	subjects_poll(&kase->subjects, &memory, now);
	java_case_poll(&kase->java, &memory, now);
	count_live(kase, now);
	look_at_sizes(kase, now);
	look_at_open_files_if_due(kase, now);
}

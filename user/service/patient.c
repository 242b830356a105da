/* SPDX-License-Identifier: BSD-2-Clause */
#include "patient.h"

#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../look/classes.h"
#include "../look/growth.h"
#include "../look/hints.h"
#include "../look/lost.h"
#include "../look/parts.h"
#include "../process/core.h"
#include "../python/objects/live.h"

static int refuse(struct failure *failure, pid_t pid, int error)
{
	if (error == -ESRCH || error == -ENOENT)
		return failure_set(failure, STATUS_TARGET, "there is no process %d", (int)pid);
	if (error == -EPERM || error == -EACCES)
		return failure_set(
			failure, STATUS_KERNEL,
			"not allowed to read the memory of process %d: run as root, or with "
			"CAP_SYS_PTRACE, and CAP_DAC_READ_SEARCH for another user's",
			(int)pid);
	return failure_set(failure, STATUS_FAILURE, "cannot read the memory of process %d: %s",
			   (int)pid, strerror(-error));
}

static int find_python(struct patient *patient, struct failure *failure)
{
	struct mappings mappings;
	int error = mappings_read(patient->procfs, patient->pid, &mappings);

	if (error)
		return refuse(failure, patient->pid, error);
	error = python_interpreter_find(patient->procfs, patient->confined, patient->pid, &mappings,
					&patient->interpreter, &patient->python_problem);
	mappings_release(&mappings);
	if (error == -ENOENT || error == -ENOTSUP)
		return 0;
	if (error)
		return refuse(failure, patient->pid, error);
	error = objects_init(&patient->objects, patient->procfs, &patient->interpreter,
			     patient->budget_bytes);
	if (!error) {
		patient->is_python = true;
		return 0;
	}
	python_interpreter_release(&patient->interpreter);
	if (error != -ENOTSUP)
		return refuse(failure, patient->pid, error);
	failure_set(&patient->python_problem, STATUS_TARGET,
		    "objects of this version of CPython are not known");
	return 0;
}

/* Whether we may read it. */
static int try_memory(const struct procfs *procfs, pid_t pid)
{
	int memory = procfs->core ? 0 : memory_open(pid);

	if (memory > 0)
		close(memory);
	return memory < 0 ? memory : 0;
}

int patient_open(struct patient *patient, const struct procfs *procfs, struct confined *confined,
		 pid_t pid, uint64_t budget_bytes, struct failure *failure)
{
	*patient = (struct patient){
		.procfs = procfs,
		.confined = confined,
		.pid = pid,
		.budget_bytes = budget_bytes,
	};
	int error = procfs_read_status(procfs, pid, &patient->status);
	if (!error && patient->status.tgid != pid)
		return failure_set(failure, STATUS_TARGET,
				   "%d is a thread of process %d: give that", (int)pid,
				   (int)patient->status.tgid);
	if (!error && patient->status.zombie)
		return failure_set(failure, STATUS_TARGET, "process %d (%s) has exited already",
				   (int)pid, patient->status.comm);
	if (!error && !procfs->core && !patient->status.resident_bytes &&
	    !patient->status.code_start)
		return failure_set(failure, STATUS_TARGET,
				   "process %d (%s) has no memory of its own: a kernel thread",
				   (int)pid, patient->status.comm);
	if (!error)
		error = try_memory(procfs, pid);
	if (error)
		return refuse(failure, pid, error);
	return find_python(patient, failure);
}

void patient_forget(struct patient *patient)
{
	reach_free(patient->reach);
	patient->reach = NULL;
	look_free(patient->mark);
	patient->mark = NULL;
	if (patient->is_python && !patient->forgotten) {
		objects_release(&patient->objects);
		python_interpreter_release(&patient->interpreter);
	}
	patient->forgotten = true;
}

void patient_close(struct patient *patient)
{
	patient_forget(patient);
	patient->is_python = false;
}

/* A shell that was asked about may have executed a Python since, or that have started up. */
static void find_python_again(struct patient *patient)
{
	struct process_status status;
	struct failure failure = {0};

	if (procfs_read_status(patient->procfs, patient->pid, &status) || status.zombie)
		return;
	memcpy(patient->status.comm, status.comm, sizeof(status.comm));
	*patient->python_problem.text = '\0';
	find_python(patient, &failure);
}

int patient_look(struct patient *patient, bool graph, struct failure *failure)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
	int error = 0;

	patient->taken_at_ns = patient->procfs->core ? core_about(patient->procfs->core).taken_at_ns
						     : (int64_t)clock_ns(CLOCK_REALTIME);
	if (!patient->is_python && graph && patient->looks)
		find_python_again(patient);
	if (patient->is_python)
		error = objects_look(&patient->objects, graph);
	if (error)
		return refuse(failure, patient->pid, error);
	patient->looks++;
	patient->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	patient->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
	return 0;
}

int patient_measure(struct patient *patient, struct failure *failure)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
	int error = patient->is_python ? objects_claim_pools(&patient->objects) : 0;

	if (error)
		return refuse(failure, patient->pid, error);
	patient->taken_at_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	patient->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	patient->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
	return 0;
}

static void describe_core(const struct core *core, struct look *look)
{
	struct core_about about = core_about(core);
	struct look_core *described = zone_alloc(look->zone, 1, sizeof(*described));

	*described = (struct look_core){
		.path = zone_strdup(look->zone, about.path),
		.missing_bytes = about.missing_bytes,
		.missing_stacks = about.missing_stacks,
		.has_no_notes = about.has_no_notes,
		.changed_files = about.changed_files,
		.changed_file =
			about.changed_file ? zone_strdup(look->zone, about.changed_file) : NULL,
	};
	look->core = described;
}

static void name_process(const struct patient *patient, struct look *look)
{
	char *exe = procfs_read_exe(patient->procfs, patient->pid);
	char version[16];

	if (patient->procfs->core)
		describe_core(patient->procfs->core, look);
	look->pid = patient->pid;
	look->comm = zone_strdup(look->zone, patient->status.comm);
	look->exe = exe ? zone_strdup(look->zone, exe) : NULL;
	look->start_time = patient->status.start_time;
	free(exe);
	if (patient->is_python) {
		python_version_name(patient->interpreter.layout.version, version);
		look->python_version = zone_strdup(look->zone, version);
	} else if (*patient->python_problem.text) {
		look->python_problem = zone_strdup(look->zone, patient->python_problem.text);
	}
}

/* From 3.10 on pools have 16 KiB and arenas a MiB. */
static uint64_t patient_arena_bytes(const struct patient *patient)
{
	return patient->objects.pools.structs->pool_shift >= 14 ? 1 << 20 : 256 << 10;
}

/* Who sees the chunks of malloc in the walk that counts them. */
struct observers {
	struct classes *classes; /* NULL: nobody asked */
	struct reach *reach;
};

static struct observers begin_observing(struct patient *patient, const struct regions *regions)
{
	struct observers observers = {.reach = patient->reach};

	if (patient->with_classes)
		observers.classes =
			classes_new(patient->procfs, patient->confined, patient->pid, regions);
	if (observers.reach)
		lost_judge_runtime(observers.reach, regions);
	return observers;
}

static void observe_heaps(void *context, const struct arenas *arenas)
{
	const struct observers *observers = context;

	if (observers->reach)
		reach_begin(observers->reach, arenas);
}

static void observe_chunk(void *context, const struct chunk *chunk)
{
	const struct observers *observers = context;

	if (observers->classes)
		classes_add(observers->classes, chunk);
	if (observers->reach)
		reach_add(observers->reach, chunk);
}

static void add_core_registers(const struct core *core, struct reach *reach)
{
	size_t count;
	const struct core_thread *threads = core_threads(core, &count);

	struct core_about about = core_about(core);

	if (about.missing_bytes || about.has_no_notes)
		reach_refuse(reach, "the core is cut short");
	if (about.missing_stacks || !count)
		reach_refuse(reach, "the stacks of %zu threads are not in the core",
			     about.missing_stacks);
	for (size_t i = 0; i < count; i++)
		reach_add_registers(reach, threads[i].id, threads[i].registers,
				    thread_registers.count);
}

static void finish_observing(struct patient *patient)
{
	if (!patient->reach)
		return;
	if (patient->procfs->core)
		add_core_registers(patient->procfs->core, patient->reach);
	lost_finish_look(patient->reach, patient->procfs, patient->pid,
			 patient->with_freeze ? &patient->frozen_ns : NULL);
}

static void report_observed(struct observers *observers, struct look *look)
{
	if (observers->reach)
		lost_report(observers->reach, observers->classes, look);
	if (observers->classes)
		classes_report(observers->classes, look);
}

static void find_parts(struct patient *patient, struct look *look)
{
	struct memory_claims claims = {0};
	struct regions regions;

	if (regions_read(patient->procfs, patient->pid, &regions))
		return;
	if (patient->is_python)
		claims = (struct memory_claims){patient->objects.pools.claims,
						patient->objects.pools.claim_count,
						patient_arena_bytes(patient)};
	struct observers observers = begin_observing(patient, &regions);
	struct parts_request request = {
		.procfs = patient->procfs,
		.pid = patient->pid,
		.confined = patient->confined,
		.regions = &regions,
		.claims = claims.count ? &claims : NULL,
		.chunk = observe_chunk,
		.heaps = observe_heaps,
		.context = &observers,
	};
	look->parts_known = !look_parts(&request, look);
	finish_observing(patient);
	if (look->parts_known)
		report_observed(&observers, look);
	classes_free(observers.classes);
	regions_release(&regions);
}

void patient_mark(struct patient *patient)
{
	look_free(patient->mark);
	patient->mark = look_new();
	patient->mark->taken_at_ns = patient->taken_at_ns;
	find_parts(patient, patient->mark);
}

int patient_seek_lost(struct patient *patient)
{
	patient->reach = reach_new(patient->procfs, patient->pid, patient->budget_bytes);
	return patient->reach ? 0 : -ENOMEM;
}

void patient_look_for_lost(struct patient *patient)
{
	struct look *look = look_new();

	find_parts(patient, look);
	look_free(look);
}

/* Objects have told their own growth, where there are any. */
static void find_grown_parts(const struct patient *patient, struct look *look)
{
	struct look_growth *growth = zone_alloc(look->zone, 1, sizeof(*growth));
	int64_t elapsed_ns = look->taken_at_ns - patient->mark->taken_at_ns;

	if (look->growth)
		*growth = *look->growth;
	else
		*growth = (struct look_growth){.looks = patient->looks,
					       .seconds = (double)elapsed_ns / 1e9};
	look_diff_memory(patient->mark, look, look->zone, growth);
	look_diff_classes(patient->mark, look, look->zone, growth);
	look->growth = growth;
}

struct look *patient_report(struct patient *patient, const struct objects_request *request)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
	struct look *look = look_new();

	name_process(patient, look);
	look->taken_at_ns = patient->taken_at_ns;
	find_parts(patient, look);
	if (patient->is_python && request)
		objects_report(&patient->objects, request, look);
	if (patient->mark && request && patient->looks > 1)
		find_grown_parts(patient, look);
	look_add_hints(look); /* again, with the collector's */
	look->cpu_ns = patient->cpu_ns + clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	look->frozen_ns = patient->frozen_ns;
	look->read_ns = patient->wall_ns + clock_ns(CLOCK_MONOTONIC) - wall;
	return look;
}

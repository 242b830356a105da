/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/records.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../lib/descriptors.h"
#include "../profile/snapshot_merge.h"
#include "../probes/install.h"

/* For records: while others wait for their turn, before a report, at the end. */
#define TURN_NS   100000000u
#define REPORT_NS UINT64_C(2000000000)
#define LAST_NS   UINT64_C(20000000000)

/* For names that a report needs, where another one follows. */
#define NAMES_NS UINT64_C(1000000000)

static int load(struct tracer *tracer)
{
	const struct loaded_config config = {
		.attach = tracer->config.attach,
		.sites = tracer->config.sites,
		.follow_forks = tracer->config.follow_forks,
		.peak = tracer->config.peak,
		.growth = tracer->config.growth,
		.settles = tracer->config.growth || tracer->config.python.frees_read,
		.windows = tracer->config.windows.share > 0,
		.max_blocks = tracer->config.max_blocks,
		.max_stacks = tracer->config.max_stacks,
	};
	int error = loaded_open(&tracer->loaded, &config);

	if (error)
		return error;
	tracer->intake =
		intake_new(bpf_map__fd(tracer->loaded.skeleton->maps.records), tracer->config.loop);
	return tracer->intake ? 0 : -errno;
}

static struct interpreters *find_interpreters(struct tracer *tracer)
{
	const struct interpreters_config config = {
		.procfs = tracer->procfs,
		.confined = tracer->confined,
		.terms = tracer->config.python,
		.native = tracer->config.native_interpreter,
		.spaces_fd = bpf_map__fd(tracer->loaded.skeleton->maps.python_by_space),
		.used = &tracer->loaded.skeleton->bss->python_used,
		.keeper = tracer->probes,
		.programs = &tracer->loaded.programs,
		.frees = tracer->python_frees,
		.listener = tracer->config.listener,
	};

	return interpreters_new(&config);
}

struct tracer *tracer_open(const struct tracer_config *config, const struct procfs *procfs,
			   struct confined *confined, struct failure *failure)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int error = -ENOMEM;

	if (!tracer)
		goto failed;
	tracer->config = *config;
	tracer->procfs = procfs;
	tracer->confined = confined;
	descriptors_allow(); /* each module is held open, and each perf probe is two */
	tracer->probes = keeper_new();
	error = tracer->probes ? load(tracer) : -errno;
	if (error)
		goto failed;
	if (config->windows.share > 0)
		tracer->loaded.programs.frequent = &tracer->config.frequent;
	tracer->collector = collector_new(procfs, confined, &tracer->loaded.view,
					  &tracer->loaded.unwind_memory);
	if (tracer->collector && config->native_interpreter)
		collector_show_interpreter(tracer->collector);
	tracer->spaces = spaces_new(&tracer->loaded);
	tracer->targets = targets_new();
	tracer->probing = (struct probing){
		.procfs = procfs,
		.confined = confined,
		.keeper = tracer->probes,
		.programs = &tracer->loaded.programs,
		.listener = config->listener,
		.malloc_off = config->malloc_off,
	};
	if (config->python.frees_read)
		tracer->python_frees = python_frees_new(&tracer->loaded, tracer->collector);
	tracer->interpreters = find_interpreters(tracer);
	if (config->growth)
		tracer->growth = growth_new(procfs, &tracer->loaded, config->follow_forks);
	if ((tracer->growth || !config->growth) &&
	    (tracer->python_frees || !config->python.frees_read) && tracer->collector &&
	    tracer->interpreters && tracer->spaces && tracer->targets)
		return tracer;
	error = -ENOMEM;
failed:
	tracer_close(tracer);
	failure_set(failure, STATUS_KERNEL, "cannot load the BPF programs: %s%s", strerror(-error),
		    error == -EPERM ? "; run as root" : "; `unfreed doctor` says what is missing");
	return NULL;
}

void tracer_close(struct tracer *tracer)
{
	if (!tracer)
		return;
	interpreters_free(tracer->interpreters);
	growth_free(tracer->growth);
	python_frees_free(tracer->python_frees);
	keeper_free(tracer->probes);
	collector_free(tracer->collector);
	intake_free(tracer->intake);
	spaces_free(tracer->spaces);
	loaded_close(&tracer->loaded);
	probed_files_release(&tracer->shared_files);
	targets_free(tracer->targets);
	free(tracer);
}

/* One that is over is none, though its end may not have been told yet. */
static bool is_traced_already(const struct tracer *tracer, pid_t pid, uint64_t start_time)
{
	const struct traced *traced = targets_find_pid(tracer->targets, pid);

	return traced && traced->state != TARGET_GONE && traced->start_time == start_time;
}

static struct traced *add_target(struct tracer *tracer, pid_t pid, uint32_t space)
{
	struct traced *traced = targets_add(tracer->targets, pid, space);

	if (traced && !collector_add_image(tracer->collector, space, (uint32_t)pid)) {
		targets_drop(tracer->targets, traced);
		traced = NULL;
	}
	return traced;
}

int tracer_add_process(struct tracer *tracer, pid_t pid, struct failure *failure)
{
	struct process_status status = {0};
	struct traced *traced;
	uint32_t space;
	int error;

	procfs_read_status(tracer->procfs, pid, &status);
	if (is_traced_already(tracer, pid, status.start_time))
		return failure_set(failure, STATUS_USAGE, "process %d is given twice", (int)pid);
	space = spaces_take(tracer->spaces, GATE_ALL);
	if (!space)
		return failure_set(failure, STATUS_FAILURE,
				   "process %d is one too many to be traced", (int)pid);
	traced = add_target(tracer, pid, space);
	if (!traced) {
		spaces_remove(tracer->spaces, space, pid);
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	}
	traced->start_time = status.start_time;
	traced->asked = true;
	error = spaces_assign(tracer->spaces, space, pid);
	if (!error)
		return 0;
	tracer_remove(tracer, traced->id);
	return failure_set(failure, STATUS_KERNEL, "cannot trace process %d: %s", (int)pid,
			   strerror(-error));
}

/* The programs had begun with it before they heard that its parent is no target any more. */
static void refuse(struct tracer *tracer, uint32_t space, uint32_t pid)
{
	spaces_remove(tracer->spaces, space, (pid_t)pid);
}

static void child_started(struct tracer *tracer, const struct fork_record *fork)
{
	if (!fork->child_space)
		return;
	if (!spaces_is_current(tracer->spaces, fork->record.space)) {
		refuse(tracer, fork->child_space, fork->child_pid);
		return;
	}
	collector_take(tracer->collector, fork, sizeof(*fork));
	if (tracer->growth)
		growth_fork(tracer->growth, (pid_t)fork->child_pid, fork->child_space);
	tracer_watch_in_windows(tracer, (pid_t)fork->child_pid);
	tracer_attach_later(
		tracer, targets_add(tracer->targets, (pid_t)fork->child_pid, fork->child_space));
}

/* A vfork child is one of its own from here on. */
static void image_changed(struct tracer *tracer, const struct exec_record *exec)
{
	struct traced *traced = NULL;

	if (!spaces_is_current(tracer->spaces, exec->old_space)) {
		refuse(tracer, exec->record.space, exec->record.pid);
		return;
	}
	collector_take(tracer->collector, exec, sizeof(*exec));
	if (!exec->shared) {
		interpreters_forget(tracer->interpreters, exec->old_space);
		traced = targets_find_space(tracer->targets, exec->old_space);
	}
	if (traced && targets_executed(tracer->targets, traced, exec->record.space))
		return;
	if (!exec->record.space) { /* there is no room for it: nobody will tell its end */
		if (traced)
			traced->state = TARGET_GONE;
		return;
	}
	if (tracer->growth)
		growth_exec(tracer->growth, (pid_t)exec->record.pid, exec->old_space,
			    exec->record.space);
	if (!traced)
		traced = targets_add(tracer->targets, (pid_t)exec->record.pid, exec->record.space);
	tracer_watch_in_windows(tracer, (pid_t)exec->record.pid);
	tracer_attach_later(tracer, traced);
}

static void process_ended(struct tracer *tracer, const struct exit_record *end)
{
	struct traced *traced = targets_find_space(tracer->targets, end->record.space);

	collector_take(tracer->collector, end, sizeof(*end));
	if (!traced || end->record.shared)
		return;
	interpreters_forget(tracer->interpreters, end->record.space);
	if (tracer->growth)
		growth_end(tracer->growth, end->record.space);
	tracer_forget_in_windows(tracer, traced->pid);
	traced->state = TARGET_GONE;
	traced->status = (int)end->status;
}

bool tracer_next_end(struct tracer *tracer, pid_t *pid, int *status)
{
	struct traced *traced;

	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id) {
		if (!traced->asked || traced->state != TARGET_GONE || traced->told)
			continue;
		traced->told = true;
		*pid = traced->pid;
		*status = traced->status;
		return true;
	}
	return false;
}

/* Of a program that starts many libraries are told one after the other. */
static void loaded(struct tracer *tracer, const struct record *record)
{
	struct traced *traced = targets_find_space(tracer->targets, record->space);

	if (traced && traced->looked_ns <= intake_aside_ns(tracer->intake))
		tracer_attach_later(tracer, traced);
}

static void take_record(struct tracer *tracer, const void *data, size_t size)
{
	const struct record *record = data;

	collector_told_before(tracer->collector, intake_aside_ns(tracer->intake));

	if (tracer->stopped || record->type == RECORD_STACK || record->type == RECORD_FILE) {
		collector_take(tracer->collector, data, size);
		return;
	}
	switch (record->type) {
	case RECORD_LOADED:
		collector_take(tracer->collector, data, size);
		loaded(tracer, record);
		break;
	case RECORD_EXEC:
		image_changed(tracer, data);
		break;
	case RECORD_FORK:
		child_started(tracer, data);
		break;
	case RECORD_EXIT:
		process_ended(tracer, data);
		break;
	}
}

void tracer_start(struct tracer *tracer)
{
	struct traced *traced;

	tracer->started_at_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	tracer->started_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	interpreters_start(tracer->interpreters);
	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id)
		if (traced->state == TARGET_ATTACHED)
			traced->state = TARGET_WATCHING;
	tracer->started = true;
	if (tracer->growth)
		growth_start(tracer->growth);
	if (tracer->config.windows.share > 0)
		tracer_begin_windows(tracer);
	else
		tracer->loaded.skeleton->bss->tracing = 1;
	python_frees_start(tracer->python_frees);
}

bool tracer_sees_objects(const struct tracer *tracer, pid_t pid)
{
	return interpreters_see(tracer->interpreters, pid);
}

bool tracer_exact_python(const struct tracer *tracer, enum site_kind *costliest)
{
	return interpreters_exact(tracer->interpreters, costliest);
}

/* Of records that come faster than they can be taken there is no end:
 * so for so long at the most. */
static void take_for(struct tracer *tracer, uint64_t most_ns)
{
	uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	const void *record;
	size_t size;

	for (;;) {
		intake_fetch(tracer->intake);
		if (!intake_has_some(tracer->intake))
			return;
		while ((record = intake_next(tracer->intake, &size))) {
			take_record(tracer, record, size);
			if (clock_ns(CLOCK_MONOTONIC) - begun_ns > most_ns)
				return;
		}
	}
}

/* What has to be read for them is not waited for longer than a turn takes. */
static void take_records(struct tracer *tracer, uint64_t most_ns)
{
	if (!tracer->stopped)
		confined_wait_until(tracer->confined, clock_ns(CLOCK_MONOTONIC) + TURN_NS);
	take_for(tracer, most_ns);
	confined_wait_until(tracer->confined, 0);
}

bool tracer_is_behind(const struct tracer *tracer)
{
	return intake_has_some(tracer->intake);
}

/* While allocations are seen: an address that is given out again meanwhile is noticed. What has
 * ended is to be known by then. */
static void settle_frees(struct tracer *tracer)
{
	take_records(tracer, TURN_NS);
	python_frees_settle(tracer->python_frees);
}

static void measure_interpreters(struct tracer *tracer)
{
	interpreters_measure(tracer->interpreters);
	python_frees_account(tracer->python_frees);
}

void tracer_halt(struct tracer *tracer)
{
	if (tracer->stopped_monotonic_ns)
		return;
	if (tracer->config.windows.share > 0)
		keeper_end_windows(tracer->probes);
	settle_frees(tracer);
	tracer->loaded.skeleton->bss->tracing = 0;
	tracer->stopped_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	if (tracer->growth)
		growth_settle_last(tracer->growth);
}

void tracer_stop(struct tracer *tracer)
{
	if (tracer->stopped)
		return;
	tracer_halt(tracer);
	tracer->stopped = true;
	tracer_tell_proofs(tracer, true);
	measure_interpreters(tracer);
	interpreters_stop(tracer->interpreters);
	keeper_release(tracer->probes);
	if (tracer->growth)
		growth_stop(tracer->growth);
	tracer_drain(tracer);
}

void tracer_drain(struct tracer *tracer)
{
	take_records(tracer, tracer->stopped ? LAST_NS : TURN_NS);
	if (tracer->stopped)
		return;
	confined_wait_until(tracer->confined, clock_ns(CLOCK_MONOTONIC) + TURN_NS);
	tracer_attach_late(tracer);
	interpreters_retry(tracer->interpreters);
	confined_wait_until(tracer->confined, 0);
	tracer_settle_sites(tracer);
	tracer_make_room(tracer);
	tracer_sweep(tracer);
	if (tracer->growth)
		growth_poll(tracer->growth);
	python_frees_poll(tracer->python_frees);
}

size_t tracer_alive(const struct tracer *tracer)
{
	return targets_alive(tracer->targets);
}

double tracer_growth_cost_s(const struct tracer *tracer)
{
	return tracer->growth ? growth_cost_s(tracer->growth) : 0;
}

uint64_t tracer_calls(const struct tracer *tracer)
{
	struct counters counters;

	if (ledger_view_counters(&tracer->loaded.view, &counters))
		return 0;
	return counters.alloc_blocks + counters.free_blocks + counters.unknown_frees -
	       python_frees_found(tracer->python_frees).untrapped;
}

static uint64_t end_of(const struct tracer *tracer)
{
	return tracer->stopped_monotonic_ns ? tracer->stopped_monotonic_ns
					    : clock_ns(CLOCK_MONOTONIC);
}

uint64_t tracer_duration_ns(const struct tracer *tracer)
{
	return end_of(tracer) - tracer->started_monotonic_ns;
}

/* Whether stacks may differ only in frames that are not shown: an interpreter's, or, of those that
 * touched pages, the C library's. */
static bool may_have_equals(const struct snapshot *snapshot)
{
	if (snapshot->mode == MODE_GROWTH)
		return true;
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].python_mode)
			return true;
	return false;
}

/* Those become one. */
static struct snapshot *merge_equal(struct snapshot *snapshot)
{
	struct snapshot *merged;

	if (!snapshot || !may_have_equals(snapshot))
		return snapshot;
	merged = snapshot_merge(&snapshot, 1);
	snapshot_free(snapshot);
	return merged;
}

int tracer_each_image(const struct tracer *tracer,
		      int (*act)(void *context, const struct image *image), void *context)
{
	return collector_each_image(tracer->collector, act, context);
}

int tracer_each_block(const struct tracer *tracer,
		      void (*visit)(void *context, uint64_t key, const struct block *block),
		      void *context)
{
	return ledger_view_visit(&tracer->loaded.view, UINT64_MAX, visit, context);
}

/*
 * Names first: files may take long to be read, and the figures are then those of the moment when
 * all is at hand. What came meanwhile is in them. Where another report follows, it is soon: that
 * one has the names that are not there by then.
 */
struct snapshot *tracer_snapshot(struct tracer *tracer, uint64_t older_than_ns,
				 const struct judged_blocks *judged,
				 const struct row_growth *growth, struct since *since)
{
	struct snapshot_request request = {
		.started_at_ns = tracer->started_at_ns,
		.older_than_ns = older_than_ns,
		.mode = growth                      ? MODE_WINDOWS
			: tracer->config.malloc_off ? MODE_GROWTH
						    : MODE_EXACT,
		.judged = judged,
		.growth = growth,
		.last = tracer->stopped,
	};

	uint64_t names_by_ns = tracer->stopped ? 0 : clock_ns(CLOCK_MONOTONIC) + NAMES_NS;
	struct snapshot *snapshot;

	if (!tracer->stopped) {
		confined_wait_until(tracer->confined, names_by_ns);
		collector_find_names(tracer->collector);
		take_records(tracer, REPORT_NS);
		settle_frees(tracer);
		measure_interpreters(tracer);
		if (tracer->growth)
			growth_settle(tracer->growth);
	}
	request.taken_monotonic_ns = end_of(tracer);
	request.duration_ns = request.taken_monotonic_ns - tracer->started_monotonic_ns;
	memcpy(request.losses, tracer->losses, sizeof(request.losses));
	request.losses[LOSS_events_dropped] += intake_lost(tracer->intake);
	request.losses[LOSS_allocator_unprobed] += tracer->probing.unprobed;
	request.losses[LOSS_python_frees_unread] +=
		python_frees_found(tracer->python_frees).uncertain;
	request.older_freed = python_frees_found(tracer->python_frees).older;
	confined_wait_until(tracer->confined, names_by_ns);
	snapshot = collector_snapshot(tracer->collector, &request);
	if (snapshot && since)
		since_fill(since, snapshot);
	confined_wait_until(tracer->confined, 0);
	snapshot = merge_equal(snapshot);
	tracer_tell_troubles(tracer);
	return snapshot;
}

// SPDX-License-Identifier: BSD-2-Clause
#include "session_internal.h"

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

#define DRAIN_ROUNDS 64

static int load(struct session *session)
{
	const struct loaded_config config = {
		.attach = session->config.attach,
		.follow_forks = session->config.follow_forks,
		.peak = session->config.peak,
		.max_blocks = session->config.max_blocks,
		.max_stacks = session->config.max_stacks,
	};
	int error = loaded_open(&session->loaded, &config);

	if (error)
		return error;
	session->intake = intake_new(bpf_map__fd(session->loaded.skeleton->maps.records),
				     session->config.loop);
	return session->intake ? 0 : -errno;
}

static struct interpreters *find_interpreters(struct session *session)
{
	const struct interpreters_config config = {
		.procfs = session->procfs,
		.confined = session->confined,
		.terms = session->config.python,
		.native = session->config.native_interpreter,
		.spaces_fd = bpf_map__fd(session->loaded.skeleton->maps.python_by_space),
		.used = &session->loaded.skeleton->bss->python_used,
		.keeper = session->probes,
		.programs = &session->loaded.programs,
		.listener = session->config.listener,
	};

	return interpreters_new(&config);
}

struct session *session_open(const struct session_config *config, const struct procfs *procfs,
			     struct confined *confined, struct failure *failure)
{
	struct session *session = calloc(1, sizeof(*session));
	int error = -ENOMEM;

	if (!session)
		goto failed;
	session->config = *config;
	session->procfs = procfs;
	session->confined = confined;
	descriptors_allow(); /* each module is held open, and each perf probe is two */
	session->probes = keeper_new();
	error = session->probes ? load(session) : -errno;
	if (error)
		goto failed;
	session->collector = collector_new(procfs, confined, &session->loaded.view,
					   &session->loaded.unwind_memory);
	if (session->collector && config->native_interpreter)
		collector_show_interpreter(session->collector);
	session->spaces = spaces_new(&session->loaded);
	session->targets = targets_new();
	session->probing = (struct probing){
		.procfs = procfs,
		.confined = confined,
		.keeper = session->probes,
		.programs = &session->loaded.programs,
		.listener = config->listener,
		.malloc_off = config->malloc_off,
	};
	session->interpreters = find_interpreters(session);
	if (session->collector && session->interpreters && session->spaces && session->targets)
		return session;
	error = -ENOMEM;
failed:
	session_close(session);
	failure_set(failure, STATUS_KERNEL, "cannot load the BPF programs: %s%s", strerror(-error),
		    error == -EPERM ? "; run as root" : "; `unfreed doctor` says what is missing");
	return NULL;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	interpreters_free(session->interpreters);
	keeper_free(session->probes);
	collector_free(session->collector);
	intake_free(session->intake);
	spaces_free(session->spaces);
	loaded_close(&session->loaded);
	free(session->shared_files.items);
	targets_free(session->targets);
	free(session);
}

/* One that is over is none, though its end may not have been told yet. */
static bool is_traced_already(const struct session *session, pid_t pid, uint64_t start_time)
{
	const struct traced *traced = targets_find_pid(session->targets, pid);

	return traced && traced->state != TARGET_GONE && traced->start_time == start_time;
}

static struct traced *add_target(struct session *session, pid_t pid, uint32_t space)
{
	struct traced *traced = targets_add(session->targets, pid, space);

	if (traced && !collector_add_image(session->collector, space, (uint32_t)pid)) {
		targets_drop(session->targets, traced);
		traced = NULL;
	}
	return traced;
}

int session_add_process(struct session *session, pid_t pid, struct failure *failure)
{
	struct process_status status = {0};
	struct traced *traced;
	uint32_t space;
	int error;

	procfs_read_status(session->procfs, pid, &status);
	if (is_traced_already(session, pid, status.start_time))
		return failure_set(failure, STATUS_USAGE, "process %d is given twice", (int)pid);
	space = spaces_take(session->spaces, GATE_ALL);
	if (!space)
		return failure_set(failure, STATUS_FAILURE,
				   "process %d is one too many to be traced", (int)pid);
	traced = add_target(session, pid, space);
	if (!traced) {
		spaces_remove(session->spaces, space, pid);
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	}
	traced->start_time = status.start_time;
	traced->asked = true;
	error = spaces_assign(session->spaces, space, pid);
	if (!error)
		return 0;
	session_remove(session, traced->id);
	return failure_set(failure, STATUS_KERNEL, "cannot trace process %d: %s", (int)pid,
			   strerror(-error));
}

/*
 * A child must be traced from its first instruction on, so that with follow_forks the probes are for
 * every process, and the programs sort out which one is traced.
 */
static struct probed_files *files_of(struct session *session, struct traced *traced)
{
	return session->config.follow_forks ? &session->shared_files : &traced->files;
}

static void tell_troubles(struct session *session)
{
	char text[512];

	while (collector_next_trouble(session->collector, text, sizeof(text)))
		event_tell(session->config.listener,
			   &(struct event){.kind = EVENT_FILE_TROUBLE, .text = text});
}

static void reach(struct traced *traced, enum target_state state)
{
	if (traced->state < state)
		traced->state = state;
}

static int attach(struct session *session, struct traced *traced, struct failure *failure)
{
	uint32_t pid = (uint32_t)traced->pid;
	struct probed_files *files = files_of(session, traced);
	bool linker;
	int result;

	collector_refresh(session->collector, pid);
	tell_troubles(session);
	result = probing_attach(&session->probing, traced->pid, files, &linker, failure);
	if (linker) /* what came and went before it was watched */
		collector_refresh(session->collector, pid);
	if (result < 0)
		return -1;
	reach(traced, TARGET_SURVEYED);
	if (interpreters_attach(session->interpreters,
				collector_space(session->collector, traced->space), files->pid,
				failure))
		return -1;
	reach(traced, session->started ? TARGET_WATCHING : TARGET_ATTACHED);
	return result;
}

int session_attach(struct session *session, pid_t pid, struct failure *failure)
{
	struct traced *traced = targets_find_pid(session->targets, pid);

	if (!traced)
		return failure_set(failure, STATUS_TARGET, "process %d is not traced", (int)pid);
	return attach(session, traced, failure);
}

/* Nobody waits for these: a failure costs what this process allocates with this library, and is
 * said. */
static void attach_later(struct session *session, struct traced *traced)
{
	struct failure failure;

	if (!traced || attach(session, traced, &failure) >= 0 || failure.status == STATUS_TARGET)
		return;
	session->losses[LOSS_allocator_unprobed]++;
	event_tell(session->config.listener, &(struct event){.kind = EVENT_NOT_ATTACHED,
							     .pid = (int)traced->pid,
							     .failure = &failure});
}

/* The programs had begun with it before they heard that its parent is no target any more. */
static void refuse(struct session *session, uint32_t space, uint32_t pid)
{
	spaces_remove(session->spaces, space, (pid_t)pid);
}

static void child_started(struct session *session, const struct fork_record *fork)
{
	if (!fork->child_space)
		return;
	if (!spaces_is_current(session->spaces, fork->record.space)) {
		refuse(session, fork->child_space, fork->child_pid);
		return;
	}
	collector_take(session->collector, fork, sizeof(*fork));
	attach_later(session,
		     targets_add(session->targets, (pid_t)fork->child_pid, fork->child_space));
}

/* A vfork child is one of its own from here on. */
static void image_changed(struct session *session, const struct exec_record *exec)
{
	struct traced *traced = NULL;

	if (!spaces_is_current(session->spaces, exec->old_space)) {
		refuse(session, exec->record.space, exec->record.pid);
		return;
	}
	collector_take(session->collector, exec, sizeof(*exec));
	if (!exec->shared) {
		interpreters_forget(session->interpreters, exec->old_space);
		traced = targets_find_space(session->targets, exec->old_space);
	}
	if (traced && targets_executed(session->targets, traced, exec->record.space))
		return;
	if (!exec->record.space) { /* there is no room for it: nobody will tell its end */
		if (traced)
			traced->state = TARGET_GONE;
		return;
	}
	if (!traced)
		traced = targets_add(session->targets, (pid_t)exec->record.pid, exec->record.space);
	attach_later(session, traced);
}

static void process_ended(struct session *session, const struct exit_record *end)
{
	struct traced *traced = targets_find_space(session->targets, end->record.space);

	collector_take(session->collector, end, sizeof(*end));
	if (!traced || end->record.shared)
		return;
	interpreters_forget(session->interpreters, end->record.space);
	traced->state = TARGET_GONE;
	traced->status = (int)end->status;
}

bool session_next_end(struct session *session, pid_t *pid, int *status)
{
	struct traced *traced;

	for (uint32_t id = 0; (traced = targets_next(session->targets, id)); id = traced->id) {
		if (!traced->asked || traced->state != TARGET_GONE || traced->told)
			continue;
		traced->told = true;
		*pid = traced->pid;
		*status = traced->status;
		return true;
	}
	return false;
}

static void take_record(struct session *session, const void *data, size_t size)
{
	const struct record *record = data;

	if (session->stopped || record->type == RECORD_STACK || record->type == RECORD_FILE) {
		collector_take(session->collector, data, size);
		return;
	}
	switch (record->type) {
	case RECORD_LOADED:
		collector_take(session->collector, data, size);
		attach_later(session, targets_find_space(session->targets, record->space));
		break;
	case RECORD_EXEC:
		image_changed(session, data);
		break;
	case RECORD_FORK:
		child_started(session, data);
		break;
	case RECORD_EXIT:
		process_ended(session, data);
		break;
	}
}

void session_start(struct session *session)
{
	struct traced *traced;

	session->started_at_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	session->started_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	interpreters_start(session->interpreters);
	for (uint32_t id = 0; (traced = targets_next(session->targets, id)); id = traced->id)
		if (traced->state == TARGET_ATTACHED)
			traced->state = TARGET_WATCHING;
	session->started = true;
	session->loaded.skeleton->bss->tracing = 1;
}

bool session_sees_objects(const struct session *session, pid_t pid)
{
	return interpreters_see(session->interpreters, pid);
}

bool session_exact_python(const struct session *session, enum site_kind *costliest)
{
	return interpreters_exact(session->interpreters, costliest);
}

void session_stop(struct session *session)
{
	if (session->stopped)
		return;
	session->loaded.skeleton->bss->tracing = 0;
	session->stopped_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	session->stopped = true;
	interpreters_measure(session->interpreters);
	interpreters_stop(session->interpreters);
	keeper_release(session->probes);
	session_drain(session);
}

/* Of records that come faster than they can be taken there is no end. */
static void take_records(struct session *session)
{
	for (int round = 0; round < DRAIN_ROUNDS; round++) {
		const void *record;
		size_t size, count = 0;

		intake_fetch(session->intake);
		for (; (record = intake_next(session->intake, &size)); count++)
			take_record(session, record, size);
		if (!count)
			break;
	}
}

void session_drain(struct session *session)
{
	take_records(session);
	if (session->stopped)
		return;
	interpreters_retry(session->interpreters);
	session_sweep(session);
}

size_t session_alive(const struct session *session)
{
	return targets_alive(session->targets);
}

uint64_t session_calls(const struct session *session)
{
	struct counters counters;

	if (ledger_view_counters(&session->loaded.view, &counters))
		return 0;
	return counters.alloc_blocks + counters.free_blocks + counters.unknown_frees;
}

static uint64_t end_of(const struct session *session)
{
	return session->stopped ? session->stopped_monotonic_ns : clock_ns(CLOCK_MONOTONIC);
}

uint64_t session_duration_ns(const struct session *session)
{
	return end_of(session) - session->started_monotonic_ns;
}

/* Stacks that differ only in frames of the interpreter, which are not shown, become one. */
static struct snapshot *merge_equal(struct snapshot *snapshot)
{
	struct snapshot *merged;

	for (size_t i = 0; snapshot && i < snapshot->target_count; i++) {
		if (!snapshot->targets[i].python_mode)
			continue;
		merged = snapshot_merge(&snapshot, 1);
		snapshot_free(snapshot);
		return merged;
	}
	return snapshot;
}

int session_each_image(const struct session *session,
		       int (*act)(void *context, const struct image *image), void *context)
{
	return collector_each_image(session->collector, act, context);
}

int session_each_block(const struct session *session,
		       void (*visit)(void *context, uint64_t key, const struct block *block),
		       void *context)
{
	return ledger_view_visit(&session->loaded.view, UINT64_MAX, visit, context);
}

/*
 * Names first: files may take long to be read, and the figures are then those of the moment when all
 * is at hand. What came meanwhile is in them.
 */
struct snapshot *session_snapshot(struct session *session, uint64_t older_than_ns,
				  const struct judged_blocks *judged)
{
	struct snapshot_request request = {
		.started_at_ns = session->started_at_ns,
		.older_than_ns = older_than_ns,
		.mode = session->config.malloc_off ? MODE_GROWTH : MODE_EXACT,
		.judged = judged,
		.last = session->stopped,
	};

	struct snapshot *snapshot;

	if (!session->stopped) {
		collector_find_names(session->collector);
		take_records(session);
		interpreters_measure(session->interpreters);
	}
	request.taken_monotonic_ns = end_of(session);
	request.duration_ns = request.taken_monotonic_ns - session->started_monotonic_ns;
	memcpy(request.losses, session->losses, sizeof(request.losses));
	request.losses[LOSS_events_dropped] += intake_lost(session->intake);
	request.losses[LOSS_allocator_unprobed] += session->probing.unprobed;
	snapshot = merge_equal(collector_snapshot(session->collector, &request));
	tell_troubles(session);
	return snapshot;
}

// SPDX-License-Identifier: BSD-2-Clause
#include "session.h"

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
#include "loaded.h"
#include "spaces.h"
#include "../profile/snapshot_merge.h"
#include "../target/install.h"

#define DRAIN_ROUNDS 64

/* A file of a process that has been looked at: probed, or found to have nothing to probe. */
struct examined {
	pid_t pid; /* 0: of all processes */
	uint64_t device;
	uint64_t inode;
};

/* A process that was asked for. */
struct asked {
	pid_t pid;
	bool ended;
	bool told;
	int status;
};

struct session {
	struct session_config config;
	const struct procfs *procfs;
	struct confined *confined;
	struct loaded loaded;
	struct spaces *spaces;
	struct ring_buffer *ring;
	struct collector *collector;
	struct interpreters *interpreters;
	struct keeper *probes;
	struct examined *examined;
	size_t examined_count;
	struct asked *asked;
	size_t asked_count;
	size_t alive;
	bool stopped;
	int64_t started_at_ns;
	uint64_t started_monotonic_ns;
	uint64_t stopped_monotonic_ns;
	uint64_t losses[LOSS_COUNT];
};

static int take_record(void *context, void *data, size_t size);

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
	session->ring = ring_buffer__new(bpf_map__fd(session->loaded.skeleton->maps.records),
					 take_record, session, NULL);
	return session->ring ? 0 : -errno;
}

static struct interpreters *find_interpreters(struct session *session)
{
	const struct interpreters_config config = {
		.procfs = session->procfs,
		.confined = session->confined,
		.request = session->config.python,
		.nops_emulated = session->config.nops_emulated,
		.native = session->config.native_interpreter,
		.spaces_fd = bpf_map__fd(session->loaded.skeleton->maps.python_by_space),
		.used = &session->loaded.skeleton->bss->python_used,
		.keeper = session->probes,
		.programs = &session->loaded.programs,
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
	session->interpreters = find_interpreters(session);
	if (session->collector && session->interpreters && session->spaces)
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
	ring_buffer__free(session->ring);
	spaces_free(session->spaces);
	loaded_close(&session->loaded);
	free(session->examined);
	free(session->asked);
	free(session);
}

int session_add_process(struct session *session, pid_t pid, struct failure *failure)
{
	uint32_t space = spaces_take(session->spaces, GATE_ALL);
	int error;

	if (!space)
		return failure_set(failure, STATUS_FAILURE, "too many processes");
	if (!collector_add_image(session->collector, space, (uint32_t)pid))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	error = spaces_assign(session->spaces, space, pid);
	if (error == -EEXIST)
		return failure_set(failure, STATUS_USAGE, "process %d is given twice", (int)pid);
	if (error)
		return failure_set(failure, STATUS_KERNEL, "cannot trace process %d: %s", (int)pid,
				   strerror(-error));
	session->alive++;
	array_append(&session->asked, &session->asked_count, ((struct asked){.pid = pid}));
	return 0;
}

/*
 * Whose hits the kernel passes on. A child must be traced from its first instruction on, so that
 * with follow_forks the probes are for every process, and the programs sort out which one is
 * traced.
 */
static pid_t probed_pid(const struct session *session, pid_t pid)
{
	return session->config.follow_forks ? 0 : pid;
}

static uint64_t device_of(const struct mapping *mapping)
{
	return (uint64_t)mapping->device_major << 32 | mapping->device_minor;
}

static bool is_examined(const struct session *session, pid_t pid, const struct mapping *mapping)
{
	for (size_t i = 0; i < session->examined_count; i++)
		if (session->examined[i].pid == pid &&
		    session->examined[i].inode == mapping->inode &&
		    session->examined[i].device == device_of(mapping))
			return true;
	return false;
}

static void mark_examined(struct session *session, pid_t pid, const struct mapping *mapping)
{
	struct examined file = {.pid = pid, .device = device_of(mapping), .inode = mapping->inode};

	if (!is_examined(session, pid, mapping))
		array_append(&session->examined, &session->examined_count, file);
}

/* The mappings of files not looked at before; their paths stay owned by `all`. */
static int select_new_files(const struct session *session, pid_t pid, const struct mappings *all,
			    struct mappings *selected)
{
	selected->count = 0;
	selected->items = calloc(all->count ? all->count : 1, sizeof(*selected->items));
	if (!selected->items)
		return -ENOMEM;
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].executable && all->items[i].inode &&
		    !is_examined(session, pid, &all->items[i]))
			selected->items[selected->count++] = all->items[i];
	return 0;
}

static int install_one(struct session *session, pid_t pid, const struct allocator *allocator)
{
	int error = allocator_install(session->probes, &session->loaded.programs,
				      probed_pid(session, pid), allocator);

	if (!error)
		message_detail("process %d: %s (%s), %zu functions", (int)pid, allocator->path,
			       allocator->kind, allocator->entry_count);
	return error;
}

/* One file that takes no probes costs what is allocated with it; where all are so, it is over. */
static int install_found(struct session *session, pid_t pid, const struct allocators *allocators,
			 struct failure *failure)
{
	size_t failed = 0;
	int error = linker_install(session->probes, &session->loaded.programs,
				   probed_pid(session, pid), allocators);

	if (error)
		message_detail("cannot watch %s for libraries loaded later: %s",
			       allocators->linker_path, strerror(-error));
	if (session->config.malloc_off)
		return 0;
	for (size_t i = 0; i < allocators->count; i++) {
		const char *path = allocators->items[i].path;

		error = install_one(session, pid, &allocators->items[i]);
		if (error == -ESRCH)
			return failure_set(failure, STATUS_TARGET, "process %d is gone", (int)pid);
		if (error && ++failed == allocators->count)
			return failure_set(failure, STATUS_KERNEL,
					   "cannot put probes on %s of process %d: %s", path,
					   (int)pid, strerror(-error));
		if (error)
			message_info("cannot put probes on %s of process %d: %s; what is allocated "
				     "with it is not seen",
				     path, (int)pid, strerror(-error));
	}
	session->losses[LOSS_allocator_unprobed] += failed;
	return (int)(allocators->count - failed);
}

/* What they allocate is missing from the report. */
static void note_hidden(struct session *session, pid_t pid, const struct allocators *allocators)
{
	if (session->config.malloc_off)
		return;
	for (size_t i = 0; i < allocators->hidden_count; i++)
		message_info("process %d has %s in %s, without the names of its functions "
			     "(stripped): what is allocated with it is not seen",
			     (int)pid, allocators->hidden[i].kind, allocators->hidden[i].path);
	session->losses[LOSS_allocator_unprobed] += allocators->hidden_count;
}

static void tell_troubles(struct session *session)
{
	char text[512];

	while (message_is_verbose() &&
	       collector_next_trouble(session->collector, text, sizeof(text)))
		message_detail("%s", text);
}

int session_attach(struct session *session, pid_t pid, struct failure *failure)
{
	struct mappings all = {0};
	struct mappings fresh = {0};
	struct allocators allocators = {.linker_fd = -1};
	char *skipped = NULL;
	int result;

	collector_refresh(session->collector, (uint32_t)pid);
	tell_troubles(session);
	result = mappings_read(session->procfs, pid, &all);
	if (!result)
		result = select_new_files(session, probed_pid(session, pid), &all, &fresh);
	if (!result && fresh.count)
		result = allocators_find(session->procfs, session->confined, pid, &fresh,
					 &allocators, &skipped);
	if (result) {
		failure_set(failure, result == -ESRCH ? STATUS_TARGET : STATUS_FAILURE,
			    "cannot read the mappings of process %d: %s", (int)pid,
			    strerror(-result));
		result = -1;
	} else {
		if (skipped)
			message_detail("process %d: not read: %s", (int)pid, skipped);
		result = install_found(session, pid, &allocators, failure);
		note_hidden(session, pid, &allocators);
		if (allocators.linker_hook) /* what came and went before it was watched */
			collector_refresh(session->collector, (uint32_t)pid);
		for (size_t i = 0; i < fresh.count; i++)
			mark_examined(session, probed_pid(session, pid), &fresh.items[i]);
	}
	if (result >= 0 && interpreters_attach(session->interpreters,
					       collector_image(session->collector, (uint32_t)pid),
					       probed_pid(session, pid), failure))
		result = -1;
	free(skipped);
	allocators_release(&allocators);
	free(fresh.items);
	mappings_release(&all);
	return result;
}

/* Nobody waits for these: a failure costs what this process allocates with this library, and is
 * said. */
static void attach_later(struct session *session, pid_t pid)
{
	struct failure failure;

	if (session_attach(session, pid, &failure) >= 0 || failure.status == STATUS_TARGET)
		return;
	session->losses[LOSS_allocator_unprobed]++;
	message_info("%s", failure.text);
}

static void child_started(struct session *session, const struct fork_record *fork)
{
	if (!fork->child_space)
		return;
	session->alive++;
	attach_later(session, (pid_t)fork->child_pid);
}

static void note_end(struct session *session, const struct exit_record *end)
{
	for (size_t i = 0; i < session->asked_count; i++) {
		struct asked *asked = &session->asked[i];

		if (asked->pid != (pid_t)end->record.pid || asked->ended)
			continue;
		asked->ended = true;
		asked->status = (int)end->status;
	}
}

bool session_next_end(struct session *session, pid_t *pid, int *status)
{
	for (size_t i = 0; i < session->asked_count; i++) {
		struct asked *asked = &session->asked[i];

		if (!asked->ended || asked->told)
			continue;
		asked->told = true;
		*pid = asked->pid;
		*status = asked->status;
		return true;
	}
	return false;
}

static int take_record(void *context, void *data, size_t size)
{
	struct session *session = context;
	const struct record *record = data;

	collector_take(session->collector, data, size);
	if (session->stopped)
		return 0;
	switch (record->type) {
	case RECORD_LOADED:
		attach_later(session, (pid_t)record->pid);
		break;
	case RECORD_EXEC:
		if (((const struct exec_record *)data)->shared)
			session->alive++;
		attach_later(session, (pid_t)record->pid);
		break;
	case RECORD_FORK:
		child_started(session, data);
		break;
	case RECORD_EXIT:
		if (record->shared)
			break;
		note_end(session, data);
		interpreters_forget(session->interpreters, record->space);
		session->alive -= session->alive > 0;
		break;
	}
	return 0;
}

void session_start(struct session *session)
{
	session->started_at_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	session->started_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	interpreters_start(session->interpreters);
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

int session_descriptor(const struct session *session)
{
	return ring_buffer__epoll_fd(session->ring);
}

void session_drain(struct session *session)
{
	for (int round = 0; round < DRAIN_ROUNDS; round++)
		if (ring_buffer__consume(session->ring) <= 0)
			break;
	if (!session->stopped)
		interpreters_retry(session->interpreters);
}

size_t session_alive(const struct session *session)
{
	return session->alive;
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

struct snapshot *session_snapshot(struct session *session, uint64_t older_than_ns,
				  const struct judged_blocks *judged)
{
	uint64_t end = end_of(session);
	struct snapshot_request request = {
		.started_at_ns = session->started_at_ns,
		.duration_ns = end - session->started_monotonic_ns,
		.taken_monotonic_ns = end,
		.older_than_ns = older_than_ns,
		.mode = session->config.malloc_off ? MODE_GROWTH : MODE_EXACT,
		.judged = judged,
		.last = session->stopped,
	};

	struct snapshot *snapshot;

	if (!session->stopped)
		interpreters_measure(session->interpreters);
	memcpy(request.losses, session->losses, sizeof(request.losses));
	snapshot = merge_equal(collector_snapshot(session->collector, &request));
	tell_troubles(session);
	return snapshot;
}

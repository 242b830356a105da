// SPDX-License-Identifier: BSD-2-Clause
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../bpf/config.h"
#include "../bpf/records.h"
#include "lib/array.h"
#include "target/install.h"
#include "unfreed.skel.h"

#define SCRATCH_PER_CPU 4  /* bpf/scratch.bpf.h */
#define SCRATCH_TRIES   16 /* likewise */
#define DRAIN_ROUNDS    64

/* A file of a process that has been looked at: probed, or found to have nothing to probe. */
struct examined {
	pid_t pid; /* 0: of all processes */
	uint64_t device;
	uint64_t inode;
};

struct session {
	struct session_config config;
	const struct procfs *procfs;
	struct confined *confined;
	struct unfreed_bpf *skeleton;
	struct ring_buffer *ring;
	struct ledger_view view;
	struct unwind_memory unwind_memory;
	struct collector *collector;
	struct keeper *probes;
	struct links tracepoints;
	struct probe_programs programs;
	struct examined *examined;
	size_t examined_count;
	size_t alive;
	bool stopped;
	int64_t started_at_ns;
	uint64_t started_monotonic_ns;
	uint64_t stopped_monotonic_ns;
	uint64_t losses[LOSS_COUNT];
};

static uint64_t monotonic_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t realtime_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t round_up_to_power_of_two(uint64_t number)
{
	uint64_t power = 1;

	while (power < number)
		power *= 2;
	return (uint32_t)power;
}

/* Buckets are sized to be half full at max_blocks, and never fuller than three quarters. */
static uint32_t bucket_count_for(uint32_t max_blocks)
{
	return round_up_to_power_of_two(((uint64_t)max_blocks * 4 / 3 + BUCKET_SLOTS - 1) /
					BUCKET_SLOTS);
}

static void use_program(struct bpf_program *program, bool wanted, enum attach_kind kind)
{
	bpf_program__set_autoload(program, wanted);
	bpf_program__set_expected_attach_type(program, attach_kind_program_type(kind));
}

static void choose_programs(struct unfreed_bpf *skeleton, enum attach_kind kind)
{
	bool session = kind == ATTACH_SESSION;
	enum attach_kind plain = session ? ATTACH_MULTI : kind;

	use_program(skeleton->progs.alloc_session, session, ATTACH_SESSION);
	use_program(skeleton->progs.alloc_enter, !session, plain);
	use_program(skeleton->progs.alloc_return, !session, plain);
	use_program(skeleton->progs.throwing_enter, true, plain);
	use_program(skeleton->progs.throwing_return, true, plain);
	use_program(skeleton->progs.free_enter, true, plain);
	use_program(skeleton->progs.library_loaded, true, plain);
}

/* The last CPU, too, finds buffers behind its own. */
static uint32_t scratch_count(void)
{
	return (uint32_t)libbpf_num_possible_cpus() * SCRATCH_PER_CPU + SCRATCH_TRIES -
	       SCRATCH_PER_CPU;
}

static void size_maps(struct session *session)
{
	struct unfreed_bpf *skeleton = session->skeleton;
	uint32_t buckets = bucket_count_for(session->config.max_blocks);
	uint32_t rows = round_up_to_power_of_two(2 * (uint64_t)session->config.max_stacks);
	uint32_t scratch = scratch_count();
	uint32_t spilled = session->config.max_blocks / 8 + 64;

	skeleton->rodata->config.bucket_mask = buckets - 1;
	skeleton->rodata->config.stack_mask = rows - 1;
	skeleton->rodata->config.stacks_max = session->config.max_stacks;
	skeleton->rodata->config.scratch_count = scratch;
	skeleton->rodata->config.follow_forks = session->config.follow_forks;
	bpf_map__set_max_entries(skeleton->maps.buckets, buckets);
	bpf_map__set_max_entries(skeleton->maps.totals_by_stack, rows + STACK_ROWS_EXTRA);
	bpf_map__set_max_entries(skeleton->maps.scratch_buffers, scratch);
	bpf_map__set_max_entries(skeleton->maps.spilled_blocks_by_key, spilled);
	session->view.bucket_count = buckets;
	session->view.row_count = rows + STACK_ROWS_EXTRA;
}

static size_t map_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);

	return (bytes + page - 1) & ~(page - 1);
}

/* NULL with errno. */
static void *map_memory(const struct bpf_map *map, int protection)
{
	void *memory = mmap(NULL, map_bytes(map), protection, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(const struct bpf_map *map, const void *memory)
{
	if (memory)
		munmap((void *)memory, map_bytes(map));
}

static int open_view(struct session *session)
{
	struct ledger_view *view = &session->view;
	struct unfreed_bpf *skeleton = session->skeleton;

	view->buckets = map_memory(skeleton->maps.buckets, PROT_READ);
	view->totals = map_memory(skeleton->maps.totals_by_stack, PROT_READ);
	view->spilled_fd = bpf_map__fd(skeleton->maps.spilled_blocks_by_key);
	view->counters_fd = bpf_map__fd(skeleton->maps.counters_by_cpu);
	return view->buckets && view->totals ? 0 : -errno;
}

static int open_unwind_memory(struct session *session)
{
	struct unfreed_bpf *skeleton = session->skeleton;
	struct unwind_memory *memory = &session->unwind_memory;
	int protection = PROT_READ | PROT_WRITE;

	*memory = (struct unwind_memory){
		.chunks = map_memory(skeleton->maps.unwind_words, protection),
		.chunk_count = bpf_map__max_entries(skeleton->maps.unwind_words),
		.rules = map_memory(skeleton->maps.unwind_rules, protection),
		.rule_count = bpf_map__max_entries(skeleton->maps.unwind_rules),
		.mappings = map_memory(skeleton->maps.unwind_mappings, protection),
		.mapping_count = bpf_map__max_entries(skeleton->maps.unwind_mappings),
		.spaces = map_memory(skeleton->maps.unwind_spaces, protection),
		.unloads = map_memory(skeleton->maps.unwind_unloads, protection),
		.wait_for_readers = unwind_wait_for_programs,
	};
	return memory->chunks && memory->rules && memory->mappings && memory->spaces &&
			       memory->unloads
		       ? 0
		       : -errno;
}

static int attach_tracepoints(struct session *session)
{
	struct unfreed_bpf *skeleton = session->skeleton;
	const struct {
		const struct bpf_program *program;
		const char *name;
	} tracepoints[] = {
		{skeleton->progs.process_fork, "sched_process_fork"},
		{skeleton->progs.process_exec, "sched_process_exec"},
		{skeleton->progs.process_exit, "sched_process_exit"},
	};

	for (size_t i = 0; i < sizeof(tracepoints) / sizeof(tracepoints[0]); i++) {
		int error = links_attach_tracepoint(&session->tracepoints,
						    bpf_program__fd(tracepoints[i].program),
						    tracepoints[i].name);

		if (error)
			return error;
	}
	return 0;
}

static void note_programs(struct session *session)
{
	struct unfreed_bpf *skeleton = session->skeleton;

	session->programs = (struct probe_programs){
		.kind = session->config.attach,
		.alloc_session = bpf_program__fd(skeleton->progs.alloc_session),
		.alloc_enter = bpf_program__fd(skeleton->progs.alloc_enter),
		.alloc_return = bpf_program__fd(skeleton->progs.alloc_return),
		.throwing_enter = bpf_program__fd(skeleton->progs.throwing_enter),
		.throwing_return = bpf_program__fd(skeleton->progs.throwing_return),
		.free_enter = bpf_program__fd(skeleton->progs.free_enter),
		.library_loaded = bpf_program__fd(skeleton->progs.library_loaded),
	};
}

static int take_record(void *context, void *data, size_t size);

static int load(struct session *session)
{
	int error;

	session->skeleton = unfreed_bpf__open();
	if (!session->skeleton)
		return -errno;
	choose_programs(session->skeleton, session->config.attach);
	size_maps(session);
	error = unfreed_bpf__load(session->skeleton);
	if (error)
		return error;
	note_programs(session);
	error = open_view(session);
	if (!error)
		error = open_unwind_memory(session);
	if (error)
		return error;
	session->ring = ring_buffer__new(bpf_map__fd(session->skeleton->maps.records), take_record,
					 session, NULL);
	return session->ring ? attach_tracepoints(session) : -errno;
}

/* Each module of a target is held open, and each perf probe is two descriptors. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
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
	raise_descriptor_limit();
	session->probes = keeper_new();
	error = session->probes ? load(session) : -errno;
	if (error)
		goto failed;
	session->collector =
		collector_new(procfs, confined, &session->view, &session->unwind_memory);
	if (session->collector)
		return session;
	error = -ENOMEM;
failed:
	session_close(session);
	failure_set(failure, STATUS_KERNEL, "cannot load the BPF programs: %s%s", strerror(-error),
		    error == -EPERM ? "; run as root" : "; `unfreed doctor` says what is missing");
	return NULL;
}

static void unmap_all(struct session *session)
{
	struct unfreed_bpf *skeleton = session->skeleton;

	if (!skeleton)
		return;
	unmap_memory(skeleton->maps.buckets, session->view.buckets);
	unmap_memory(skeleton->maps.totals_by_stack, session->view.totals);
	unmap_memory(skeleton->maps.unwind_words, session->unwind_memory.chunks);
	unmap_memory(skeleton->maps.unwind_rules, session->unwind_memory.rules);
	unmap_memory(skeleton->maps.unwind_mappings, session->unwind_memory.mappings);
	unmap_memory(skeleton->maps.unwind_spaces, session->unwind_memory.spaces);
	unmap_memory(skeleton->maps.unwind_unloads, session->unwind_memory.unloads);
}

void session_close(struct session *session)
{
	if (!session)
		return;
	keeper_free(session->probes);
	links_release(&session->tracepoints);
	collector_free(session->collector);
	ring_buffer__free(session->ring);
	unmap_all(session);
	unfreed_bpf__destroy(session->skeleton);
	free(session->examined);
	free(session);
}

int session_add_process(struct session *session, pid_t pid, struct failure *failure)
{
	uint32_t id = __atomic_add_fetch(&session->skeleton->bss->last_space, 1, __ATOMIC_RELAXED);
	struct space space = {.id = id};
	uint32_t key = (uint32_t)pid;
	int error;

	if (!collector_add_image(session->collector, id, key))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	error = bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.spaces_by_pid), &key,
				    &space, BPF_NOEXIST);
	if (error == -EEXIST)
		return failure_set(failure, STATUS_USAGE, "process %d is given twice", (int)pid);
	if (error)
		return failure_set(failure, STATUS_KERNEL, "cannot trace process %d: %s", (int)pid,
				   strerror(-error));
	session->alive++;
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
	int error = allocator_install(session->probes, &session->programs, probed_pid(session, pid),
				      allocator);

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
	int error = linker_install(session->probes, &session->programs, probed_pid(session, pid),
				   allocators);

	if (error)
		message_detail("cannot watch %s for libraries loaded later: %s",
			       allocators->linker_path, strerror(-error));
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
		if (allocators.linker_hook) /* what came and went before it was watched */
			collector_refresh(session->collector, (uint32_t)pid);
		for (size_t i = 0; i < fresh.count; i++)
			mark_examined(session, probed_pid(session, pid), &fresh.items[i]);
	}
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
		if (!record->shared && session->alive)
			session->alive--;
		break;
	}
	return 0;
}

void session_start(struct session *session)
{
	session->started_at_ns = realtime_now_ns();
	session->started_monotonic_ns = monotonic_now_ns();
	session->skeleton->bss->tracing = 1;
}

void session_stop(struct session *session)
{
	if (session->stopped)
		return;
	session->skeleton->bss->tracing = 0;
	session->stopped_monotonic_ns = monotonic_now_ns();
	session->stopped = true;
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
			return;
}

size_t session_alive(const struct session *session)
{
	return session->alive;
}

uint64_t session_calls(const struct session *session)
{
	struct counters counters;

	if (ledger_view_counters(&session->view, &counters))
		return 0;
	return counters.alloc_blocks + counters.free_blocks + counters.unknown_frees;
}

static uint64_t end_of(const struct session *session)
{
	return session->stopped ? session->stopped_monotonic_ns : monotonic_now_ns();
}

uint64_t session_duration_ns(const struct session *session)
{
	return end_of(session) - session->started_monotonic_ns;
}

struct snapshot *session_snapshot(struct session *session, uint64_t older_than_ns,
				  double overhead_percent)
{
	uint64_t end = end_of(session);
	struct snapshot_request request = {
		.started_at_ns = session->started_at_ns,
		.duration_ns = end - session->started_monotonic_ns,
		.taken_monotonic_ns = end,
		.older_than_ns = older_than_ns,
		.overhead_percent = overhead_percent,
	};

	struct snapshot *snapshot;

	memcpy(request.losses, session->losses, sizeof(request.losses));
	snapshot = collector_snapshot(session->collector, &request);
	tell_troubles(session);
	return snapshot;
}

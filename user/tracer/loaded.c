/* SPDX-License-Identifier: BSD-2-Clause */
#include "loaded.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define SCRATCH_PER_CPU 4  /* bpf/scratch.bpf.h */
#define SCRATCH_TRIES   16 /* likewise */

enum { RECORD_BYTES = 512, RECORDS_LEAST = 2 << 20, RECORDS_MOST = 32 << 20 };

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

static void choose_programs(struct unfreed_bpf *skeleton, const struct loaded_config *config)
{
	enum attach_kind kind = config->attach;
	bool session = kind == ATTACH_SESSION;
	enum attach_kind plain = session ? ATTACH_MULTI : kind;

	use_program(skeleton->progs.alloc_session, session, ATTACH_SESSION);
	use_program(skeleton->progs.alloc_enter, !session, plain);
	use_program(skeleton->progs.alloc_return, !session, plain);
	use_program(skeleton->progs.throwing_enter, true, plain);
	use_program(skeleton->progs.throwing_return, true, plain);
	use_program(skeleton->progs.alloc_direct, true, plain);
	use_program(skeleton->progs.alloc_note, true, plain);
	use_program(skeleton->progs.free_enter, true, plain);
	use_program(skeleton->progs.library_loaded, true, plain);
	bpf_program__set_autoload(skeleton->progs.page_fault, config->growth);
	bpf_program__set_autoload(skeleton->progs.settle, config->settles);
	bpf_map__set_autocreate(skeleton->maps.settled_blocks, config->settles);
}

/* The last CPU, too, finds buffers behind its own. */
static uint32_t scratch_count(void)
{
	return (uint32_t)libbpf_num_possible_cpus() * SCRATCH_PER_CPU + SCRATCH_TRIES -
	       SCRATCH_PER_CPU;
}

/* What a program that starts makes before it is read: most of its stacks are new. */
static uint32_t record_bytes_for(uint32_t max_stacks)
{
	uint64_t bytes = (uint64_t)max_stacks * RECORD_BYTES;

	return round_up_to_power_of_two(bytes < RECORDS_LEAST  ? RECORDS_LEAST
					: bytes > RECORDS_MOST ? RECORDS_MOST
							       : bytes);
}

static void size_maps(struct loaded *loaded, const struct loaded_config *config)
{
	struct unfreed_bpf *skeleton = loaded->skeleton;
	uint32_t buckets = bucket_count_for(config->max_blocks);
	uint32_t rows = round_up_to_power_of_two(2 * (uint64_t)config->max_stacks);
	uint32_t scratch = scratch_count();
	uint32_t spilled = config->max_blocks / 8 + 64;

	skeleton->rodata->config.bucket_mask = buckets - 1;
	skeleton->rodata->config.stack_mask = rows - 1;
	skeleton->rodata->config.stacks_max = config->max_stacks;
	skeleton->rodata->config.scratch_count = scratch;
	skeleton->rodata->config.follow_forks = config->follow_forks;
	skeleton->rodata->config.peak = config->peak;
	skeleton->rodata->config.windows = config->windows;
	skeleton->rodata->config.proof_calls = config->sites == SITES_BOTH ? 0 : PROOF_CALLS;
	bpf_map__set_max_entries(skeleton->maps.records, record_bytes_for(config->max_stacks));
	bpf_map__set_max_entries(skeleton->maps.buckets, buckets);
	bpf_map__set_max_entries(skeleton->maps.totals_by_stack, rows + STACK_ROWS_EXTRA);
	bpf_map__set_max_entries(skeleton->maps.scratch_buffers, scratch);
	bpf_map__set_max_entries(skeleton->maps.spilled_blocks_by_key, spilled);
	loaded->view.bucket_count = buckets;
	loaded->view.row_count = rows + STACK_ROWS_EXTRA;
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

static int open_view(struct loaded *loaded)
{
	struct ledger_view *view = &loaded->view;
	struct unfreed_bpf *skeleton = loaded->skeleton;

	view->buckets = map_memory(skeleton->maps.buckets, PROT_READ);
	view->totals = map_memory(skeleton->maps.totals_by_stack, PROT_READ);
	loaded->space_states = map_memory(skeleton->maps.space_states, PROT_READ | PROT_WRITE);
	view->spilled_fd = bpf_map__fd(skeleton->maps.spilled_blocks_by_key);
	view->counters_fd = bpf_map__fd(skeleton->maps.counters_by_cpu);
	view->peak = skeleton->rodata->config.peak ? &skeleton->bss->peak : NULL;
	return view->buckets && view->totals && loaded->space_states ? 0 : -errno;
}

static void publish_file(void *context, const struct unwind_file_id *id,
			 const struct unwind_file_table *table)
{
	struct loaded *loaded = context;
	int map = bpf_map__fd(loaded->skeleton->maps.unwind_files);

	if (table) /* where there is no room it is as if the file were new each time */
		bpf_map_update_elem(map, id, table, BPF_ANY);
	else
		bpf_map_delete_elem(map, id);
}

static int open_unwind_memory(struct loaded *loaded)
{
	struct unfreed_bpf *skeleton = loaded->skeleton;
	struct unwind_memory *memory = &loaded->unwind_memory;
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
		.publish = publish_file,
		.wait_for_readers = unwind_wait_for_programs,
		.context = loaded,
	};
	return memory->chunks && memory->rules && memory->mappings && memory->spaces &&
			       memory->unloads
		       ? 0
		       : -errno;
}

static int attach_tracepoints(struct loaded *loaded)
{
	struct unfreed_bpf *skeleton = loaded->skeleton;
	const struct {
		const struct bpf_program *program;
		const char *name;
	} tracepoints[] = {
		{skeleton->progs.process_fork, "sched_process_fork"},
		{skeleton->progs.process_exec, "sched_process_exec"},
		{skeleton->progs.process_exit, "sched_process_exit"},
	};

	for (size_t i = 0; i < sizeof(tracepoints) / sizeof(tracepoints[0]); i++) {
		int error = links_attach_tracepoint(&loaded->tracepoints,
						    bpf_program__fd(tracepoints[i].program),
						    tracepoints[i].name);

		if (error)
			return error;
	}
	return 0;
}

static void note_programs(struct loaded *loaded, const struct loaded_config *config)
{
	struct unfreed_bpf *skeleton = loaded->skeleton;

	loaded->programs = (struct probe_programs){
		.kind = config->attach,
		.sites = config->sites,
		.proofs = loaded->proofs,
		.alloc_session = bpf_program__fd(skeleton->progs.alloc_session),
		.alloc_enter = bpf_program__fd(skeleton->progs.alloc_enter),
		.alloc_return = bpf_program__fd(skeleton->progs.alloc_return),
		.throwing_enter = bpf_program__fd(skeleton->progs.throwing_enter),
		.throwing_return = bpf_program__fd(skeleton->progs.throwing_return),
		.alloc_direct = bpf_program__fd(skeleton->progs.alloc_direct),
		.alloc_note = bpf_program__fd(skeleton->progs.alloc_note),
		.free_enter = bpf_program__fd(skeleton->progs.free_enter),
		.library_loaded = bpf_program__fd(skeleton->progs.library_loaded),
	};
}

int loaded_open(struct loaded *loaded, const struct loaded_config *config)
{
	int error;

	*loaded = (struct loaded){.skeleton = unfreed_bpf__open()};
	if (!loaded->skeleton)
		return -errno;
	choose_programs(loaded->skeleton, config);
	size_maps(loaded, config);
	error = unfreed_bpf__load(loaded->skeleton);
	if (error)
		return error;
	loaded->proofs = proofs_new(loaded->skeleton->bss->proofs);
	if (!loaded->proofs)
		return -ENOMEM;
	note_programs(loaded, config);
	error = open_view(loaded);
	if (!error)
		error = open_unwind_memory(loaded);
	return error ? error : attach_tracepoints(loaded);
}

void loaded_close(struct loaded *loaded)
{
	struct unfreed_bpf *skeleton = loaded->skeleton;

	links_release(&loaded->tracepoints);
	if (!skeleton)
		return;
	unmap_memory(skeleton->maps.buckets, loaded->view.buckets);
	unmap_memory(skeleton->maps.totals_by_stack, loaded->view.totals);
	unmap_memory(skeleton->maps.space_states, loaded->space_states);
	unmap_memory(skeleton->maps.unwind_words, loaded->unwind_memory.chunks);
	unmap_memory(skeleton->maps.unwind_rules, loaded->unwind_memory.rules);
	unmap_memory(skeleton->maps.unwind_mappings, loaded->unwind_memory.mappings);
	unmap_memory(skeleton->maps.unwind_spaces, loaded->unwind_memory.spaces);
	unmap_memory(skeleton->maps.unwind_unloads, loaded->unwind_memory.unloads);
	proofs_free(loaded->proofs);
	unfreed_bpf__destroy(skeleton);
	loaded->skeleton = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch_program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "watch.skel.h"

static size_t map_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);

	return (bytes + page - 1) & ~(page - 1);
}

/* NULL with errno. */
static void *map_memory(const struct bpf_map *map)
{
	void *memory =
		mmap(NULL, map_bytes(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_memory(const struct bpf_map *map, void *memory)
{
	if (memory)
		munmap(memory, map_bytes(map));
}

static void shrink_maps(const struct watch_bpf *skeleton)
{
	bpf_map__set_max_entries(skeleton->maps.unwind_words, 1);
	bpf_map__set_max_entries(skeleton->maps.unwind_rules, 1);
	bpf_map__set_max_entries(skeleton->maps.unwind_mappings, 1);
	bpf_map__set_max_entries(skeleton->maps.unwind_unloads, 1);
}

static int map_tables(struct watch_program *program)
{
	const struct watch_bpf *skeleton = program->skeleton;

	program->unwind = (struct unwind_memory){
		.chunks = map_memory(skeleton->maps.unwind_words),
		.chunk_count = bpf_map__max_entries(skeleton->maps.unwind_words),
		.rules = map_memory(skeleton->maps.unwind_rules),
		.rule_count = bpf_map__max_entries(skeleton->maps.unwind_rules),
		.mappings = map_memory(skeleton->maps.unwind_mappings),
		.mapping_count = bpf_map__max_entries(skeleton->maps.unwind_mappings),
		.spaces = map_memory(skeleton->maps.unwind_spaces),
		.wait_for_readers = unwind_wait_for_programs,
	};
	return program->unwind.chunks && program->unwind.rules && program->unwind.mappings &&
			       program->unwind.spaces
		       ? 0
		       : -errno;
}

static void configure(struct watch_bpf *skeleton, const struct watch_program_config *config)
{
	const struct python_interpreter *python = config->python;

	skeleton->rodata->only_pid = config->only_pid;
	skeleton->rodata->walk_native = config->walks_native;
	skeleton->rodata->native_inward = python && config->walks_native;
	if (!config->walks_native) {
		shrink_maps(skeleton);
		return;
	}
	skeleton->rodata->eval_start = python ? python->symbols[SYMBOL_EVAL_LOOP].address : 0;
	if (skeleton->rodata->eval_start)
		skeleton->rodata->eval_bytes = python->symbols[SYMBOL_EVAL_LOOP].size;
}

static int load(struct watch_program *program, const struct watch_program_config *config)
{
	struct watch_bpf *skeleton = watch_bpf__open();
	int error;

	program->skeleton = skeleton;
	if (!skeleton)
		return -errno;
	configure(skeleton, config);
	error = watch_bpf__load(skeleton);
	if (error)
		return error;
	program->fd = bpf_program__fd(skeleton->progs.on_write);
	program->words = skeleton->bss->words;
	program->stacks_used = &skeleton->bss->stacks_used;
	program->stacks = map_memory(skeleton->maps.stacks);
	if (!program->stacks)
		return -errno;
	return config->walks_native ? map_tables(program) : 0;
}

static void free_program(struct watch_program *program)
{
	struct watch_bpf *skeleton = program->skeleton;

	if (skeleton) {
		unmap_memory(skeleton->maps.stacks, program->stacks);
		unmap_memory(skeleton->maps.unwind_words, program->unwind.chunks);
		unmap_memory(skeleton->maps.unwind_rules, program->unwind.rules);
		unmap_memory(skeleton->maps.unwind_mappings, program->unwind.mappings);
		unmap_memory(skeleton->maps.unwind_spaces, program->unwind.spaces);
	}
	watch_bpf__destroy(skeleton);
	free(program);
}

/* What is in a program that can be told anew; the rest was fixed when it was loaded. */
static bool is_general(const struct watch_program_config *config)
{
	return !config->walks_native && !config->only_pid;
}

static bool was_general(const struct watch_program *program)
{
	return !program->skeleton->rodata->walk_native && !program->skeleton->rodata->only_pid;
}

static int forget_rows(const struct watch_program *program)
{
	const struct bpf_map *rows = program->skeleton->maps.stack_rows_by_hash;
	uint64_t hash;

	while (!bpf_map__get_next_key(rows, NULL, &hash, sizeof(hash))) {
		int error = bpf_map__delete_elem(rows, &hash, sizeof(hash), 0);

		if (error)
			return error;
	}
	return 0;
}

/* Forgets what it has counted, once no run is under way any more. */
static int reset(struct watch_program *program)
{
	uint32_t used = *program->stacks_used;

	unwind_wait_for_programs(NULL);
	for (uint32_t i = 0; i < used && i < WATCH_STACKS_MAX; i++)
		__atomic_store_n(&program->stacks[i].ready, 0, __ATOMIC_RELAXED);
	memset(program->words, 0, (WATCH_WORDS + 1) * sizeof(*program->words));
	program->skeleton->bss->stacks_used = 0;
	return forget_rows(program);
}

void watch_programs_release(struct watch_programs *programs)
{
	struct watch_program *next;

	for (struct watch_program *program = programs->spare; program; program = next) {
		next = program->next;
		free_program(program);
	}
	programs->spare = NULL;
}

static struct watch_program *take_spare(struct watch_programs *programs,
					const struct watch_program_config *config)
{
	struct watch_program *program = programs && is_general(config) ? programs->spare : NULL;

	if (program)
		programs->spare = program->next;
	return program;
}

struct watch_program *watch_program_take(struct watch_programs *programs,
					 const struct watch_program_config *config)
{
	struct watch_program *program = take_spare(programs, config);

	if (!program) {
		program = calloc(1, sizeof(*program));
		int error = program ? load(program, config) : -ENOMEM;

		if (error) {
			if (program)
				free_program(program);
			errno = -error;
			return NULL;
		}
	}
	if (config->python)
		program->skeleton->bss->python = config->python->process;
	return program;
}

void watch_program_give(struct watch_programs *programs, struct watch_program *program)
{
	if (!program)
		return;
	if (!programs || !was_general(program) || reset(program)) {
		free_program(program);
		return;
	}
	program->next = programs->spare;
	programs->spare = program;
}

void watch_program_set_value(const struct watch_program *program, pid_t pid, uint32_t word,
			     uint64_t value)
{
	const struct watch_process_word key = {.pid = (uint32_t)pid, .word = word};

	bpf_map__update_elem(program->skeleton->maps.values_by_process, &key, sizeof(key), &value,
			     sizeof(value), BPF_NOEXIST);
}

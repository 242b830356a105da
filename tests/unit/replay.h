/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user/collect/ is given, made up: the kernel's maps as memory, a /proc, files with names, and
 * the records of the ring buffer, in the order of a stream (tests/replay/README.md says how one is
 * written). What it made of that is a text.
 *
 * What a stream may not say ends the program.
 */
#ifndef TEST_REPLAY_H
#define TEST_REPLAY_H

#include <errno.h>
#include <inttypes.h>
#include <sys/sysmacros.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "collect/collector.h"
#include "made_elf.h"
#include "made_tree.h"
#include "profile/snapshot_merge.h"
#include "replay_print.h"

enum {
	REPLAY_ROWS = 64,
	REPLAY_BUCKETS = 64,
	REPLAY_SPILLED = 64,
	REPLAY_BATCH = 7, /* it need not give as many as were asked for */
	REPLAY_FILES = 16,
	REPLAY_SNAPSHOTS = 8,
	REPLAY_CHUNKS = 4,
	REPLAY_MAPPINGS = 1 << 16,
};

/* CLOCK_MONOTONIC of all its reports. */
#define REPLAY_NOW_NS UINT64_C(1000000000000)

struct replay_file {
	char name[32]; /* as the stream calls it */
	char path[128];
	struct made_elf elf;
	uint64_t inode; /* 0: not written yet */
	uint64_t device;
};

struct replay {
	struct procfs procfs;
	struct confined *confined;
	struct unwind_memory unwind;
	struct ledger_view view;
	struct collector *collector;
	struct bucket buckets[REPLAY_BUCKETS];
	size_t block_count;
	struct stack_totals totals[REPLAY_ROWS];
	struct peak peak;
	struct replay_file files[REPLAY_FILES];
	size_t file_count;
	struct snapshot *snapshots[REPLAY_SNAPSHOTS];
	size_t snapshot_count;
	FILE *said;
};

/* --- the maps that are asked for by system calls --- */

static uint64_t replay_spilled_keys[REPLAY_SPILLED];
static struct block replay_spilled[REPLAY_SPILLED];
static uint32_t replay_spilled_count;
static uint32_t replay_spilled_error; /* what the kernel answers in their stead */
static struct counters replay_counters;

/* As the kernel: the last batch comes with -ENOENT. */
int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
			 const struct bpf_map_batch_opts *options)
{
	uint32_t from = in ? *(uint32_t *)in : 0, left = replay_spilled_count - from;

	(void)fd;
	(void)options;
	if (replay_spilled_error)
		return -(int)replay_spilled_error;
	if (*count > REPLAY_BATCH)
		*count = REPLAY_BATCH;
	if (left < *count)
		*count = left;
	memcpy(keys, replay_spilled_keys + from, *count * sizeof(uint64_t));
	memcpy(values, replay_spilled + from, *count * sizeof(struct block));
	*(uint32_t *)out = from + *count;
	return left <= *count ? -ENOENT : 0;
}

/* Of the CPUs the last one counted everything, and the first one again as many losses. */
int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	const size_t cpus = (size_t)libbpf_num_possible_cpus();
	struct counters *by_cpu = value;

	(void)fd;
	(void)key;
	memset(by_cpu, 0, cpus * sizeof(*by_cpu));
	by_cpu[cpus - 1] = replay_counters;
	for (size_t i = 0; cpus > 1 && i < LOSS_COUNT; i++) {
		by_cpu[0].losses[i] = replay_counters.losses[i] / 2;
		by_cpu[cpus - 1].losses[i] -= by_cpu[0].losses[i];
	}
	return 0;
}

static inline void replay_wait(void *context)
{
	(void)context;
}

/* --- begin and end --- */

static inline struct replay *replay_new(struct confined *confined)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		abort();
	tree_make("/tmp/unfreed-replay");
	replay_spilled_count = replay_spilled_error = 0;
	replay_counters = (struct counters){0};
	replay->procfs.root = tree_root;
	replay->confined = confined;
	replay->unwind = (struct unwind_memory){
		.chunks = calloc(REPLAY_CHUNKS, sizeof(struct unwind_chunk)),
		.chunk_count = REPLAY_CHUNKS,
		.rules = calloc(UNWIND_RULES_MAX, sizeof(struct unwind_rule)),
		.rule_count = UNWIND_RULES_MAX,
		.mappings = calloc(REPLAY_MAPPINGS, sizeof(struct unwind_mapping)),
		.mapping_count = REPLAY_MAPPINGS,
		.spaces = calloc(UNWIND_SPACES, sizeof(uint64_t)),
		.unloads = calloc(UNWIND_SPACES, sizeof(struct unwind_unloads)),
		.wait_for_readers = replay_wait,
	};
	replay->view = (struct ledger_view){
		.buckets = replay->buckets,
		.bucket_count = REPLAY_BUCKETS,
		.totals = replay->totals,
		.row_count = REPLAY_ROWS,
		.spilled_fd = -1,
		.counters_fd = -1,
	};
	replay->collector =
		collector_new(&replay->procfs, confined, &replay->view, &replay->unwind);
	if (!replay->collector)
		abort();
	return replay;
}

static inline void replay_free(struct replay *replay)
{
	for (size_t i = 0; i < replay->snapshot_count; i++)
		snapshot_free(replay->snapshots[i]);
	collector_free(replay->collector);
	free(replay->unwind.chunks);
	free(replay->unwind.rules);
	free(replay->unwind.mappings);
	free(replay->unwind.spaces);
	free(replay->unwind.unloads);
	tree_remove();
	free(replay);
}

/* --- files and processes --- */

static inline struct replay_file *replay_file(struct replay *replay, const char *name)
{
	for (size_t i = 0; i < replay->file_count; i++)
		if (!strcmp(replay->files[i].name, name))
			return &replay->files[i];
	fprintf(stderr, "replay: no file %s\n", name);
	abort();
}

static inline struct replay_file *replay_add_file(struct replay *replay, const char *name,
						  const char *path)
{
	struct replay_file *file = &replay->files[replay->file_count++];

	if (replay->file_count > REPLAY_FILES)
		abort();
	snprintf(file->name, sizeof(file->name), "%s", name);
	snprintf(file->path, sizeof(file->path), "%s", path);
	made_elf_init(&file->elf);
	return file;
}

/* Where the made machine has it. */
static inline char *replay_path(const struct replay_file *file)
{
	char name[256];

	snprintf(name, sizeof(name), "files%s", file->path);
	return tree_path(name);
}

static inline void replay_write_file(struct replay_file *file)
{
	struct stat status;

	if (file->inode)
		return;
	made_elf_write(&file->elf, replay_path(file));
	if (stat(replay_path(file), &status))
		abort();
	file->inode = status.st_ino;
	file->device = PLACE_DEVICE(major(status.st_dev), minor(status.st_dev));
}

static inline void replay_link(const char *name, const char *target)
{
	unlink(tree_path(name));
	tree_link(name, target);
}

static inline void replay_write_process(uint32_t pid, const char *comm, const char *exe,
					const char *arguments, size_t bytes)
{
	char name[64], text[256];

	snprintf(name, sizeof(name), "%u/status", pid);
	snprintf(text, sizeof(text),
		 "State:\tS (sleeping)\nTgid:\t%u\nPPid:\t1\nUid:\t%u\nThreads:\t1\n", pid,
		 getuid());
	tree_write(name, text);
	snprintf(name, sizeof(name), "%u/stat", pid);
	snprintf(text, sizeof(text), "%u (%s) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 7 0 0\n", pid,
		 comm);
	tree_write(name, text);
	snprintf(name, sizeof(name), "%u/cmdline", pid);
	tree_write_bytes(name, arguments, bytes);
	snprintf(name, sizeof(name), "%u/exe", pid);
	replay_link(name, exe);
	snprintf(name, sizeof(name), "%u/root", pid);
	snprintf(text, sizeof(text), "%s/files", tree_root);
	replay_link(name, text);
}

static inline void replay_remove_process(uint32_t pid)
{
	char name[64];

	snprintf(name, sizeof(name), "%u", pid);
	nftw(tree_path(name), tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A line of PID/maps, and the file that it leads to; NULL: none. */
static inline void replay_write_mapping(FILE *maps, uint32_t pid, uint64_t start, uint64_t end,
					uint64_t offset, struct replay_file *file)
{
	char name[128];

	if (!file) {
		fprintf(maps, "%" PRIx64 "-%" PRIx64 " r-xp 00000000 00:00 0\n", start, end);
		return;
	}
	replay_write_file(file);
	fprintf(maps, "%" PRIx64 "-%" PRIx64 " r-xp %08" PRIx64 " %x:%x %" PRIu64 " %s\n", start,
		end, offset, (unsigned int)(file->device >> 32), (unsigned int)file->device,
		file->inode, file->path);
	snprintf(name, sizeof(name), "%u/map_files/%" PRIx64 "-%" PRIx64, pid, start, end);
	char *target = strdup(replay_path(file));

	replay_link(name, target);
	free(target);
}

/* --- the ledger --- */

static inline void replay_totals(struct replay *replay, uint32_t row, const uint64_t counts[4])
{
	struct stack_totals *totals = &replay->totals[row];

	if (row >= REPLAY_ROWS)
		abort();
	totals->alloc_bytes += counts[0];
	totals->alloc_blocks += counts[1];
	totals->free_bytes += counts[2];
	totals->free_blocks += counts[3];
	replay_counters.alloc_bytes += counts[0];
	replay_counters.alloc_blocks += counts[1];
	replay_counters.free_bytes += counts[2];
	replay_counters.free_blocks += counts[3];
}

static inline void replay_block(struct replay *replay, uint64_t key, const struct block *block,
				bool spilled)
{
	size_t slot = replay->block_count;

	if (spilled) {
		if (replay_spilled_count == REPLAY_SPILLED)
			abort();
		replay_spilled_keys[replay_spilled_count] = key;
		replay_spilled[replay_spilled_count++] = *block;
	} else {
		if (slot == REPLAY_BUCKETS * BUCKET_SLOTS)
			abort();
		/* some buckets are full, others have a single one */
		replay->buckets[slot / BUCKET_SLOTS].keys[slot % BUCKET_SLOTS] = key;
		replay->buckets[slot / BUCKET_SLOTS].blocks[slot % BUCKET_SLOTS] = *block;
		replay->block_count++;
	}
}

/* --- what came of it --- */

static inline struct snapshot *replay_snapshot(struct replay *replay, bool last,
					       uint64_t older_than_ns)
{
	const struct snapshot_request request = {
		.started_at_ns = 1700000000000000000 + (int64_t)replay->snapshot_count,
		.duration_ns = REPLAY_NOW_NS / 2,
		.taken_monotonic_ns = REPLAY_NOW_NS,
		.older_than_ns = older_than_ns,
		.mode = MODE_EXACT,
		.last = last,
		.losses[LOSS_allocator_unprobed] = 0,
	};
	struct snapshot *snapshot = collector_snapshot(replay->collector, &request);

	if (!snapshot || replay->snapshot_count == REPLAY_SNAPSHOTS)
		abort();
	return replay->snapshots[replay->snapshot_count++] = snapshot;
}

#endif

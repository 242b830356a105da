/* SPDX-License-Identifier: BSD-2-Clause */
#include "growth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "../evidence/page_faults.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../memory/page_set.h"
#include "open_blocks.h"
#include "page_share.h"
#include "settled.h"

/* A program runs before its page is there: what is younger than that is not asked about. */
#define YOUNG_NS 10000000

#define POLL_NS     1000000000
#define SETTLE_PART 0.01 /* of our time, at most, goes into looking at pages */

struct grown_process {
	pid_t pid;
	uint32_t space;
	uint64_t cpu_ticks;         /* as of the last poll */
	struct page_faults *faults; /* NULL: inherited */
	struct page_set *before;    /* NULL: all counts */
};

struct growth {
	const struct procfs *procfs;
	const struct loaded *loaded;
	bool follow_forks;
	struct settled_blocks settled;
	struct grown_process *items;
	size_t count;
	double trap_ns;
	uint64_t mask; /* of pages that are taken */
	bool started;
	uint64_t polled_ns;
	uint64_t settled_ns; /* when it was done last */
	uint64_t settle_cost_ns;
	uint64_t program_ns; /* of programs, as of the last poll */
};

struct growth *growth_new(const struct procfs *procfs, const struct loaded *loaded,
			  bool follow_forks)
{
	struct growth *growth = calloc(1, sizeof(*growth));

	if (!growth)
		return NULL;
	growth->procfs = procfs;
	growth->loaded = loaded;
	growth->follow_forks = follow_forks;
	if (!settled_open(&growth->settled, loaded)) {
		growth->trap_ns =
			page_faults_trap_ns(bpf_program__fd(loaded->skeleton->progs.page_fault));
		return growth;
	}
	free(growth);
	return NULL;
}

void growth_stop(struct growth *growth)
{
	for (size_t i = 0; i < growth->count; i++) {
		page_faults_close(growth->items[i].faults);
		growth->items[i].faults = NULL;
	}
}

void growth_free(struct growth *growth)
{
	if (!growth)
		return;
	growth_stop(growth);
	for (size_t i = 0; i < growth->count; i++)
		page_set_free(growth->items[i].before);
	settled_close(&growth->settled);
	free(growth->items);
	free(growth);
}

/* --- processes --- */

static struct grown_process *find(const struct growth *growth, uint32_t space)
{
	for (size_t i = 0; i < growth->count; i++)
		if (growth->items[i].space == space)
			return &growth->items[i];
	return NULL;
}

static uint64_t ticks_of(const struct growth *growth, pid_t pid)
{
	struct process_status status = {0};

	procfs_read_status(growth->procfs, pid, &status);
	return status.cpu_ticks;
}

static int explain(pid_t pid, int error, struct failure *failure)
{
	if (error == -ESRCH)
		return failure_set(failure, STATUS_TARGET, "process %d is gone", (int)pid);
	if (error == -EPERM || error == -EACCES)
		return failure_set(failure, STATUS_KERNEL,
				   "may not watch the page faults of process %d: %s; run as root",
				   (int)pid, strerror(-error));
	return failure_set(failure, STATUS_KERNEL, "cannot watch the page faults of process %d: %s",
			   (int)pid, strerror(-error));
}

int growth_add(struct growth *growth, pid_t pid, uint32_t space, struct failure *failure)
{
	const struct page_faults_config config = {
		.procfs = growth->procfs,
		.pid = pid,
		.follow_forks = growth->follow_forks,
		.program_fd = bpf_program__fd(growth->loaded->skeleton->progs.page_fault),
	};
	struct grown_process added = {.pid = pid, .space = space};

	if (find(growth, space))
		return 0;
	added.cpu_ticks = ticks_of(growth, pid);
	if (growth->started)
		added.before = page_set_read(growth->procfs, pid);
	added.faults = page_faults_open(&config);
	if (!added.faults) {
		int error = -errno;

		page_set_free(added.before);
		return explain(pid, error, failure);
	}
	if (array_append(&growth->items, &growth->count, added))
		return 0;
	page_faults_close(added.faults);
	page_set_free(added.before);
	return failure_set(failure, STATUS_FAILURE, "out of memory");
}

void growth_start(struct growth *growth)
{
	growth->started = true;
	growth->polled_ns = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < growth->count; i++)
		growth->items[i].before = page_set_read(growth->procfs, growth->items[i].pid);
}

/* One that there is no memory for is not asked what it still has. */
static void add(struct growth *growth, const struct grown_process *added)
{
	if (!array_append(&growth->items, &growth->count, *added))
		page_set_free(added->before);
}

void growth_fork(struct growth *growth, pid_t pid, uint32_t space)
{
	const struct grown_process added = {
		.pid = pid, .space = space, .before = page_set_read(growth->procfs, pid)};

	add(growth, &added);
}

void growth_exec(struct growth *growth, pid_t pid, uint32_t old_space, uint32_t space)
{
	struct grown_process *process = find(growth, old_space);

	if (!process) {
		add(growth, &(struct grown_process){.pid = pid, .space = space});
		return;
	}
	process->space = space;
	page_set_free(process->before);
	process->before = NULL;
}

void growth_end(struct growth *growth, uint32_t space)
{
	struct grown_process *ended = find(growth, space);

	if (!ended)
		return;
	page_faults_close(ended->faults);
	page_set_free(ended->before);
	*ended = growth->items[--growth->count];
}

/* --- what is still there --- */

static uint64_t bytes_now(const struct growth *growth, const struct grown_process *process,
			  const struct page_fate *fate, const struct open_block *block)
{
	if (page_set_has(process->before, fate->address))
		return 0;
	return page_share_bytes(growth->mask, fate, block->time_ns > growth->settled_ns,
				block->bytes);
}

/* `fates` has room for all of them. */
static void settle_process(struct growth *growth, const struct grown_process *process,
			   const struct open_blocks *blocks, struct page_fate *fates)
{
	for (size_t i = 0; i < blocks->count; i++)
		fates[i] = (struct page_fate){.address = BLOCK_KEY_ADDRESS(blocks->items[i].key),
					      .tag = i};
	if (page_fates_read(process->pid, fates, blocks->count))
		return;
	for (size_t i = 0; i < blocks->count; i++) {
		const struct open_block *block = &blocks->items[fates[i].tag];
		uint64_t bytes = bytes_now(growth, process, &fates[i], block);

		if (bytes == block->bytes)
			continue;
		settled_add(&growth->settled, &(struct settled){block->key, block->time_ns, bytes});
	}
	settled_run(&growth->settled);
}

static void settle_all(struct growth *growth, const struct open_blocks *blocks,
		       struct page_fate *fates)
{
	for (size_t i = 0; i < growth->count; i++) {
		const struct grown_process *process = &growth->items[i];
		const struct open_blocks own = open_blocks_of(blocks, SPACE_NUMBER(process->space));

		if (own.count)
			settle_process(growth, process, &own, fates);
	}
}

void growth_settle(struct growth *growth)
{
	uint64_t began_ns = clock_ns(CLOCK_MONOTONIC), newest_ns = began_ns - YOUNG_NS;
	struct page_fate *fates = NULL;
	struct open_blocks blocks;

	if (!open_blocks_gather(&blocks, &growth->loaded->view, newest_ns, NULL, NULL) &&
	    blocks.count)
		fates = calloc(blocks.count, sizeof(*fates));
	if (fates) {
		settle_all(growth, &blocks, fates);
		growth->settled_ns = newest_ns;
	}
	free(fates);
	open_blocks_release(&blocks);
	growth->settle_cost_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
}

void growth_settle_last(struct growth *growth)
{
	const struct timespec young = {.tv_nsec = YOUNG_NS};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &young, NULL);
	growth_settle(growth);
}

/* --- what it costs --- */

double growth_cost_s(const struct growth *growth)
{
	const struct fault_counts *counts = &growth->loaded->skeleton->bss->fault_counts;

	return ((double)counts->program_ns + (double)counts->faults * growth->trap_ns) / 1e9;
}

/* Processor time of the targets since this was asked last. */
static double take_used_s(struct growth *growth)
{
	double used_s = 0;

	for (size_t i = 0; i < growth->count; i++) {
		struct grown_process *process = &growth->items[i];
		uint64_t ticks = ticks_of(growth, process->pid);

		if (ticks > process->cpu_ticks)
			used_s += procfs_seconds(ticks - process->cpu_ticks);
		process->cpu_ticks = ticks;
	}
	return used_s;
}

static void see_to_cost(struct growth *growth, double passed_s)
{
	struct unfreed_bpf__bss *shared = growth->loaded->skeleton->bss;
	uint64_t program_ns = shared->fault_counts.program_ns, before = growth->mask;

	growth->mask = page_share_next(before, (double)(program_ns - growth->program_ns) / 1e9,
				       take_used_s(growth), passed_s);
	growth->program_ns = program_ns;
	__atomic_store_n(&shared->fault_mask, growth->mask, __ATOMIC_SEQ_CST);
	if (growth->mask > before)
		growth_settle(growth);
}

void growth_poll(struct growth *growth)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t pause_ns = (uint64_t)((double)growth->settle_cost_ns / SETTLE_PART);

	if (now_ns - growth->polled_ns < POLL_NS)
		return;
	see_to_cost(growth, (double)(now_ns - growth->polled_ns) / 1e9);
	growth->polled_ns = now_ns;
	if (now_ns - growth->settled_ns >= pause_ns)
		growth_settle(growth);
}

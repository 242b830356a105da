/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Up to 3.14 the thread state is the value of a pthread key. C libraries keep these values in
 * different places, and none says where; but a thread state holds pthread_self(), which is the
 * thread pointer in both glibc and musl for x86-64, so that a guess can be compared with every
 * thread that there is. (On AArch64 the thread pointer is behind the descriptor: by how much, its C
 * library would have to be asked, before the programs can find a thread state there.)
 *
 * glibc: {sequence, value} pairs in the thread's own structure for the first 32 keys, and behind a
 * pointer for each 32 more. musl: an array of values behind a pointer, whose place is found by
 * trying. From 3.15 on the thread state is in a thread-local variable, whose place is read off the
 * function that returns it.
 */
#include "access.h"

#include <errno.h>
#include <string.h>

#include "../arch/thread_descriptor.h"
#include "code_scan.h"

enum {
	GLIBC_BLOCK = 32,
	MUSL_SEARCH_BYTES = 512,
	KEYS_MAX = 1024,
	FUNCTION_BYTES = 64,
};

/* How many of the threads the access leads to their thread states. */
static size_t count_agreeing(const struct memory *memory, const struct python_process *process,
			     const struct python_thread *threads, size_t count)
{
	size_t agreeing = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t word;

		if (!threads[i].thread ||
		    memory_read_u64(memory, threads[i].thread + (uint64_t)process->first, &word))
			continue;
		if (process->access == PYTHON_ACCESS_INDIRECT &&
		    memory_read_u64(memory, word + (uint64_t)process->second, &word))
			continue;
		agreeing += word == threads[i].state;
	}
	return agreeing;
}

struct search {
	const struct memory *memory;
	const struct python_thread *threads;
	size_t count;
	struct python_process *best;
	size_t most;
};

static void try_access(struct search *search, enum python_access access, int64_t first,
		       int64_t second)
{
	struct python_process tried = {.access = access, .first = first, .second = second};
	size_t agreeing = count_agreeing(search->memory, &tried, search->threads, search->count);

	if (agreeing <= search->most)
		return;
	search->most = agreeing;
	search->best->access = access;
	search->best->first = first;
	search->best->second = second;
}

static void try_key(struct search *search, uint32_t key)
{
	if (key >= KEYS_MAX)
		return;
	if (key < GLIBC_BLOCK)
		try_access(search, PYTHON_ACCESS_DIRECT,
			   thread_descriptor.key_pairs + 16 * (int64_t)key + 8, 0);
	else
		try_access(search, PYTHON_ACCESS_INDIRECT,
			   thread_descriptor.key_blocks + 8 * (int64_t)(key / GLIBC_BLOCK),
			   16 * (int64_t)(key % GLIBC_BLOCK) + 8);
	for (int64_t at = 0; !search->most && at < MUSL_SEARCH_BYTES; at += 8)
		try_access(search, PYTHON_ACCESS_INDIRECT, at, 8 * (int64_t)key);
}

struct variable {
	struct search *search;
	uint64_t got; /* the last word that was loaded from a fixed place */
};

/* A load by an offset from the thread pointer: one that stands there, or comes
 * through a word of the GOT. */
static bool try_load(const struct scanned *scanned, void *context)
{
	struct variable *variable = context;
	uint64_t offset = (uint64_t)scanned->displacement;
	bool loads = scanned->flags & SCANNED_LOAD;

	if (loads && scanned->operand)
		memory_read_u64(variable->search->memory, scanned->operand, &variable->got);
	if (scanned->flags & SCANNED_BASED)
		offset += variable->got;
	if (loads && scanned->flags & SCANNED_THREAD && offset)
		try_access(variable->search, PYTHON_ACCESS_DIRECT, (int64_t)offset, 0);
	return !(scanned->flags & SCANNED_RETURN);
}

static void try_variable(struct search *search, const struct python_interpreter *interpreter)
{
	uint64_t address = interpreter->symbols[SYMBOL_THIS_THREAD_STATE].address;
	struct variable variable = {.search = search};

	if (address)
		code_scan(&interpreter->binary, address, FUNCTION_BYTES, try_load, &variable);
}

int python_access_find(struct python_interpreter *interpreter, const struct python_thread *threads,
		       size_t count)
{
	const struct python_layout *layout = &interpreter->layout;
	struct python_process *process = &interpreter->process;
	struct search search = {&interpreter->memory, threads, count, process, 0};
	uint32_t key;

	process->access = PYTHON_ACCESS_NONE;
	process->current = layout->runtime_current == PYTHON_ABSENT
				   ? 0
				   : interpreter->runtime + layout->runtime_current;
	if (layout->runtime_key == PYTHON_ABSENT)
		try_variable(&search, interpreter);
	else if (!memory_read_u32(&interpreter->memory, interpreter->runtime + layout->runtime_key,
				  &key))
		try_key(&search, key);
	return search.most ? 0 : -ENOENT;
}

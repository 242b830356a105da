/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Up to 3.14 the thread state is the value of a pthread key. C libraries keep these values in
 * different places, and none says where; but a thread state holds pthread_self(), which is the fs
 * base in both glibc and musl, so that a guess can be compared with every thread that there is.
 *
 * glibc: {sequence, value} pairs in the thread's own structure for the first 32 keys, and behind a
 * pointer for each 32 more. musl: an array of values behind a pointer, whose place is found by
 * trying. From 3.15 on the thread state is in a thread-local variable, whose place is read off the
 * function that returns it.
 */
#include "access.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <string.h>

enum {
	GLIBC_PAIRS = 0x310,
	GLIBC_POINTERS = 0x510,
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
		try_access(search, PYTHON_ACCESS_DIRECT, GLIBC_PAIRS + 16 * (int64_t)key + 8, 0);
	else
		try_access(search, PYTHON_ACCESS_INDIRECT,
			   GLIBC_POINTERS + 8 * (int64_t)(key / GLIBC_BLOCK),
			   16 * (int64_t)(key % GLIBC_BLOCK) + 8);
	for (int64_t at = 0; !search->most && at < MUSL_SEARCH_BYTES; at += 8)
		try_access(search, PYTHON_ACCESS_INDIRECT, at, 8 * (int64_t)key);
}

/* An offset from fs that an instruction loads from: as it is, or through a word of the GOT. */
static bool find_offset(const struct memory *memory, const cs_insn *insn, int64_t *got,
			int64_t *offset)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *source = &x86->operands[1];
	uint64_t word;

	if (insn->id != X86_INS_MOV || x86->op_count != 2 || source->type != X86_OP_MEM)
		return false;
	if (source->mem.base == X86_REG_RIP &&
	    !memory_read_u64(memory, insn->address + insn->size + (uint64_t)source->mem.disp,
			     &word)) {
		*got = (int64_t)word;
		return false;
	}
	if (source->mem.segment != X86_REG_FS)
		return false;
	*offset = source->mem.disp;
	if (source->mem.base != X86_REG_INVALID)
		*offset += *got;
	return *offset != 0;
}

static void try_variable(struct search *search, const struct python_interpreter *interpreter)
{
	uint64_t address = interpreter->symbols[SYMBOL_THIS_THREAD_STATE].address;
	uint8_t bytes[FUNCTION_BYTES];
	const uint8_t *at = bytes;
	int64_t got = 0, offset;
	csh handle;
	ssize_t size = address ? image_read(&interpreter->image, address, bytes, sizeof(bytes)) : 0;

	if (size <= 0 || cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs_insn *insn = cs_malloc(handle);
	size_t left = (size_t)size;
	while (insn && cs_disasm_iter(handle, &at, &left, &address, insn)) {
		if (find_offset(search->memory, insn, &got, &offset))
			try_access(search, PYTHON_ACCESS_DIRECT, offset, 0);
		if (insn->id == X86_INS_RET)
			break;
	}
	if (insn)
		cs_free(insn, 1);
	cs_close(&handle);
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

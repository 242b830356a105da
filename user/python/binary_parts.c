/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "binary.h"

static const char *const symbol_names[SYMBOL_COUNT] = {
	[SYMBOL_RUNTIME] = "_PyRuntime",
	[SYMBOL_VERSION] = "Py_Version",
	[SYMBOL_CODE_TYPE] = "PyCode_Type",
	[SYMBOL_STR_TYPE] = "PyUnicode_Type",
	[SYMBOL_BYTES_TYPE] = "PyBytes_Type",
	[SYMBOL_FRAME_TYPE] = "PyFrame_Type",
	[SYMBOL_RAW_MALLOC] = "PyMem_RawMalloc",
	[SYMBOL_MEM_MALLOC] = "PyMem_Malloc",
	[SYMBOL_OBJECT_MALLOC] = "PyObject_Malloc",
	[SYMBOL_OBJECT_CALLOC] = "PyObject_Calloc",
	[SYMBOL_OBJECT_REALLOC] = "PyObject_Realloc",
	[SYMBOL_OBJECT_FREE] = "PyObject_Free",
	[SYMBOL_ALLOCATED_BLOCKS] = "_Py_GetAllocatedBlocks",
	[SYMBOL_GET_ARENA_ALLOCATOR] = "PyObject_GetArenaAllocator",
	[SYMBOL_THIS_THREAD_STATE] = "PyGILState_GetThisThreadState",
	[SYMBOL_EVAL_LOOP] = "_PyEval_EvalFrameDefault",
};

static int read_symbol(void *context, const GElf_Sym *symbol, const char *name)
{
	struct binary_parts *parts = context;

	if (!symbol->st_value)
		return 0;
	for (size_t i = 0; i < SYMBOL_COUNT; i++) {
		struct binary_symbol *wanted = &parts->symbols[i];

		if (wanted->address || strcmp(name, symbol_names[i]))
			continue;
		wanted->address = symbol->st_value;
		wanted->size = symbol->st_size;
	}
	return 0;
}

static int read_file(struct elf_file *file, struct binary_parts *parts)
{
	GElf_Shdr header;
	int error = elf_file_check(file);

	if (error)
		return error;
	size_t segments = elf_file_segments(file, 0, parts->segments, BINARY_SEGMENTS_MAX);
	parts->segment_count = segments < BINARY_SEGMENTS_MAX ? segments : BINARY_SEGMENTS_MAX;
	if (elf_file_section(file, ".PyRuntime", &header))
		parts->runtime_section = header.sh_addr;
	return elf_file_symbols(file, read_symbol, parts);
}

int binary_parts_read(int fd, struct binary_parts *parts)
{
	struct binary_parts found = {0};
	struct elf_file file;
	int error = elf_file_open(&file, fd) ?: read_file(&file, &found);

	if (!error)
		*parts = found;
	elf_file_close(&file);
	return error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table comes from the debug information and the headers of 3.8.18, 3.9.18, 3.10.13, 3.11.7,
 * 3.12.1 and 3.13.0, and from Debian's 3.11.2, 3.13.5, 3.14 and 3.15. From 3.13 on an interpreter
 * describes most of its structures itself (Include/internal/pycore_debug_offsets.h); the structure
 * that does so grows with each minor version, so that an index into it stands for a field. What it
 * leaves out is in the table for all versions.
 */
#include "layouts.h"

#include <errno.h>
#include <string.h>

#define ABSENT PYTHON_ABSENT

/* What the debug offsets hold, as words behind cookie and version. */
enum debug_offset {
	DEBUG_FREE_THREADED,
	DEBUG_RUNTIME_INTERPRETERS,
	DEBUG_INTERPRETER_NEXT,
	DEBUG_INTERPRETER_THREADS,
	DEBUG_INTERPRETER_GC,
	DEBUG_INTERPRETER_MODULES,
	DEBUG_INTERPRETER_SYSDICT,
	DEBUG_TSTATE_NEXT,
	DEBUG_TSTATE_INTERPRETER,
	DEBUG_TSTATE_FRAME,
	DEBUG_TSTATE_THREAD,
	DEBUG_TSTATE_NATIVE_THREAD,
	DEBUG_FRAME_PREVIOUS,
	DEBUG_FRAME_CODE,
	DEBUG_FRAME_INSTRUCTION,
	DEBUG_FRAME_LOCALS,
	DEBUG_FRAME_OWNER,
	DEBUG_CODE_FILENAME,
	DEBUG_CODE_NAME,
	DEBUG_CODE_QUALNAME,
	DEBUG_CODE_LINES,
	DEBUG_CODE_FIRST_LINE,
	DEBUG_CODE_LOCAL_NAMES,
	DEBUG_CODE_BYTECODE,
	DEBUG_STR_STATE,
	DEBUG_STR_LENGTH,
	DEBUG_STR_ASCII_DATA,
	DEBUG_OFFSETS
};

#define DEBUG_WORDS 96

static const struct {
	uint32_t version;
	uint8_t index[DEBUG_OFFSETS];
} debug_offsets[] = {
	{PYTHON_VERSION(3, 13), {0,  3,  6,  7,  8,  9,  10, 19, 20, 21, 22, 23, 27, 28,
				 29, 30, 31, 33, 34, 35, 36, 37, 39, 41, 66, 67, 68}},
	{PYTHON_VERSION(3, 14), {0,  3,  6,  7,  9,  10, 11, 22, 23, 24, 25, 26, 30, 31,
				 32, 33, 34, 38, 39, 40, 41, 42, 44, 46, 76, 77, 78}},
	{PYTHON_VERSION(3, 15), {0,  3,  6,  7,  9,  10, 11, 22, 23, 24, 28, 29, 38, 39,
				 40, 41, 42, 46, 47, 48, 49, 50, 52, 54, 88, 89, 90}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Frames as objects: up to 3.10. */
#define WALK_OBJECT_FRAMES(lasti, unit)                                                      \
	{                                                                                    \
		.tstate_frame = 24, .cframe_frame = ABSENT, .tstate_thread = 176,            \
		.frame_code = 32, .frame_previous = 24, .frame_instruction = (lasti),        \
		.frame_owner = ABSENT, .frame_entry = ABSENT, .frame_bytes = (lasti) + 8,    \
		.code_bytecode = ABSENT, .instruction_bytes = (unit), .code_first_line = 40, \
		.code_filename = 104, .every_frame_entry = 1,                                \
	}

#define STR_WITH_WSTR .str_length = 16, .str_state = 32, .str_ascii_data = 48, .str_data = 72
#define STR           .str_length = 16, .str_state = 32, .str_ascii_data = 40, .str_data = 56

#define SMALL_POOLS .pool_bytes = 4096, .arena_bytes = 256 << 10
#define LARGE_POOLS .pool_bytes = 16384, .arena_bytes = 1 << 20

#define BYTES .bytes_length = 16, .bytes_data = 32

static const struct python_layout layouts[] = {
	{
		.version = PYTHON_VERSION(3, 8),
		.walk = WALK_OBJECT_FRAMES(104, 1),
		.runtime_interpreters = 32,
		.runtime_key = 1392 + 4,
		.runtime_current = 1368,
		.runtime_slots = ABSENT,
		.interpreter_next = 0,
		.interpreter_modules = 56,
		.interpreter_sysdict = 72,
		.interpreter_gc = ABSENT,
		.runtime_gc = 344,
		.frame_locals = 360,
		.code_local_names = 72,
		.code_local_count = 28,
		.interpreter_threads = 8,
		.tstate_next = 8,
		.tstate_interpreter = 16,
		.tstate_native_thread = ABSENT,
		.frame_type_bytes = 368,
		.code_name = 112,
		.code_qualname = ABSENT,
		.code_lines = 120,
		.lines = PYTHON_LINES_LNOTAB,
		STR_WITH_WSTR,
		BYTES,
		SMALL_POOLS,
		.interpreter_obmalloc = ABSENT,
	},
	{
		.version = PYTHON_VERSION(3, 9),
		.walk = WALK_OBJECT_FRAMES(104, 1),
		.runtime_interpreters = 32,
		.runtime_key = 584 + 4,
		.runtime_current = 568,
		.runtime_slots = ABSENT,
		.interpreter_next = 0,
		.interpreter_modules = 856,
		.interpreter_sysdict = 872,
		.interpreter_gc = 616,
		.runtime_gc = ABSENT,
		.frame_locals = 360,
		.code_local_names = 72,
		.code_local_count = 28,
		.interpreter_threads = 8,
		.tstate_next = 8,
		.tstate_interpreter = 16,
		.tstate_native_thread = ABSENT,
		.frame_type_bytes = 368,
		.code_name = 112,
		.code_qualname = ABSENT,
		.code_lines = 120,
		.lines = PYTHON_LINES_LNOTAB,
		STR_WITH_WSTR,
		BYTES,
		SMALL_POOLS,
		.interpreter_obmalloc = ABSENT,
	},
	{
		.version = PYTHON_VERSION(3, 10),
		.walk = WALK_OBJECT_FRAMES(96, 2),
		.runtime_interpreters = 32,
		.runtime_key = 584 + 4,
		.runtime_current = 568,
		.runtime_slots = ABSENT,
		.interpreter_next = 0,
		.interpreter_modules = 856,
		.interpreter_sysdict = 872,
		.interpreter_gc = 616,
		.runtime_gc = ABSENT,
		.frame_locals = 352,
		.code_local_names = 72,
		.code_local_count = 28,
		.interpreter_threads = 8,
		.tstate_next = 8,
		.tstate_interpreter = 16,
		.tstate_native_thread = ABSENT,
		.frame_type_bytes = 360,
		.code_name = 112,
		.code_qualname = ABSENT,
		.code_lines = 120,
		.lines = PYTHON_LINES_LINETABLE,
		STR_WITH_WSTR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = ABSENT,
	},
	{
		.version = PYTHON_VERSION(3, 11),
		.walk =
			{
				.tstate_frame = 56,
				.cframe_frame = 8,
				.tstate_thread = 152,
				.frame_code = 32,
				.frame_previous = 48,
				.frame_instruction = 56,
				.frame_owner = ABSENT,
				.frame_entry = 68,
				.frame_bytes = 72,
				.code_bytecode = 184,
				.code_first_line = 72,
				.code_filename = 112,
			},
		.runtime_interpreters = 40,
		.runtime_key = 592 + 4,
		.runtime_current = 576,
		.runtime_slots = ABSENT,
		.interpreter_next = 0,
		.interpreter_modules = 888,
		.interpreter_sysdict = 904,
		.interpreter_gc = 648,
		.runtime_gc = ABSENT,
		.frame_locals = 72,
		.code_local_names = 96,
		.code_local_count = 76,
		.interpreter_threads = 16,
		.tstate_next = 8,
		.tstate_interpreter = 16,
		.tstate_native_thread = 160,
		.frame_type_bytes = 120,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.lines = PYTHON_LINES_LOCATIONS,
		STR_WITH_WSTR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = ABSENT,
	},
	{
		.version = PYTHON_VERSION(3, 12),
		.walk =
			{
				.tstate_frame = 56,
				.cframe_frame = 0,
				.tstate_thread = 136,
				.frame_code = 0,
				.frame_previous = 8,
				.frame_instruction = 56,
				.frame_owner = 70,
				.frame_entry = ABSENT,
				.frame_bytes = 72,
				.code_bytecode = 192,
				.code_first_line = 68,
				.code_filename = 112,
			},
		.runtime_interpreters = 40,
		.runtime_key = 1544 + 4,
		.runtime_current = ABSENT,
		.runtime_slots = 96,
		.interpreter_next = 0,
		.interpreter_modules = 944,
		.interpreter_sysdict = 352,
		.interpreter_gc = 112,
		.runtime_gc = ABSENT,
		.frame_locals = 72,
		.code_local_names = 96,
		.code_local_count = 72,
		.interpreter_threads = 72,
		.tstate_next = 8,
		.tstate_interpreter = 16,
		.tstate_native_thread = 144,
		.frame_type_bytes = 120,
		.code_name = 120,
		.code_qualname = 128,
		.code_lines = 136,
		.lines = PYTHON_LINES_LOCATIONS,
		STR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = 3960,
	},
	{
		.version = PYTHON_VERSION(3, 13),
		.walk = {.cframe_frame = ABSENT, .frame_entry = ABSENT, .frame_bytes = 80},
		.runtime_gc = ABSENT,
		.code_local_count = 72,
		.runtime_key = 2160 + 4,
		.runtime_current = ABSENT,
		.runtime_slots = 704,
		.lines = PYTHON_LINES_LOCATIONS,
		STR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = 10800,
		.obmalloc_is_pointer = true,
	},
	{
		.version = PYTHON_VERSION(3, 14),
		.walk = {.cframe_frame = ABSENT, .frame_entry = ABSENT, .frame_bytes = 80},
		.runtime_gc = ABSENT,
		.code_local_count = 72,
		.runtime_key = 2336 + 4,
		.runtime_current = ABSENT,
		.runtime_slots = 880,
		.lines = PYTHON_LINES_LOCATIONS,
		STR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = 10904,
		.obmalloc_is_pointer = true,
	},
	{
		.version = PYTHON_VERSION(3, 15),
		.walk = {.cframe_frame = ABSENT, .frame_entry = ABSENT, .frame_bytes = 80},
		.runtime_gc = ABSENT,
		.code_local_count = 72,
		.runtime_key = ABSENT,
		.runtime_current = ABSENT,
		.runtime_slots = 1008,
		.lines = PYTHON_LINES_LOCATIONS,
		STR,
		BYTES,
		LARGE_POOLS,
		.interpreter_obmalloc = 10880,
		.obmalloc_is_pointer = true,
	},
};

static int layout_find(uint32_t version, struct python_layout *layout)
{
	for (size_t i = 0; i < COUNT(layouts); i++) {
		if (layouts[i].version != PYTHON_MINOR(version))
			continue;
		*layout = layouts[i];
		layout->version = version;
		return 0;
	}
	return -ENOTSUP;
}

int python_layout_by_version(uint32_t version, struct python_layout *layout)
{
	struct python_layout found;

	if (PYTHON_MINOR(version) >= PYTHON_VERSION(3, 13) || layout_find(version, &found))
		return -ENOTSUP;
	*layout = found;
	return 0;
}

static const uint8_t *debug_index(uint32_t version)
{
	for (size_t i = 0; i < COUNT(debug_offsets); i++)
		if (debug_offsets[i].version == PYTHON_MINOR(version))
			return debug_offsets[i].index;
	return NULL;
}

static void layout_take(struct python_layout *layout, const uint32_t *offset)
{
	struct python_walk_layout *walk = &layout->walk;

	layout->runtime_interpreters = offset[DEBUG_RUNTIME_INTERPRETERS];
	layout->interpreter_next = offset[DEBUG_INTERPRETER_NEXT];
	layout->interpreter_threads = offset[DEBUG_INTERPRETER_THREADS];
	layout->interpreter_gc = offset[DEBUG_INTERPRETER_GC];
	layout->interpreter_modules = offset[DEBUG_INTERPRETER_MODULES];
	layout->interpreter_sysdict = offset[DEBUG_INTERPRETER_SYSDICT];
	layout->frame_locals = offset[DEBUG_FRAME_LOCALS];
	layout->code_local_names = offset[DEBUG_CODE_LOCAL_NAMES];
	layout->tstate_next = offset[DEBUG_TSTATE_NEXT];
	layout->tstate_interpreter = offset[DEBUG_TSTATE_INTERPRETER];
	layout->tstate_native_thread = offset[DEBUG_TSTATE_NATIVE_THREAD];
	layout->code_name = offset[DEBUG_CODE_NAME];
	layout->code_qualname = offset[DEBUG_CODE_QUALNAME];
	layout->code_lines = offset[DEBUG_CODE_LINES];
	layout->str_state = offset[DEBUG_STR_STATE];
	layout->str_length = offset[DEBUG_STR_LENGTH];
	layout->str_ascii_data = offset[DEBUG_STR_ASCII_DATA];
	walk->tstate_frame = (uint16_t)offset[DEBUG_TSTATE_FRAME];
	walk->tstate_thread = (uint16_t)offset[DEBUG_TSTATE_THREAD];
	walk->frame_code = (uint16_t)offset[DEBUG_FRAME_CODE];
	walk->frame_previous = (uint16_t)offset[DEBUG_FRAME_PREVIOUS];
	walk->frame_instruction = (uint16_t)offset[DEBUG_FRAME_INSTRUCTION];
	walk->frame_owner = (uint16_t)offset[DEBUG_FRAME_OWNER];
	walk->code_first_line = (uint16_t)offset[DEBUG_CODE_FIRST_LINE];
	walk->code_filename = (uint16_t)offset[DEBUG_CODE_FILENAME];
	walk->code_bytecode = (uint16_t)offset[DEBUG_CODE_BYTECODE];
}

/* The fields of a frame within what is read of one, and all in reach of the types that hold
 * them. */
static bool layout_makes_sense(const struct python_layout *layout, const uint32_t *offset)
{
	const struct python_walk_layout *walk = &layout->walk;

	for (int i = DEBUG_TSTATE_NEXT; i < DEBUG_OFFSETS; i++)
		if (offset[i] > 4096)
			return false;
	return walk->frame_code + 8 <= walk->frame_bytes &&
	       walk->frame_previous + 8 <= walk->frame_bytes &&
	       walk->frame_instruction + 8 <= walk->frame_bytes &&
	       walk->frame_owner < walk->frame_bytes && walk->code_first_line >= 16 &&
	       walk->code_filename > walk->code_first_line &&
	       PYTHON_CHECK_POINTERS(walk) <= PYTHON_CHECK_BYTES - 24;
}

int python_layout_read(const struct memory *memory, uint64_t runtime, struct python_layout *layout)
{
	struct {
		char cookie[8];
		uint64_t version;
		uint64_t words[DEBUG_WORDS];
	} header;
	uint32_t offset[DEBUG_OFFSETS];
	int error = memory_read(memory, runtime, &header, sizeof(header));

	if (error)
		return error;
	if (memcmp(header.cookie, "xdebugpy", sizeof(header.cookie)))
		return -ENOENT;
	layout->version = (uint32_t)header.version;
	const uint8_t *index = debug_index(layout->version);
	if (!index || layout_find(layout->version, layout))
		return -ENOTSUP;
	if (header.words[index[DEBUG_FREE_THREADED]])
		return -EPROTONOSUPPORT;
	for (int i = 0; i < DEBUG_OFFSETS; i++) {
		uint64_t word = header.words[index[i]];

		if (word > UINT32_MAX / 2)
			return -EBADMSG;
		offset[i] = (uint32_t)word;
	}
	layout_take(layout, offset);
	return layout_makes_sense(layout, offset) ? 0 : -EBADMSG;
}

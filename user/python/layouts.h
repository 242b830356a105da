/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where CPython keeps what, by version. Offsets in bytes; PYTHON_ABSENT where a version has no such
 * field.
 */
#ifndef UNFREED_PYTHON_LAYOUTS_H
#define UNFREED_PYTHON_LAYOUTS_H

#include <stdbool.h>

#include "../../bpf/python.h"
#include "../memory/memory.h"

#define PYTHON_VERSION(major, minor) ((uint32_t)(major) << 24 | (uint32_t)(minor) << 16)
#define PYTHON_MINOR(version)        ((version)&0xffff0000u)

enum python_lines {
	PYTHON_LINES_LNOTAB,    /* 3.8, 3.9 */
	PYTHON_LINES_LINETABLE, /* 3.10 */
	PYTHON_LINES_LOCATIONS, /* from 3.11 on */
};

struct python_layout {
	uint32_t version; /* as PY_VERSION_HEX: 0x030b02f0 */
	struct python_walk_layout walk;

	uint32_t runtime_interpreters; /* -> first interpreter state */
	uint32_t runtime_key;          /* pthread key of the thread states; PYTHON_ABSENT */
	uint32_t runtime_current;      /* -> thread state of the GIL's holder; PYTHON_ABSENT */
	uint32_t runtime_slots;        /* allocator slots raw, mem, obj; PYTHON_ABSENT: static */
	uint32_t interpreter_next;
	uint32_t interpreter_threads; /* -> first thread state */
	uint32_t interpreter_modules; /* -> dict: sys.modules */
	uint32_t interpreter_sysdict; /* -> dict */
	uint32_t interpreter_gc;      /* the collector's state; PYTHON_ABSENT: in the runtime */
	uint32_t runtime_gc;          /* PYTHON_ABSENT: in each interpreter */
	uint32_t tstate_next;
	uint32_t tstate_interpreter;
	uint32_t tstate_native_thread; /* thread id in its PID namespace; PYTHON_ABSENT */

	uint32_t frame_locals;     /* local variables, in the order of the code's names */
	uint32_t code_local_names; /* -> tuple of str */
	uint32_t code_local_count;
	uint32_t frame_type_bytes; /* basic size of PyFrame_Type; 0: not to be checked */
	uint32_t code_name;
	uint32_t code_qualname; /* PYTHON_ABSENT */
	uint32_t code_lines;    /* -> bytes */
	enum python_lines lines;

	uint32_t str_length;
	uint32_t str_state; /* interned:2, kind:3, compact:1, ascii:1 */
	uint32_t str_ascii_data;
	uint32_t str_data; /* of compact ones that are not ASCII */
	uint32_t bytes_length;
	uint32_t bytes_data;

	uint32_t pool_bytes;
	uint32_t arena_bytes;
	/* pymalloc's state, from 3.12 on; PYTHON_ABSENT: static variables */
	uint32_t interpreter_obmalloc;
	bool obmalloc_is_pointer;
};

/*
 * Fills the layout for a version by the table. Returns 0, or -ENOTSUP where the version is not in
 * it.
 */
int python_layout_by_version(uint32_t version, struct python_layout *layout);

/*
 * Fills the layout from the _Py_DebugOffsets at the address of _PyRuntime. Returns 0, -ENOENT where
 * there are none (before 3.13), -ENOTSUP where their version is not known, -EPROTONOSUPPORT for a
 * free-threaded build, -EBADMSG where they make no sense, or another negative errno.
 * layout->version is filled in for all but -ENOENT.
 */
int python_layout_read(const struct memory *memory, uint64_t runtime, struct python_layout *layout);

#endif

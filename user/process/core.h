/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A core file in the place of a process: gcore's, or the kernel's. What it says belongs to whoever
 * wrote it and may lie: all is bounded by the size of the file, and nothing is believed that does
 * not fit it.
 *
 * A core holds pages that were written to, and hardly any of files: those are read from the files
 * themselves, where they are still the same (core_files.c). It does not hold what the kernel keeps
 * (descriptors, timers, limits), which pages were resident, or whether a mapping was shared.
 */
#ifndef UNFREED_CORE_H
#define UNFREED_CORE_H

#include "../arch/memory.h"
#include "../arch/registers.h"
#include "../lib/failure.h"
#include "mappings.h"

enum {
	CORE_PAGE_BYTES = MACHINE_PAGE_BYTES,
};

struct core;

/*
 * `root`: the directory in which the files that it names are, as of a container; NULL: here.
 * Returns 0, or -1 with `failure` filled.
 */
int core_open(const char *path, const char *root, struct core **core, struct failure *failure);
void core_free(struct core *core); /* accepts NULL */

struct core_about {
	const char *path;         /* as it was opened */
	pid_t pid;                /* 0: not told */
	const char *comm;         /* "" where that is not told */
	const char *exe;          /* NULL: not told */
	int64_t taken_at_ns;      /* when the file was last written to, since the epoch */
	uint64_t missing_bytes;   /* of its memory, since it was cut short */
	size_t missing_stacks;    /* threads whose stack is zeroes, or not there */
	bool has_no_notes;        /* it was cut before what names files and threads */
	size_t changed_files;     /* mapped, and now missing, or others, or not to be told */
	const char *changed_file; /* one of them; NULL: there is none */
};
struct core_about core_about(const struct core *core);

struct core_mapping {
	struct mapping mapping; /* the path is the core's */
	bool is_shared;         /* by its path; of others it is not known */
	bool is_stack;          /* the main thread's */
	uint64_t held_bytes;    /* pages in the core that are not all zeroes */
};

/* By address. */
size_t core_mapping_count(const struct core *core);
struct core_mapping core_mapping(const struct core *core, size_t number);

struct core_thread {
	pid_t id;
	uint64_t registers[THREAD_REGISTERS_MAX]; /* as many as thread_registers has */
};
const struct core_thread *core_threads(const struct core *core, size_t *count);

/* Opens the file behind a mapping, where it is the one that was mapped. Returns a descriptor or a
 * negative errno. */
int core_open_file(const struct core *core, const struct mapping *mapping);

enum core_page {
	CORE_PAGE_ABSENT,
	CORE_PAGE_HELD,
	CORE_PAGE_ZERO, /* all zeroes, as are pages that were never written to */
	CORE_PAGE_FILE, /* not in the core, but in the mapped file */
};

/* Of `count` pages from an address on. */
void core_page_states(const struct core *core, uint64_t address, size_t count, uint8_t *states);

/* As pread(): how many bytes, up to the first that is not to be had; -1 with errno EIO where that
 * is the very first. */
ssize_t core_read(struct core *core, uint64_t address, void *buffer, size_t size);

#endif

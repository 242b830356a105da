/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF files that stacks run through, held open: names can be looked up after the process, or
 * the file, is gone. A file that many processes map is one module.
 */
#ifndef UNFREED_MODULES_H
#define UNFREED_MODULES_H

#include <uthash.h>

#include "../elf/build_id.h"
#include "file_users.h"

struct module {
	char *path;               /* as the target sees it; "[vdso]" */
	int fd;                   /* negative: an errno, it could not be opened */
	int table_error;          /* 0, or why there is no unwind table */
	bool table_late;          /* it is being made */
	int names_error;          /* 0, or why there are no names */
	bool told;                /* that one of the three is so */
	bool spared;              /* nobody used it when that was looked at last */
	bool leaving;             /* nor did anybody now */
	size_t frames;            /* of stacks that are known */
	struct file_numbers file; /* the vdso has none */
	UT_hash_handle hh;
	/* where the first process that ran into it has its code, 0: none did yet */
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	char build_id[BUILD_ID_TEXT_MAX]; /* "": none, or not read yet */
};

struct modules {
	struct module **items;
	size_t count;
	struct module *by_file; /* the newest of its numbers */
	struct module *vdso;
};

/*
 * The module behind a mapping, opened at first sight. Owned by `modules`. NULL where the mapping
 * has no code from a file (anonymous memory) or on out of memory.
 */
struct module *modules_get(struct modules *modules, const struct procfs *procfs, pid_t pid,
			   const struct mapping *mapping);

/* Keeps where code of a module is mapped, if nothing is known of that yet or it is in line with
 * it. */
void module_note_code(struct module *module, const struct mapping *mapping);

/*
 * The module of a file that a program told of: the mapping has its numbers and its path, and may be
 * gone by now; then the file is opened by its path, if it is still the same. One that cannot be
 * opened is a module all the same, with a name at least. NULL on out of memory.
 */
struct module *modules_get_told(struct modules *modules, const struct procfs *procfs, pid_t pid,
				const struct mapping *mapping);

/* The module of a file by its numbers, NULL where it is not known. */
struct module *modules_find(const struct modules *modules, struct file_numbers file);

/*
 * Finds out which are of no use any more: no stack runs through them, and no process runs them. One
 * that is found so for the first time is spared: of programs that run for a short time each the
 * next one needs the same files. The others are leaving; returns how many these are.
 */
size_t modules_mark_leaving(struct modules *modules, const struct file_users *users);

/* Frees those that are leaving. Nobody may know of them any more. */
void modules_evict(struct modules *modules);

/* What went wrong with it, as a sentence: reading it, or its names, or
 * its table. False: nothing. */
bool module_describe_trouble(const struct module *module, char *text, size_t size);

void modules_release(struct modules *modules);

#endif

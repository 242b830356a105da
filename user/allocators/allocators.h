/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files of a process define its allocator, and where their probes go.
 *
 * Look-up order as the dynamic linker has it: objects preloaded, the executable, libraries. Every
 * object that defines malloc is taken (a library loaded later may bring its own; nested calls are
 * sorted out by the programs): only the dynamic loader's own minimal malloc is not.
 */
#ifndef UNFREED_ALLOCATORS_H
#define UNFREED_ALLOCATORS_H

#include "../confine/confined.h"
#include "../process/mappings.h"
#include "sites.h"

struct allocator {
	char *path;       /* as the target sees it */
	const char *kind; /* "glibc", "musl", "jemalloc", "tcmalloc", "mimalloc", "unknown": static
			     string */
	int fd;           /* the file, open for the life of this struct; uprobes attach through
			     /proc/self/fd/FD */
	uint64_t device;  /* with the inode: the identity of the file */
	uint64_t inode;
	struct site *entry_sites; /* entry (and return) probes */
	size_t entry_count;
	struct site *return_sites; /* where functions that may throw end (returns.h); they go with
				      an entry site */
	size_t return_count;
	/* Instead of the entry sites of the same functions, once they are proven: direct.h;
	 * those of a function behind each other. */
	struct site *direct_sites;
	size_t direct_count;
};

/* One whose functions have no names, so that no probe can be put on them. */
struct hidden_allocator {
	char *path;
	const char *kind;
};

struct allocators {
	struct allocator *items;
	size_t count;
	struct hidden_allocator *hidden;
	size_t hidden_count;
	/* Files that are still being looked through: see confined_wait_until(). */
	struct file_numbers *late;
	size_t late_count;
	/* The dynamic linker's rendezvous function, called after each dlopen and dlclose. */
	int linker_fd; /* -1: none (static executable) */
	char *linker_path;
	uint64_t linker_hook;  /* file offset of its site */
	uint64_t linker_state; /* as struct survey has it */
};

/* Whether there are direct sites that see all calls of a function. */
bool allocator_has_direct(const struct allocator *allocator, const struct alloc_function *function);

/*
 * Looks through the executable mappings of a process; its files are read in the confined process.
 * Returns 0 (also where none is found: count is 0) or a negative errno. A damaged file costs that
 * file: it is left out and named in *skipped (malloc'd text, or NULL).
 */
int allocators_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
		    const struct mappings *mappings, struct allocators *allocators, char **skipped);
void allocators_release(struct allocators *allocators);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind maps as their one writer: files, shared between processes, and each process's list of
 * executable mappings. Follows the rules for updates in bpf/unwind.h. Not for several threads.
 *
 * A file that no list refers to stays until its room is needed, so that a library which comes and
 * goes is read once.
 */
#ifndef UNFREED_UNWIND_TABLES_H
#define UNFREED_UNWIND_TABLES_H

#include <sys/stat.h>

#include "file.h"

/* Where the tables go: mapped map memory, or a test's. All zeroed at the start. */
struct unwind_memory {
	struct unwind_chunk *chunks;
	uint32_t chunk_count;
	struct unwind_rule *rules;
	uint32_t rule_count; /* at most UNWIND_RULES_MAX */
	struct unwind_mapping *mappings;
	uint32_t mapping_count;
	uint64_t *spaces;               /* UNWIND_SPACES of them */
	struct unwind_unloads *unloads; /* likewise; NULL: nothing is unloaded */
	/*
	 * Lets walks find a file's table wherever it is mapped (unwind_files); `table` NULL: no
	 * longer. NULL: there are none that would.
	 */
	void (*publish)(void *context, const struct unwind_file_id *id,
			const struct unwind_file_table *table);
	/*
	 * Returns when no walk is under way that began before the call; see
	 * unwind_wait_for_programs.
	 */
	void (*wait_for_readers)(void *context);
	void *context;
};

/* What tells a file from every other, and from itself before a change. */
struct unwind_key {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t changed_ns; /* st_ctim, which a file's owner cannot set */
};

#define UNWIND_NO_FILE (-1)

/* An executable mapping of a process. */
struct unwind_placement {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset; /* bytes */
	int file;             /* or UNWIND_NO_FILE */
	bool stays;           /* it cannot be unmapped while the process runs its image */
	uint64_t mark;        /* UNWIND_FILE_MARK(); 0: no file */
};

struct unwind_usage {
	uint32_t files;
	uint32_t files_unused; /* in no list */
	uint32_t rules;
	uint64_t words_free;
	uint64_t words;
	uint64_t mappings_free;
};

struct unwind_tables;

/* The memory stays the caller's. NULL with errno. */
struct unwind_tables *unwind_tables_new(const struct unwind_memory *memory);
void unwind_tables_free(struct unwind_tables *tables);

struct unwind_key unwind_key_of(const struct stat *stat);
extern const struct unwind_key unwind_key_vdso;

/*
 * Gives a file's number if its table is there already, else -ENOENT. Like unwind_tables_add it
 * holds the file for the caller until unwind_tables_put.
 */
int unwind_tables_find(struct unwind_tables *tables, const struct unwind_key *key);

/*
 * Adds a file (also one without a table, so that it is not read again) and returns its number, or
 * -ENOSPC, -ENOMEM, -EPROTO (what `file` refers to is not there). `file` stays the caller's.
 */
int unwind_tables_add(struct unwind_tables *tables, const struct unwind_key *key,
		      const struct unwind_file *file);
void unwind_tables_put(struct unwind_tables *tables, int file);

/* Lets walks find a file's table by `id`, as long as it is kept. The file must be held. */
void unwind_tables_publish(struct unwind_tables *tables, int file, const struct unwind_file_id *id);

/* Drops what is published as `id` and in no list. */
void unwind_tables_forget(struct unwind_tables *tables, const struct unwind_file_id *id);

/*
 * Replaces a space's list. `placements` are its executable mappings, sorted by address and apart.
 * Returns 0 or -ENOSPC, -ENOMEM, -E2BIG (more than UNWIND_MAPPINGS_A_SPACE), -EINVAL; then the old
 * list stays.
 */
int unwind_tables_set_mappings(struct unwind_tables *tables, uint32_t space,
			       const struct unwind_placement *placements, size_t count);

/* The space is gone: its list is, too. */
void unwind_tables_drop_space(struct unwind_tables *tables, uint32_t space);

struct unwind_usage unwind_tables_usage(const struct unwind_tables *tables);

/*
 * For unwind_memory.wait_for_readers: waits until every BPF program that runs now has ended.
 * membarrier's global command waits for an RCU grace period, and non-sleepable programs run within
 * RCU's read side. Kernels with nohz_full refuse it; there a pause longer than a walk has to do.
 */
void unwind_wait_for_programs(void *context);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the core reader share. */
#ifndef UNFREED_CORE_INTERNAL_H
#define UNFREED_CORE_INTERNAL_H

#include <elf.h>

#include "core.h"

enum core_file_state {
	CORE_FILE_UNKNOWN, /* nothing of it is in the core by which to know it */
	CORE_FILE_SAME,
	CORE_FILE_OTHER,
	CORE_FILE_MISSING,
};

struct core_file {
	const char *path;
	bool deleted;
	enum core_file_state state;
	bool is_wanted; /* memory that is not in the core lies in it */
	dev_t device;
	ino_t inode;
};

/* A line of NT_FILE. */
struct core_entry {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	char *path;
	size_t file; /* number from 1 on */
};

/* One mapping. */
struct core_part {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* in the core */
	uint64_t held_bytes;
	uint64_t said_bytes; /* that were written; more than are held where the core was cut */
	uint32_t flags;      /* PF_R, PF_W, PF_X */
	bool flags_known;
	const char *name;    /* "[heap]", …; NULL: none */
	uint64_t full_bytes; /* of pages that are not all zeroes */
	uint64_t file_offset;
	size_t file;  /* number from 1 on; 0: none */
	size_t pages; /* number of its first held page */
};

struct core {
	char *path;
	int fd;
	int root_fd; /* in which its files are; -1: here */
	uint64_t size;
	int64_t taken_at_ns;
	struct core_part *parts; /* by address */
	size_t part_count;
	uint64_t missing_bytes;
	bool has_no_notes;
	uint64_t *full;             /* a bit for each held page: whether it is not all zeroes */
	char *strings;              /* of NT_FILE */
	struct core_entry *entries; /* by address */
	size_t entry_count;
	struct core_file *files;
	size_t file_count;
	struct core_thread *threads;
	size_t thread_count;
	pid_t pid;
	char comm[17];
	uint64_t entry_address; /* of the auxiliary vector: AT_ENTRY, … */
	uint64_t random_address;
	uint64_t vdso_address;
	size_t open_file; /* whose descriptor `file_fd` is; 0: none */
	int file_fd;
};

/* Each returns 0 or a negative errno: -ENOMEM; -EPROTO: makes no sense. */
int core_notes_read(struct core *core, uint64_t offset, uint64_t size);
int core_pages_find(struct core *core);
int core_files_find(struct core *core);

/* By address. */
void core_parts_sort(struct core *core);

/* The first part that ends behind an address; core->part_count where there is none. */
size_t core_parts_from(const struct core *core, uint64_t address);

/* NULL: nothing is mapped there. */
const struct core_part *core_part_find(const struct core *core, uint64_t address);

/* All bytes of the core file. Returns 0 or -EIO. */
int core_file_read(int fd, uint64_t offset, void *buffer, size_t size);

#endif

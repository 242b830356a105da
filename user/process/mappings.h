/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process has mapped: /proc/PID/maps as an array, sorted by address.
 */
#ifndef UNFREED_MAPPINGS_H
#define UNFREED_MAPPINGS_H

#include <sys/types.h>

#include "procfs.h"

struct mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset; /* bytes */
	uint64_t inode;       /* 0: no file */
	uint32_t device_major;
	uint32_t device_minor;
	bool readable;
	bool writable;
	bool executable;
	bool deleted; /* the file is gone from its directory, or was replaced */
	/* Between which of the process's unloadings it was seen there; see
	 * user/collect/images.h. */
	uint32_t seen_from;
	uint32_t seen_until;
	char *path; /* as the target sees it, without " (deleted)"; "[vdso]", "[stack]"; "" where
		       anonymous */
};

struct mappings {
	struct mapping *items;
	size_t count;
};

/*
 * One line of PID/maps, which also heads each mapping of PID/smaps, without its newline. Returns 0,
 * -EPROTO or -ENOMEM; the path is malloc'd.
 */
int mapping_parse(const char *line, size_t length, struct mapping *mapping);

/* Returns 0 or a negative errno (-ESRCH: the process is gone). On failure `mappings` is empty. */
int mappings_read(const struct procfs *procfs, pid_t pid, struct mappings *mappings);
/* Returns 0 or -ENOMEM; then `copy` is empty. */
int mappings_copy(const struct mappings *mappings, struct mappings *copy);
void mappings_release(struct mappings *mappings);

/* NULL where the address is not mapped. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);

/* As stat(2) has it. */
dev_t mapping_device(const struct mapping *mapping);

/* What tells a file from every other one that is there: device and inode, as stat(2) has them. */
struct file_numbers {
	uint64_t device;
	uint64_t inode;
};

struct file_numbers mapping_file(const struct mapping *mapping);

/* Whether a mapping is of this file. */
bool mapping_is_of(const struct mapping *mapping, dev_t device, uint64_t inode);
/* Whether a path is that of memory that processes share, not of a file on a disk. */
bool mapping_is_shared_memory(const char *path);

bool mapping_same_file(const struct mapping *a, const struct mapping *b);

/*
 * The first executable mapping of each file, by address: an array to be freed, its length in
 * *count. NULL where there is no memory.
 */
const struct mapping **mappings_code_files(const struct mappings *mappings, size_t *count);

/*
 * Opens the file behind a mapping through PID/map_files: works across mount namespaces and for a
 * file that was deleted or replaced. Without the privilege for that (CAP_SYS_ADMIN) by its name in
 * the target's root, where that is still the same file. Regular files only. Returns a descriptor or
 * a negative errno; -ENOENT or -ESTALE where it is no longer mapped there, or no longer the same,
 * -EREMOTE where a user's process would have to answer (served.h).
 */
int mapping_open(const struct procfs *procfs, pid_t pid, const struct mapping *mapping);

/* The same of one that may be unmapped by now: by its name alone. */
int mapping_open_named(const struct procfs *procfs, pid_t pid, const struct mapping *mapping);

#endif

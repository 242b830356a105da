/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Process images: one for each address space number that the programs gave out. An exec makes a new
 * one; the old one stays with what it had outstanding.
 *
 * Code that is unmapped can be followed by other code in its place, and records come late. So the
 * time of a record and of a mapping is told by how often the process's dynamic linker had unloaded
 * something: between two such events nothing takes the place of anything.
 */
#ifndef UNFREED_IMAGES_H
#define UNFREED_IMAGES_H

#include <uthash.h>

#include "../python/coverage.h"
#include "../python/target.h"
#include "../symbolize/symbolizer.h"
#include "../unwind/tables.h"
#include "modules.h"

/* What an interpreter counts itself, to be compared with what was seen of it. */
struct python_account {
	const char *mode;           /* as python_plan_name() has it: static text; NULL: no
				       interpreter */
	uint32_t pools;             /* in a block of the python domain; 0: it is an object's */
	bool frames_alone;          /* its blocks are not what is recorded */
	bool counted;               /* the rest is known */
	uint64_t before;            /* blocks when tracing began */
	uint64_t now;               /* and when last looked */
	uint64_t old_frees;         /* of blocks from before, since then */
	struct python_blocks first; /* all that it counted when tracing began, */
	struct python_blocks last;  /* and when last looked */
	bool last_known;            /* it could be asked then */
	bool frees_are_read;        /* from its pools: its blocks' frees are not probed */
	uint64_t frees_read_ns;     /* its younger blocks are none of a report; 0: all are of it */
	const char *version;        /* owned by the account's filler */
};

struct known_stack; /* stack_table.h */

/* What a file that grows was when it was read. */
struct file_stamp {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	uint64_t changed_ns;
};

struct image {
	uint32_t space; /* SPACE() of bpf/ledger.h */
	uint32_t pid;
	uint64_t start_time; /* of the process, in clock ticks since boot; 0: it was gone */
	char comm[17];
	char *exe;
	char **cmdline;
	size_t cmdline_count;
	struct mappings mappings;  /* as last read */
	struct mappings former;    /* code that was unmapped since: records of it may still come */
	uint32_t unloads;          /* libraries had been unloaded so often when they were read */
	bool unwound;              /* the walker has its tables */
	bool late;                 /* but for some that are being made */
	bool gone;                 /* the process exited or went on to another image */
	bool spared;               /* it was gone when mappings were forgotten last */
	bool removed;              /* to be forgotten */
	size_t number;             /* its place in a snapshot in the making */
	uint64_t refreshed_ns;     /* when they were read last, or could not be */
	uint64_t refresh_after_ns; /* a search for an address waits until then */
	struct perf_map *perf_map; /* names from a JIT; NULL: none */
	struct file_stamp perf_map_stamp;
	bool perf_map_due;  /* it was given up for now */
	int perf_map_error; /* 0, or why it is not looked at again */
	bool perf_map_told;
	struct python_target *python;  /* NULL: no interpreter, or not known yet */
	struct python_account account; /* of the interpreter */
	struct known_stack *stacks;    /* its own, by their `next` */
	UT_hash_handle hh;
};

struct images {
	const struct procfs *procfs;
	struct unwind_unloads *unloads; /* by space, see bpf/unwind.h; NULL: none is */
	struct confined *confined;
	struct image **items; /* as they came */
	size_t count;
	struct image **by_number; /* of their spaces; made with the first one */
	struct image *by_pid;     /* the newest of each */
	struct file_users *users; /* those that are not gone; made with the first image */
	/* What is taken in was made before this moment of CLOCK_MONOTONIC; 0: not known. */
	uint64_t told_before_ns;
};

/* The image of a space, NULL where it is not known. */
struct image *images_find(const struct images *images, uint32_t space);

/* The newest image of a process, NULL where there is none. */
struct image *images_find_pid(const struct images *images, uint32_t pid);

/* Makes the image of a live process. Returns NULL on out of memory; a process that is gone gives an
 * empty one. */
struct image *images_add(struct images *images, uint32_t space, uint32_t pid);

/*
 * Makes the image of a forked child: what its parent's is, unless it can still be asked. NULL on
 * out of memory.
 */
struct image *images_add_child(struct images *images, const struct image *parent, uint32_t space,
			       uint32_t pid);

/*
 * Makes the image that an exec started; `comm` is its name (16 bytes). NULL on out of memory.
 */
struct image *images_add_executed(struct images *images, uint32_t space, uint32_t pid,
				  const char *comm);

/*
 * Reads the mappings again; of a process that is gone the last ones stay. Returns whether its code
 * is mapped in another way than before.
 */
bool image_refresh(const struct images *images, struct image *image);

/*
 * Whether to read the mappings again because an address is in none of them. Not where they
 * were read since what names it was made: of a process that has just begun there are
 * hundreds of such stacks. With tens of thousands of mappings it takes long, and may be in
 * vain each time: then not always.
 */
bool image_refresh_due(const struct images *images, const struct image *image);

/*
 * The mapping that held an address when libraries had been unloaded so often: in another time
 * another one may have been there. Reads the mappings again where none does, or where they are
 * older than that. NULL: none, or not known.
 */
const struct mapping *image_find_mapping(const struct images *images, struct image *image,
					 uint64_t address, uint32_t unloads);

/*
 * Reads the process's perf map, or reads it again; where that fails an older one stays. To be
 * called when code outside of any file is first met, since the process may be gone later: then
 * there is none, whoever got its number. One that cannot be read is not tried again, and one that
 * is as it was not read again.
 */
void image_read_perf_map(const struct images *images, struct image *image);

/* The process exited or went on to another image. */
void image_end(const struct images *images, struct image *image);

/* Forgets what those had mapped that had ended when it was called last: records may come late. */
void images_forget_mappings(const struct images *images);

/* Reads those again that there are, as they grow. */
void images_read_perf_maps(const struct images *images);

/* Frees those that are removed. */
void images_forget_removed(struct images *images);

void images_release(struct images *images);

#endif

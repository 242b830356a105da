/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look: what is in the memory of a process at one instant. Data alone: whoever reads the memory
 * fills it, formats write it, and two of them give growth. Strings are bytes of the target's
 * making: each format escapes them. Everything in a look lives in its zone.
 *
 * Sizes are in bytes. UINT64_MAX in a length, bound or count that is marked so means: not known.
 */
#ifndef UNFREED_LOOK_H
#define UNFREED_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/zone.h"

#define LOOK_UNKNOWN UINT64_MAX

/* Where resident memory is. The resident bytes of all parts add up to the process's. */
#define LOOK_PART_LIST(X)                                   \
	X(PYTHON_LIVE, "python_live")                       \
	X(PYTHON_FREE, "python_free")                       \
	X(MALLOC_LIVE, "malloc_live")                       \
	X(MALLOC_FREE_RETURNABLE, "malloc_free_returnable") \
	X(MALLOC_FREE_PINNED, "malloc_free_pinned")         \
	X(MALLOC_CACHE, "malloc_cache")                     \
	X(STACKS, "stacks")                                 \
	X(ANONYMOUS, "anonymous")                           \
	X(FILES, "files")                                   \
	X(SHARED, "shared")                                 \
	X(OTHER, "other")

enum look_part_id {
#define X(id, name) PART_##id,
	LOOK_PART_LIST(X)
#undef X
		PART_COUNT
};

struct look_part {
	uint64_t resident_bytes; /* pages of it that are resident */
	uint64_t bytes;          /* as its owner counts it: live blocks, free chunks, mappings */
};

/* glibc's malloc, as it counts itself. */
struct look_malloc {
	const char *version; /* releases of glibc that have its structures: "2.35-2.42" */
	uint64_t arenas;
	uint64_t threads;      /* attached to arenas */
	uint64_t heaps;        /* mappings of other arenas than the main one */
	uint64_t system_bytes; /* mallinfo2: arena */
	uint64_t live_bytes;   /* chunks in use, with their headers, without mmapped ones */
	uint64_t live_chunks;
	uint64_t free_bytes;    /* mallinfo2: fordblks */
	uint64_t top_bytes;     /* of them in tops */
	uint64_t fastbin_bytes; /* of them in fastbins: mallinfo2: fsmblks */
	uint64_t cached_bytes;  /* in caches of threads: in use as mallinfo2 sees it */
	uint64_t cached_chunks;
	uint64_t mmapped_bytes; /* mallinfo2: hblkhd, hblks */
	uint64_t mmapped_chunks;
	uint64_t returnable_bytes;  /* resident, that malloc_trim(0) would give back */
	uint64_t thread_arena_free; /* resident and free, in other arenas than the main one */
	uint64_t retries;           /* stretches that changed while they were read */
};

enum { LOOK_CHUNKS_EXACT = 65536 };

/* Live chunks of malloc by size. */
struct look_chunks {
	uint64_t least; /* below 64 KiB the size itself, above four classes to a doubling */
	uint64_t count;
	uint64_t bytes;
};

/* The name of anonymous mappings of which nothing more is known. */
#define LOOK_PLAIN_MAPPING "mmap"
#define LOOK_STATIC_DATA   "static data" /* zeroes of a program or library, .bss */

/* Why a number of the look may be off, counted by cause. */
#define LOOK_UNCERTAIN_LIST(X)                                                                     \
	X(TORN_POOLS, "torn_pools", "pools of CPython that changed while they were read")          \
	X(UNREADABLE, "unreadable_bytes", "bytes that were gone when they were read")              \
	X(SWAPPED, "swapped_bytes", "bytes in swap, not read")                                     \
	X(NO_ROOM, "no_room", "objects beyond the memory that the look may use")                   \
	X(DANGLING, "dangling", "references to what was no object when it was read")               \
	X(TYPES_FULL, "types_full", "types beyond the room for them")                              \
	X(MALLOC_TORN, "malloc_torn", "bytes of malloc's heaps that changed while they were read") \
	X(SAMPLED, "sampled", "objects for which others like them were looked at")

enum look_uncertain {
#define X(id, key, text) UNCERTAIN_##id,
	LOOK_UNCERTAIN_LIST(X)
#undef X
		UNCERTAIN_COUNT
};

struct look_type {
	const char *name;     /* qualified, with its module unless that is builtins */
	const char *language; /* "python", "c++" */
	uint64_t count;
	uint64_t bytes; /* of the objects themselves, without what they refer to */
};

struct look_count {
	const char *name;
	uint64_t count;
	uint64_t bytes;
};

struct look_container {
	const char *name; /* how a program reaches it: recommend.behaviour.HISTORY; NULL: by no way
			     that is known */
	const char *type;
	uint64_t address; /* 0: many alike, under one pattern of a path */
	uint64_t length;  /* entries; of many alike in all */
	uint64_t bytes;   /* of all that is reached through it first */
	uint64_t bound;   /* maxsize, maxlen; LOOK_UNKNOWN: none seen */
	uint64_t hits;    /* of a cache; LOOK_UNKNOWN: none kept */
	uint64_t misses;
	const struct look_count *of; /* what its entries are, by type, most first */
	size_t of_count;
};

enum { LOOK_POOLS_MAX = 32 };

/* A pool of connections, or several of one name. */
struct look_pool {
	const char *name; /* as of containers */
	const char *type; /* its class */
	uint64_t count;   /* pools */
	uint64_t in_use;  /* connections */
	uint64_t idle;
	uint64_t maximum; /* LOOK_UNKNOWN: none, or not known */
};

/* One way of being held, and how many are held so. */
struct look_step {
	const char *edge; /* ".rows", "[*]" */
	const char *type;
	const char *name; /* of the object, where it has one */
};

struct look_holder {
	const char *of;   /* type or name that was asked for */
	const char *name; /* the chain as one name */
	uint64_t count;
	uint64_t bytes;
	const struct look_step *chain; /* from the root to it */
	size_t chain_length;
};

struct look_garbage {
	const char *type;
	uint64_t count;
	uint64_t bytes;
	const char *why; /* "cycle", "frozen", "uncollectable", "saved" */
};

/* Python objects with more references than were found: C code holds them, or forgot them. */
struct look_held {
	const char *type;
	uint64_t count;
	uint64_t bytes; /* of the objects themselves */
	int64_t grown;  /* since the first look of a series */
};

/* What no reference that was found accounts for. */
struct look_lost {
	const char *type;
	uint64_t size;
	uint64_t count;
	uint64_t bytes;
};

enum { LOOK_GENERATIONS = 3 };

struct look_gc {
	bool known;
	bool enabled;
	bool saves_all;      /* gc.DEBUG_SAVEALL: what it finds goes to gc.garbage */
	bool has_frozen;     /* the permanent generation is not empty */
	bool is_incremental; /* there are no full collections, but parts of them (3.14.0 to 3.14.4)
			      */
	size_t generation_count;
	uint64_t frozen; /* objects in the permanent generation; LOOK_UNKNOWN */
	struct {
		uint64_t threshold;
		uint64_t count;
		uint64_t collections;
		uint64_t collected;
		uint64_t uncollectable;
	} generations[LOOK_GENERATIONS];
};

/* What grew between the first look of a series and the last. */
struct look_grown {
	const char *name; /* of the container or of the pattern; NULL: not reached by a known way */
	const char *type; /* of the container */
	const char *of;   /* type of most of the new entries; NULL: unknown */
	uint64_t address; /* of the container; 0: many alike */
	uint64_t containers; /* how many alike grow: 1 for a single one */
	uint64_t length;     /* at the last look */
	int64_t grown;       /* entries */
	int64_t bytes;       /* of all that is below the new entries, about */
	bool garbage;        /* reached by nothing: a collection may take it */
	bool replaced;       /* a value, by a longer one each time: `length` is bytes, `grown` 0 */
};

/* Objects of one type that objects of another one hold: how many more. */
struct look_edge {
	const char *from, *to;
	uint64_t count;
};

struct look_growth {
	double seconds;
	size_t looks;
	const struct look_count *types; /* count and bytes as signed differences (int64_t) */
	size_t type_count;
	const struct look_grown *containers;
	size_t container_count;
	const struct look_edge *edges; /* most first; none where holders were not looked at twice */
	size_t edge_count;
	int64_t parts[PART_COUNT]; /* as their owners count them; resident where nobody does */
	/* Sizes of malloc's live chunks whose number changed, what grew most bytes first: count and
	   bytes as signed differences (int64_t). */
	const struct look_chunks *chunks;
	size_t chunk_count;
	int64_t resident_bytes;
	bool collected;        /* a full collection fell into it, so that it is no mere garbage */
	int64_t garbage_bytes; /* by so much garbage in cycles grew, about; 0 also where unknown */
};

/* A core file that was looked at in the place of a process. */
struct look_core {
	const char *path;
	uint64_t missing_bytes;   /* of its memory: it was cut short */
	uint64_t missing_stacks;  /* threads whose stack is not in it */
	bool has_no_notes;        /* it was cut before what names files and threads */
	uint64_t changed_files;   /* that were mapped and are missing now, or others */
	const char *changed_file; /* one of them; NULL: there is none */
};

/* Processes that a master forked, which are not looked at beside it. */
struct look_workers {
	size_t count;
	uint32_t first; /* one of them */
};

struct look {
	struct zone *zone;
	const struct look_core *core; /* NULL: a live process */
	pid_t pid;
	const char *comm;
	const char *exe;            /* NULL: unknown */
	const char *python_version; /* NULL: no CPython that is understood */
	const char *python_problem; /* why it is not; NULL: none */
	const char *python_note;    /* how its objects were found, where not as usual; NULL */
	const char *malloc_problem; /* why malloc's heap is not told apart; NULL: it is */
	const char *other_malloc;   /* "jemalloc": its malloc, which is not looked into; or NULL */
	const char *collector;      /* whose garbage may lie in malloc's blocks; NULL: nobody's */
	struct look_workers workers;
	uint64_t start_time; /* in clock ticks since boot */
	int64_t taken_at_ns; /* since the epoch */
	uint64_t read_ns;    /* how long it took */
	uint64_t frozen_ns;  /* how long it was stopped for that and earlier ones */
	uint64_t cpu_ns;     /* CPU time that it took of ours */

	uint64_t resident_bytes;
	uint64_t anonymous_bytes; /* of the resident ones: not of files */
	uint64_t swapped_bytes;
	uint64_t limit_bytes; /* of its cgroup; 0: none */
	bool parts_known;
	struct look_part parts[PART_COUNT];
	uint64_t proportional_bytes;      /* with its share of what is shared: Pss */
	uint64_t shared_bytes;            /* its share of PART_SHARED alone */
	uint64_t huge_bytes;              /* of the resident ones: in transparent huge pages */
	const struct look_malloc *malloc; /* NULL: not understood, see malloc_problem */
	const struct look_chunks *chunks; /* by size */
	size_t chunk_class_count;
	const struct look_count *mappings; /* what PART_ANONYMOUS seems to be, most bytes first:
					      mappings and resident bytes */
	size_t mapping_count;
	const char *const *hints; /* sentences that follow from the figures */
	size_t hint_count;

	const struct look_type *types; /* most bytes first */
	size_t type_count;
	const struct look_container *containers; /* most bytes first */
	size_t container_count;
	const struct look_pool *pools;
	size_t pool_count;
	const char *asked_for; /* whose holders: a type, a name, an address; NULL: nothing was */
	const struct look_container *asked; /* where it is one object: that, container or not */
	size_t asked_count;
	const struct look_holder *holders; /* of what was asked for */
	size_t holder_count;
	const struct look_garbage *garbage;
	size_t garbage_count;
	const struct look_held *held; /* what grew most first, then most; NULL: not looked for */
	size_t held_count;
	const struct look_lost *lost; /* NULL: not looked for, or: */
	const char *lost_problem;     /* why it cannot be told; NULL */
	size_t lost_count;
	struct look_gc gc;
	const struct look_growth *growth; /* NULL: one look alone */
	uint64_t uncertain[UNCERTAIN_COUNT];
};

/* Empty but for the zone. Never NULL: no memory for it aborts. */
struct look *look_new(void);
void look_free(struct look *look); /* accepts NULL */

/* What most of the memory that it maps directly seems to be ("Java"); NULL: none is known. */
const char *look_main_mapping(const struct look *look);

const char *look_part_name(enum look_part_id part);         /* "python_live" */
const char *look_uncertain_key(enum look_uncertain cause);  /* "torn_pools" */
const char *look_uncertain_text(enum look_uncertain cause); /* for people */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hinge of the program: what was outstanding at one moment, with names and without
 * anything of BPF. Left of it are root, the kernel and time; right of it pure functions
 * over data. Its saved form is pprof (pprof.c writes it, pprof_read.c reads it back
 * without loss; docs/formats.md lists the labels).
 *
 * A snapshot owns everything that hangs off it. Strings are interned: equal strings are one
 * pointer.
 */
#ifndef UNFREED_SNAPSHOT_H
#define UNFREED_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/losses.h"
#include "../../bpf/probes.h"
#include "../lib/saturate.h"
#include "../look/holder.h"
#include "../look/look.h"

enum frame_kind { FRAME_NATIVE, FRAME_INLINED, FRAME_PYTHON, FRAME_KINDS };

enum trace_mode { MODE_EXACT, MODE_GROWTH, MODE_WINDOWS, MODE_COUNT };

struct frame {
	const char *name;   /* never NULL; `[module+0xoffset]` where there is no symbol */
	const char *file;   /* source file (Python: co_filename), NULL where unknown */
	const char *module; /* path of the ELF file as the target sees it, NULL for Python */
	uint64_t
		offset; /* ELF virtual address in the module, of the return address; 0 for Python */
	uint32_t line;  /* 0 where unknown */
	enum frame_kind kind;
	const char *linkage; /* its name as the linker knows it; NULL: no other than `name` */
};

/*
 * An ELF file that frames lie in. Of a path under which there were several files nothing else is
 * known.
 */
struct snapshot_module {
	const char *path;     /* as frames have it */
	const char *build_id; /* hexadecimal; NULL: none, or unknown */
	uint64_t start;       /* where the first process that was seen to has its code mapped; */
	uint64_t limit;       /* 0: unknown */
	uint64_t file_offset;
	uint64_t bias; /* an address there, less what the file counts it as */
};

struct amount {
	uint64_t bytes;
	uint64_t blocks;
};

/* Stops at the largest value. */
static inline void amount_add(struct amount *sum, const struct amount *part)
{
	sum->bytes = saturating_add(sum->bytes, part->bytes);
	sum->blocks = saturating_add(sum->blocks, part->blocks);
}

/* By how much it grew; it may have shrunk. */
struct change {
	int64_t bytes;
	int64_t blocks;
};

/* As far as it goes: recordings of a program say what a machine can hold, saved ones anything. */
static inline void change_add(struct change *sum, const struct change *part)
{
	sum->bytes = (int64_t)((uint64_t)sum->bytes + (uint64_t)part->bytes);
	sum->blocks = (int64_t)((uint64_t)sum->blocks + (uint64_t)part->blocks);
}

/* What holds blocks of a stack. */
struct stack_holder {
	struct holder holder; /* its strings are interned */
	struct amount held;
	uint64_t direct_blocks; /* of these: by itself, not through other blocks */
};

/* What became of the live blocks of a stack, of those that could be judged. */
struct reachability {
	struct amount lost; /* nothing refers to them */
	struct amount reachable;
	struct stack_holder *holders; /* most bytes first */
	size_t holder_count;
};

struct stack_type {
	const char *name; /* interned */
	struct amount held;
};

/*
 * What the live blocks of a stack hold: objects of CPython by type, where they were read when the
 * snapshot was made. Of many blocks some were, and stand for all.
 */
struct stack_objects {
	struct amount known; /* the live blocks of which this is */
	bool has_reused;
	/* Of them those of types whose objects may come off a free list, without an allocation:
	   they may be another stack's. */
	struct amount reused;
	struct stack_type *types; /* most bytes first; what is left holds no objects, or small
				     shares */
	size_t type_count;
};

enum { STACK_TYPES_MAX = 8 };

/* Whether a stack grows, where its allocations were seen in windows alone (analyze/windows.h). */
enum growth_verdict {
	GROWTH_UNTOLD, /* it cannot be told */
	GROWTH_STEADY,
	GROWTH_GROWS,
	GROWTH_VERDICTS
};

struct stack_growth {
	enum growth_verdict verdict;
	bool suspect;          /* it may be what some size grows by, and that cannot be told */
	uint64_t samples;      /* blocks that this stands on */
	uint64_t blocks;       /* that it grew by while it was recorded, */
	double bytes_per_hour; /* of one that grows */
	double low, high;      /* of a 95 % interval */
};

struct stack {
	size_t target;      /* index into targets */
	uint64_t number;    /* of no other stack of this recording, ever; 0: not known */
	uint32_t processes; /* of the target's that have it */
	enum domain domain;
	bool truncated; /* the walk did not reach the bottom */
	bool guessed;   /* it trusted a frame pointer in code that has no unwind table */
	uint64_t live_bytes;
	uint64_t live_blocks;
	uint64_t alloc_bytes;
	uint64_t alloc_blocks;
	uint64_t
		oldest_ns; /* age of the oldest live block; 0 where none is live or it is unknown */
	struct change change; /* of what is live, in snapshot.since_ns */
	size_t frame_count;
	const struct frame *
		*frames; /* root first, leaf (the code that called the allocator) last */
	struct reachability *reachability; /* NULL: not judged */
	struct stack_objects *objects;     /* NULL: not known */
	/* With MODE_WINDOWS; then amounts are estimates of all that it allocated, and of what it
	 * grew by; else NULL. */
	struct stack_growth *growth;
};

/* The memory of a process at one moment, its resident pages by what they are (look/look.h). */
struct target_moment {
	bool known;
	bool parts_known;
	uint64_t resident_bytes;
	uint64_t anonymous_bytes; /* of them not of files */
	uint64_t swapped_bytes;
	uint64_t parts[PART_COUNT];
};

/* One process image: an exec makes a new one with the same pid. */
struct target {
	uint32_t pid;       /* of the first one, */
	uint32_t processes; /* where it stands for several of one program */
	uint32_t measured;  /* of them those whose first and last moment are added up */
	const char *comm;
	const char *exe; /* NULL where unknown */
	const char **cmdline;
	size_t cmdline_count;
	const char *python_mode; /* how its interpreter's blocks are seen; NULL: no interpreter */
	const char *python_version;
	bool python_frees_read; /* what was freed was read from its pools, not seen by probes */
	/* What the interpreter itself counts, when recording began and at the last look: blocks,
	   and the bytes of those in pools. */
	bool python_counted;
	struct amount python_first;
	struct amount python_last;
	double python_coverage;    /* percent of the interpreter's own count; negative: unknown */
	uint32_t reach_looks;      /* that told lost blocks from reachable ones; 0: nobody looked */
	const char *reach_problem; /* why none could be told, as a clause; NULL: they could */
	uint64_t reach_frozen_ns;  /* how long it was stopped for these looks */
	struct target_moment first; /* when recording began, or it came */
	struct target_moment last;  /* when this was taken; not known of one that has ended */
	const char *own_mappings;   /* what mappings of its own seem to be: "PHP"; NULL: unknown */
};

struct totals {
	uint64_t live_bytes;
	uint64_t live_blocks;
	uint64_t alloc_bytes;
	uint64_t alloc_blocks;
	uint64_t free_bytes;
	uint64_t free_blocks;
};

/* Windows in which allocations were recorded. */
struct recorded_windows {
	double asked_percent; /* of the targets' processor time, */
	double spent_percent; /* and what it came to */
	uint64_t count;
	uint64_t failed;   /* that could not be opened, */
	uint64_t given_up; /* or not soon enough */
	uint64_t promoted; /* sets of probes that were kept in place until they were hit often */
	uint64_t watched_ns;
	double bytes_per_hour; /* by which all sizes of chunks grow that surely do */
	const char *problem;   /* why sizes cannot be told, of some target; NULL: they can */
};

struct snapshot {
	const char *version;   /* of the unfreed that made it */
	const char *host;      /* where; NULL: unknown */
	int64_t started_at_ns; /* since the epoch */
	uint64_t duration_ns;
	enum trace_mode mode;
	struct recorded_windows windows; /* with MODE_WINDOWS */
	uint64_t since_ns;      /* since the last report of this recording; 0: there was none */
	struct change change;   /* of totals.live_… since then */
	uint64_t older_than_ns; /* only blocks of this age count as live; 0: all */
	bool has_peak;          /* what counts as live is what was so at the highest moment */
	uint64_t peak_ns;       /* that moment, since recording began */
	/* What recording added to the processor time that the targets use without it, estimated,
	   and as a share of one processor; negative where unknown. */
	double overhead_percent;
	double overhead_core_percent;
	struct totals totals;   /* from counters of their own, not summed from the stacks */
	uint64_t unknown_frees; /* of blocks older than the attach */
	uint64_t sized_frees;   /* of them those whose size was to be had, */
	uint64_t sized_bytes;   /* and what of them could be used */
	uint64_t losses[LOSS_COUNT];
	struct target *targets;
	size_t target_count;
	struct stack *stacks;
	size_t stack_count;
	struct snapshot_module *modules; /* not all that frames name */
	size_t module_count;
	struct snapshot_names *names; /* owns strings, frames and arrays */
};

/* Returns an empty snapshot, NULL on out of memory. */
struct snapshot *snapshot_new(void);

/* Accepts NULL. */
void snapshot_free(struct snapshot *snapshot);

/* Interns a copy of the string. NULL gives NULL. Aborts the program on out of memory. */
const char *snapshot_intern(struct snapshot *snapshot, const char *string);

/*
 * Interns a frame: equal frames are one pointer. The strings in `frame` are interned on the way.
 */
const struct frame *snapshot_intern_frame(struct snapshot *snapshot, const struct frame *frame);

/* Appends a zeroed target or stack and returns it; the pointer holds until the next append. */
struct target *snapshot_add_target(struct snapshot *snapshot);
struct stack *snapshot_add_stack(struct snapshot *snapshot);

/* Notes what is known of a module, unless it is known already. The strings are interned. */
void snapshot_note_module(struct snapshot *snapshot, const struct snapshot_module *module);

/* By the interned path of a frame; NULL: nothing is known of it. */
const struct snapshot_module *snapshot_find_module(const struct snapshot *snapshot,
						   const char *path);

/* Zeroed memory that lives as long as the snapshot: arrays of frames, of arguments. */
void *snapshot_alloc(struct snapshot *snapshot, size_t count, size_t size);

/* Whether some target was asked for what its blocks are reachable by. */
bool snapshot_is_judged(const struct snapshot *snapshot);

/* Adds `part`, of equal holders what they hold, to what was found of a stack. */
void snapshot_add_reachability(struct snapshot *snapshot, struct stack *stack,
			       const struct reachability *part);

/* Most bytes first. */
void snapshot_sort_holders(struct reachability *reachability);

/* Whether of some stack it is known what its blocks hold. */
bool snapshot_has_objects(const struct snapshot *snapshot);

/* Adds `part`, of equal types what they hold, to what is known of a stack. */
void snapshot_add_objects(struct snapshot *snapshot, struct stack *stack,
			  const struct stack_objects *part);

/* Adds within one snapshot, of types as many as there is room for in sum->types. */
void stack_objects_add(struct stack_objects *sum, size_t room, const struct stack_objects *part);

/* What share of a stack's blocks may have come off a free list, 0 to 1; negative: unknown. */
double stack_reused_share(const struct stack *stack);

/* Sorts the stacks: most live bytes first, then most allocated bytes, then by frames. Stable across
 * runs. */
void snapshot_sort(struct snapshot *snapshot);

const char *loss_name(enum loss loss);    /* "ledger_full" */
const char *loss_meaning(enum loss loss); /* "blocks not recorded: …" */
const char *domain_name(enum domain domain);
const char *holder_kind_name(enum holder_kind kind); /* "thread_local" */
const char *frame_kind_name(enum frame_kind kind);
bool frame_is_named(const struct frame *frame); /* `[module+0xoffset]` is no name */
const char *trace_mode_name(enum trace_mode mode);
const char *growth_verdict_name(enum growth_verdict verdict); /* "cannot tell" */

/* Adds what another part of the same stack, or another process's, grew by. */
void stack_growth_add(struct stack_growth *sum, const struct stack_growth *part);

#endif

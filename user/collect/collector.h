/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From kernel maps to a snapshot: takes the programs' records in while the target lives, and puts
 * names to them when a report is due.
 */
#ifndef UNFREED_COLLECTOR_H
#define UNFREED_COLLECTOR_H

#include "../profile/snapshot.h"
#include "../symbolize/symbolizer.h"
#include "../process/procfs.h"
#include "images.h"
#include "judged.h"
#include "ledger_view.h"
#include "names.h"
#include "unwinding.h"

struct collector;

/*
 * `view`, the confined process and the unwind tables' memory must outlive the collector. NULL on
 * out of memory.
 */
struct collector *collector_new(const struct procfs *procfs, struct confined *confined,
				const struct ledger_view *view,
				const struct unwind_memory *unwind_memory);
void collector_free(struct collector *collector);

/* Reports show the native frames of interpreters too, beside the Python frames. */
void collector_show_interpreter(struct collector *collector);

/* The newest image of a process, NULL where there is none. */
struct image *collector_image(struct collector *collector, uint32_t pid);

/* The image of a space, NULL where it is not known. */
struct image *collector_space(struct collector *collector, uint32_t space);

/*
 * Gives up the image of a space. It stays, with all that came from it, until
 * collector_forget_removed(); what a program tells of it is taken in until then.
 */
void collector_remove(struct collector *collector, uint32_t space);

/*
 * Forgets what was removed: images, the rows' stacks, and the files and names that nobody
 * else needs. No program may be at work on it any more, and none of its rows may have
 * been given to another one.
 */
void collector_forget_removed(struct collector *collector);

/* Whether a process that is there has mapped code of a file. */
bool collector_maps(const struct collector *collector, dev_t device, uint64_t inode);

/* Makes the image of a process that is about to be traced under this space. NULL on out of
 * memory. */
struct image *collector_add_image(struct collector *collector, uint32_t space, uint32_t pid);

/* Whose memory a row's blocks are (bpf/probes.h); -1: its stack is not known. */
int collector_domain(const struct collector *collector, uint32_t row);

/* Calls `act` with each process image, the newest last; stops at the first that returns not 0. */
int collector_each_image(const struct collector *collector,
			 int (*act)(void *context, const struct image *image), void *context);

/*
 * Looks at what a process has mapped now: opens the files of its code, so that names can be found
 * when the process is gone, and gives the walker their tables. To be called while it lives,
 * whenever it may have mapped more. Returns whether all tables are there, as far as they can be:
 * where answers may be late (confined_wait_until()) some may be.
 */
bool collector_refresh(struct collector *collector, uint32_t pid);

/* Gives the walker those tables that were late and are there now. */
void collector_refresh_late(struct collector *collector);

/*
 * Takes a record (of any type) from the ring buffer in. Returns the image that it concerns (of a
 * fork: the child's, where it is traced; of an exec: the new one), NULL where there is none. One
 * that is shorter than what it says is in it is passed over.
 */
struct image *collector_take(struct collector *collector, const void *record, size_t size);

/*
 * What is taken in from now on was made before that moment of CLOCK_MONOTONIC: mappings that were
 * read since need not be read again for it. 0: at any time.
 */
void collector_told_before(struct collector *collector, uint64_t moment_ns);

/*
 * Looks the names up that a snapshot would need by now, except those of perf maps, which change. It
 * may take long; a snapshot that follows soon then does not. Of names that are late
 * (confined_wait_until()) a snapshot says how many there are, and shows the places.
 */
void collector_find_names(struct collector *collector);

/*
 * The next file of a target that could not be read or used, once each, as a sentence for people in
 * `text`. Returns false where there is none.
 */
bool collector_next_trouble(struct collector *collector, char *text, size_t size);

/* What was looked up for all snapshots so far: what each one adds is of
 * stacks that are new to it. */
struct name_counts collector_name_counts(const struct collector *collector);

/* Of one row of the ledger, what windows told of it. */
struct row_growth {
	struct stack_growth growth;
	struct amount allocated; /* about, in all the time */
	struct amount grown;     /* likewise */
};

struct snapshot_request {
	int64_t started_at_ns; /* since the epoch */
	uint64_t duration_ns;
	uint64_t taken_monotonic_ns; /* the moment that ages are counted from */
	uint64_t older_than_ns;
	enum trace_mode mode;
	bool last;                          /* no other one follows, so that there is time */
	uint64_t losses[LOSS_COUNT];        /* noticed in user space, added to the programs' */
	struct amount older_freed;          /* likewise: blocks that are older than the trace */
	const struct judged_blocks *judged; /* NULL: nobody asked what is lost */
	const struct row_growth *growth;    /* with MODE_WINDOWS: one a row */
};

/* Returns a snapshot to be freed with snapshot_free, NULL with errno. */
struct snapshot *collector_snapshot(struct collector *collector,
				    const struct snapshot_request *request);

#endif

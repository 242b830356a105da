/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes that are in place for short windows alone, so that a process is slowed by no more than a
 * budget: runs in the keeper's process, which closes the window that is open should we be killed.
 *
 * A window is paid for by the processor time of the targets: that which passes while there are
 * probes is never more than the budget's share of all, whatever a probe costs. So a window is due
 * when enough time was used since the last one, and then after a time by chance, that it falls in
 * with nothing that the target does; at most WINDOWS_PER_S.
 *
 * The first link that is made or taken out after a pause waits 3 to 20 ms in the kernel, for a
 * grace period; what follows within the next ms goes through at once. So a probe on a function of
 * our own goes first, when a window is opened and when it is about to be closed. To close one takes
 * 40 to 150 ms, and holds up those behind it: each has a thread of its own. A probe of perf is in
 * place until that is over; of the other kinds hits end at once.
 *
 * While others make and take out probes, too, each link may wait for as long as a second, and those
 * that are made already are traps meanwhile. A window of which all that is paid for is used up
 * before it is open is given up.
 *
 * Functions that are rarely called keep their probes between windows: to make links
 * takes time, in which the target is slowed too. Should such a one become frequent, it
 * is taken out like the others.
 *
 *	opener_new      before the keeper's process is forked: both have its account
 *	opener_add      at any time: probes, attached at once (rare), or in windows alone
 *	opener_begin    windows are opened from now on
 *	opener_watch    at any time then: processes come and go
 *	opener_end      no more; what is attached goes with opener_release
 */
#ifndef UNFREED_PROBES_OPENER_H
#define UNFREED_PROBES_OPENER_H

#include "attach.h"

enum { OPENER_TARGETS_MAX = 4096 };

/* What is asked for. */
struct window_terms {
	double share;       /* of the targets' processor time, 0 to 1 */
	uint64_t length_ns; /* of a window */
	uint64_t seed;      /* of chance */
};

/* What became of it, so far. Processor time is of all targets together. */
struct window_account {
	uint64_t windows;
	uint64_t failed;     /* windows that could not be opened, */
	int32_t error;       /* and why the last of them */
	uint64_t given_up;   /* while they were opened: that took too long */
	uint32_t promoted;   /* sets of probes on functions that were rare at first */
	uint64_t watched_ns; /* by the clock */
	uint64_t watched_cpu_ns;
	uint64_t first_cpu_ns; /* of it in first halves */
	uint64_t spent_cpu_ns; /* while there were probes: what the budget is held against, */
	uint64_t total_cpu_ns; /* of so much */
};

/* Descriptors are the opener's. */
struct window_start {
	struct window_terms terms;
	pid_t targets[OPENER_TARGETS_MAX];
	uint32_t target_count;
	uint32_t
		tracing_offset; /* of `tracing` and `hits_unrecorded` (bpf/maps.bpf.h) in memory, */
	uint32_t hits_offset;
	uint32_t memory_bytes; /* which is so large */
	enum attach_kind kind; /* of the first probe, */
	int program_fd;        /* and its program */
	int memory_fd;
};

struct opener;

/* NULL with errno. */
struct opener *opener_new(void);
void opener_free(struct opener *opener); /* that has ended; accepts NULL */

/* Read where it was forked from, too. */
const struct window_account *opener_account(const struct opener *opener);

/* Copies the set; its descriptors become the opener's. Returns 0 or a negative errno. */
int opener_add(struct opener *opener, uint32_t group, const struct probe_set *set);
void opener_remove(struct opener *opener, uint32_t group);

/* A target that came since, or one that has ended. Returns 0 or a negative errno. */
int opener_watch(struct opener *opener, pid_t pid);
void opener_forget(struct opener *opener, pid_t pid);

/* Returns 0 or a negative errno. */
int opener_begin(struct opener *opener, const struct window_start *start);

/* The window that is open ends first. Returns when its probes are out. */
void opener_end(struct opener *opener);

/* Takes out all that is left, after opener_end(). */
void opener_release(struct opener *opener);

#endif

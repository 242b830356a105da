/* SPDX-License-Identifier: BSD-2-Clause */
/* The one owner of the BPF skeleton, of the maps and of the probes in the targets. */
#ifndef UNFREED_TRACER_H
#define UNFREED_TRACER_H

#include "../collect/collector.h"
#include "../confine/confined.h"
#include "interpreters.h"
#include "targets.h"
#include "../events/event.h"
#include "../probes/attach.h"
#include "../process/procfs.h"
#include "../profile/snapshot_since.h"

struct tracer_config {
	enum attach_kind attach; /* a definite one */
	enum sites_choice sites;
	bool follow_forks;
	bool peak;                   /* snapshots are of the highest moment */
	bool malloc_off;             /* no probes on malloc's family */
	bool growth;                 /* who touches new pages: see growth.h */
	struct window_terms windows; /* share 0: recording goes on all the time; see opener.h */
	struct frequent frequent;    /* with windows */
	struct python_terms python;
	bool native_interpreter; /* reports show its native frames */
	uint32_t max_blocks;
	uint32_t max_stacks;
	/* In which records are set aside while something else is waited for; NULL: they wait. It
	 * must outlive the tracer. */
	struct loop *loop;
	const struct listener *listener; /* NULL: nobody; as above */
};

struct tracer;

/* Loads the programs and makes the maps. NULL with `failure` filled. */
struct tracer *tracer_open(const struct tracer_config *config, const struct procfs *procfs,
			   struct confined *confined, struct failure *failure);

/* Takes all probes out. Accepts NULL. */
void tracer_close(struct tracer *tracer);

/* Marks a process as traced. Returns 0, or -1 with `failure` filled. */
int tracer_add_process(struct tracer *tracer, pid_t pid, struct failure *failure);

/*
 * Puts probes on the allocators that a traced process has mapped by now and that have none yet.
 * Returns the number of allocators that it has probes on, or -1 with `failure` filled.
 */
int tracer_attach(struct tracer *tracer, pid_t pid, struct failure *failure);

/* Whether a process is an interpreter whose objects are seen by probes of their own. */
bool tracer_sees_objects(const struct tracer *tracer, pid_t pid);

/* Opens the ledger: from here on blocks are recorded. */
void tracer_start(struct tracer *tracer);

/* Whether each block of some interpreter is recorded; then by which kind of site at the worst. */
bool tracer_exact_python(const struct tracer *tracer, enum site_kind *costliest);

/* Closes the ledger, at one moment for all. */
void tracer_halt(struct tracer *tracer);

/* Closes the ledger, unless it is, then takes the probes out and the last records in: which may
 * take seconds on a busy machine. */
void tracer_stop(struct tracer *tracer);

struct tracer_target {
	uint32_t id;
	pid_t pid;
	uint64_t start_time; /* 0: not known */
	enum target_state state;
	uint32_t space;  /* SPACE() of bpf/ledger.h */
	uint32_t window; /* the one that is open, or was last; see struct block */
};

/* The number of the newest target of a process; 0: none. */
uint32_t tracer_target(const struct tracer *tracer, pid_t pid);

/* The target that came after the one with this number, 0: the first one. False: there is none. */
bool tracer_next_target(const struct tracer *tracer, uint32_t after, struct tracer_target *target);

/*
 * Records nothing of a target from now on, and goes on with it; its probes stay in place. What may
 * be said of its blocks then stands in docs/how-it-works.md. A program that was at work on a call
 * when it was paused finishes that. Returns 0, or -EINVAL where it is not watched, or not paused.
 */
int tracer_pause(struct tracer *tracer, uint32_t id);
int tracer_resume(struct tracer *tracer, uint32_t id);

/* What the ledger has of a target's image: see docs/how-it-works.md, pauses. */
struct tracer_claim {
	struct amount certain;
	struct amount unconfirmed; /* may have been freed while the target was paused */
	uint64_t alloc_blocks;     /* seen, of its image, in all */
	uint64_t free_blocks;
	uint64_t unknown_frees;
	uint64_t losses[LOSS_COUNT];
};

/* Returns 0 or a negative errno: -EINVAL where there is no such target. */
int tracer_claim(const struct tracer *tracer, uint32_t id, struct tracer_claim *claim);

/*
 * Gives up a target, alive or gone: its probes are taken out, and all that is known of it is
 * forgotten, in the ledger too. Returns 0, or -EINVAL (there is none, or the tracer keeps peaks),
 * or -ENOMEM: some of it is still there.
 */
int tracer_remove(struct tracer *tracer, uint32_t id);

/* What the tracer itself takes. */
struct tracer_usage {
	size_t spaces; /* numbers by now, in use or to be given out again */
	size_t stacks; /* rows in use */
	size_t files;  /* with probes for all processes, or found to have none to take */
};

void tracer_usage(const struct tracer *tracer, struct tracer_usage *usage);

/* Takes in what the programs have sent, for a moment; attaches to what was loaded since. */
void tracer_drain(struct tracer *tracer);

/* Whether there was more than that. */
bool tracer_is_behind(const struct tracer *tracer);

/*
 * The next of the processes of tracer_add_process() that has ended since this was asked; false:
 * none. `status` is as wait(2) has it.
 */
bool tracer_next_end(struct tracer *tracer, pid_t *pid, int *status);

/* How many of the traced processes are alive. */
size_t tracer_alive(const struct tracer *tracer);

/* Time since tracer_start, up to tracer_stop. */
uint64_t tracer_duration_ns(const struct tracer *tracer);

/* Processor time, seconds, that seeing new pages has cost the targets. */
double tracer_growth_cost_s(const struct tracer *tracer);

/* Calls of allocation functions that were recorded or recognised, so far. */
uint64_t tracer_calls(const struct tracer *tracer);
uint64_t tracer_calls_of(const struct tracer *tracer, uint32_t space); /* of one image */

/* NULL where there are no windows. */
const struct window_account *tracer_windows(const struct tracer *tracer);

/* What each stack, a row of the ledger, allocated and freed, as ledger_view_totals(): an array
 * that the caller frees; NULL on out of memory. */
struct live_blocks *tracer_rows(const struct tracer *tracer, size_t *count);

/* See collector_each_image() and ledger_view_visit(). */
int tracer_each_image(const struct tracer *tracer,
		      int (*act)(void *context, const struct image *image), void *context);
int tracer_each_block(const struct tracer *tracer,
		      void (*visit)(void *context, uint64_t key, const struct block *block),
		      void *context);

/*
 * What is outstanding now (or was at tracer_stop). `judged` NULL: nobody asked what is lost.
 * `growth`: with windows, what each row of the ledger grew by; else NULL. `since` NULL: nobody
 * asked what changed. NULL with errno.
 */
struct snapshot *tracer_snapshot(struct tracer *tracer, uint64_t older_than_ns,
				 const struct judged_blocks *judged,
				 const struct row_growth *growth, struct since *since);

#endif

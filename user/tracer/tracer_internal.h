/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of a tracer share.
 */
#ifndef UNFREED_TRACER_INTERNAL_H
#define UNFREED_TRACER_INTERNAL_H

#include "growth.h"
#include "intake.h"
#include "loaded.h"
#include "python_frees.h"
#include "tracer.h"
#include "spaces.h"

struct tracer {
	struct tracer_config config;
	const struct procfs *procfs;
	struct confined *confined;
	struct loaded loaded;
	struct spaces *spaces;
	struct intake *intake;
	struct collector *collector;
	struct interpreters *interpreters;
	struct growth *growth;             /* NULL: not asked for */
	struct python_frees *python_frees; /* NULL: they are probed */
	struct keeper *probes;
	struct probing probing;
	struct probed_files shared_files; /* with probes for all processes */
	struct targets *targets;
	uint64_t sweep_due_ns; /* where something was removed */
	uint64_t room_due_ns;  /* when it is looked at how much of it is taken */
	size_t answers;        /* that had come late when it was looked for those last */
	bool started;
	bool stopped;
	int64_t started_at_ns;
	uint64_t started_monotonic_ns;
	uint64_t stopped_monotonic_ns;
	uint64_t losses[LOSS_COUNT];
};

/* Nobody waits for this one: a failure costs what the process allocates with this library, and
 * is said. `traced` NULL: nothing. */
void tracer_attach_later(struct tracer *tracer, struct traced *traced);

/* Those that were late, where answers have come since. */
void tracer_attach_late(struct tracer *tracer);

/* Says which files could not be used. */
void tracer_tell_troubles(struct tracer *tracer);

/* Has the keeper open windows in the targets that are there. */
void tracer_begin_windows(struct tracer *tracer);

/* A target that came since, or one that has ended: nothing where there are no windows. */
void tracer_watch_in_windows(struct tracer *tracer, pid_t pid);
void tracer_forget_in_windows(struct tracer *tracer, pid_t pid);

/* Takes probes out that are of no use any more, as direct sites are proven, or not. */
void tracer_settle_sites(struct tracer *tracer);

/* Says what came of comparing them, as proofs_next_end() has it. */
void tracer_tell_proofs(const struct tracer *tracer, bool all);

/* Leaves targets that have ended out where there is not room for all that may come. */
void tracer_make_room(struct tracer *tracer);

/* Sweeps out what was removed, where it is time for that. */
void tracer_sweep(struct tracer *tracer);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreters among the traced processes: found, told to the programs, probed by plan, steered
 * where that was asked for, and asked for their own counts.
 */
#ifndef UNFREED_INTERPRETERS_H
#define UNFREED_INTERPRETERS_H

#include "../collect/images.h"
#include "../events/event.h"
#include "../plan/plan.h"
#include "../probes/install.h"
#include "python_frees.h"

struct interpreters_config {
	const struct procfs *procfs;
	struct confined *confined;
	struct python_terms terms;
	bool native;             /* its native frames are asked for, to the bottom of the stack */
	int spaces_fd;           /* python_by_space */
	volatile uint32_t *used; /* python_used */
	struct keeper *keeper;
	const struct probe_programs *programs;
	struct python_frees *frees; /* NULL: the terms have none read */
	const struct listener *listener;
};

struct interpreters;

/* NULL on out of memory. */
struct interpreters *interpreters_new(const struct interpreters_config *config);

/* Gives back what was written into targets and was not yet. Accepts NULL. */
void interpreters_free(struct interpreters *interpreters);

/*
 * Looks whether a process is an interpreter, if that is not known yet, and puts its probes in place
 * for `probed` (a process, 0: all). One that is just starting is tried again later. Returns 0, or
 * -1 with `failure` filled where what was asked for is not to be had.
 */
int interpreters_attach(struct interpreters *interpreters, struct image *image, pid_t probed,
			struct failure *failure);

/*
 * The target is given up: what was written into it is given back, its probes are taken out. `image`
 * may be of no interpreter, or NULL.
 */
void interpreters_remove(struct interpreters *interpreters, const struct image *image);

/* The process of a space is gone: the programs need nothing about it any more. */
void interpreters_forget(struct interpreters *interpreters, uint32_t space);

/* Tries those again that were starting. */
void interpreters_retry(struct interpreters *interpreters);

/* As probing_settle(). */
void interpreters_settle_sites(struct interpreters *interpreters);

/* Whether a process is one of them, and its plan more than to see what it takes from malloc. */
bool interpreters_see(const struct interpreters *interpreters, pid_t pid);

/* Reads the counts that recording starts from. */
void interpreters_start(struct interpreters *interpreters);

/* Whether each block of some interpreter is recorded; then by which kind of site at the worst. */
bool interpreters_exact(const struct interpreters *interpreters, enum site_kind *costliest);

/* Reads the counts as they are now. */
void interpreters_measure(struct interpreters *interpreters);

/* Gives back what was written into the targets. */
void interpreters_stop(struct interpreters *interpreters);

#endif

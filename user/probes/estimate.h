/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exact tracing would cost a target, before it is done: how often it calls its allocators,
 * from a short window with probes that only count, times what such a probe costs on this machine,
 * measured on this process.
 *
 * The percentage is the time that probes would add, of the processor time that the target uses or
 * of one processor where it uses less: a target that mostly sleeps is slowed by what its traps add
 * up to.
 */
#ifndef UNFREED_ESTIMATE_H
#define UNFREED_ESTIMATE_H

#include "../lib/failure.h"
#include "../lib/loop.h"
#include "../allocators/allocators.h"
#include "attach.h"
#include "calibration.h"
#include "../process/usage.h"

struct site_rate {
	const struct site *site;
	const struct allocator *allocator;
	bool at_return; /* where the function ends, so that the call is another site's */
	double calls_per_s;
};

struct estimate {
	struct trap_costs costs;
	double window_s;
	double calls_per_s;      /* of all functions together */
	double cpu_used;         /* processors that the target kept busy */
	double call_cost_ns;     /* that exact tracing adds to a call, on average */
	double call_base_ns;     /* processor time that the target used for each call; 0: no call */
	struct usage unprobed;   /* what the target used in a time without any probe */
	double slowdown_percent; /* of exact tracing */
	double cpu_percent;      /* that it adds, of what the target uses; 0: of next to nothing */
	double core_percent;     /* that it adds, of one processor; 0: it was always busy */
	struct site_rate *rates; /* one a site, in the order of the allocators */
	size_t rate_count;
};

/* How long calls are counted: on from `least_ms` until they are enough (window.h), for `most_ms` at
 * most. */
struct estimate_window {
	unsigned int least_ms;
	unsigned int most_ms;
};

/* A process whose calls are to be counted, and what came of it. */
struct estimate_subject {
	pid_t pid;
	const struct allocators *allocators; /* that outlive the estimate; several may share them */
	struct estimate estimate;            /* to be released where there is no error */
	int error;                           /* 0, or a negative errno: nothing was counted */
	struct usage before; /* the caller's: where the time without probes begins; zeroed: none */
	uint32_t first_site;
};

struct estimate_request {
	const struct procfs *procfs;
	enum attach_kind kind; /* a definite one */
	bool entry_sites;      /* what is asked about makes no use of direct sites */
	/* The counting probes are for every process that maps the files, and only the subjects'
	 * hits count: far quicker where these are many. */
	bool everyone;
	struct estimate_window window;
	struct loop *loop; /* in which it waits; NULL: none */
};

/*
 * Counts the calls of all subjects in one window. Returns 0, and each subject has its estimate or
 * its error; or -1 with `failure` filled.
 */
int estimate_make(struct estimate_subject *subjects, size_t count,
		  const struct estimate_request *request, struct failure *failure);

/* What a subject's error means. Returns -1. */
int estimate_failure_set(struct failure *failure, const struct estimate_subject *subject);

void estimate_release(struct estimate *estimate);

/* "about 30 % to its CPU time, 0.5 % of a core": what exact tracing adds. Returns `text`. */
#define ESTIMATE_COST_SIZE 64
const char *estimate_cost_text(const struct estimate *estimate, char text[ESTIMATE_COST_SIZE]);

/* Traps alone: for `doctor` without a target. Returns 0 or -1 with `failure` filled. */
int estimate_trap_costs(enum attach_kind kind, struct trap_costs *costs, struct failure *failure);

/* Whether this kernel emulates multi-byte nops too. */
bool estimate_nops_emulated(const struct trap_costs *costs);

/*
 * What exact tracing adds to a call at sites of this kind where nothing more is known of the calls:
 * half allocate, half free.
 */
double estimate_typical_call_ns(const struct trap_costs *costs, enum site_kind kind);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that grows in malloc's blocks and in no container that is known: how fast, and, where
 * recording each call for a while is affordable, from which stacks.
 */
#ifndef UNFREED_SERVICE_C_MEMORY_H
#define UNFREED_SERVICE_C_MEMORY_H

#include "../probes/kernel.h"
#include "case.h"

/* Whether it is known what of malloc's blocks is Python's, apart from any finding, for
 * long enough to tell a rate. */
bool c_memory_is_measured(const struct patient_case *kase);

/* Whether what is not Python's has grown from look to look, however few there were. */
bool c_memory_rises(const struct patient_case *kase);

/*
 * Growth of malloc's live blocks less what is Python's of them, or, where that is not measured,
 * what the findings explain; of another allocator than glibc's, all that it has mapped. Returns
 * whether it surely grows.
 */
bool c_memory_rate(const struct patient_case *kase, const struct finding *findings, size_t count,
		   struct rate *rate);

/*
 * Whose objects, in C++, most of its growth seems to be: how many more there are, and bytes.
 * Returns whether any class has a share that is worth a word; the name is the look's.
 */
bool c_memory_class(const struct patient_case *kase, struct look_count *grown);

/* Tells by events what was taken for Python's, look by look, where that is measured. */
void c_memory_tell(const struct patient_case *kase);

/* A recording of malloc's calls. */
struct c_trace;

/* As in struct tracer_config, and which process; all must outlive the recording. */
struct c_trace_config {
	const struct procfs *procfs;
	struct confined *confined;
	struct loop *loop;
	const struct listener *listener;
	pid_t pid;
	double slowdown_max_percent;
};

/*
 * Begins, if that would not slow the process by more than it may. Returns NULL with `failure`
 * filled: why not. What it would cost is told in either case; 0: that is not known.
 */
struct c_trace *c_trace_begin(const struct c_trace_config *config, double *slowdown_percent,
			      struct failure *failure);
void c_trace_poll(struct c_trace *trace);
double
c_trace_slowdown_percent(const struct c_trace *trace); /* estimated, of what the process uses */

/* What is known of the process that is recorded. */
struct c_trace_subject {
	bool is_python;
	struct c_growth growth;
	const struct block_sizes *sizes; /* NULL: another allocator's than glibc's */
};

/*
 * Ends it; the stacks that hold what was not freed, and did not take the place of others that were,
 * most bytes first, are copied into the zone: those alone whose blocks are of the sizes that grow,
 * where these tell, and not made by an interpreter.
 */
void c_trace_end(struct c_trace *trace, const struct c_trace_subject *subject, struct zone *zone,
		 struct c_stacks *stacks);

#endif

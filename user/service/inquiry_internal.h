/* SPDX-License-Identifier: BSD-2-Clause */
/* An inquiry on the way: shared by what runs it and by what draws conclusions from it. */
#ifndef UNFREED_SERVICE_INQUIRY_INTERNAL_H
#define UNFREED_SERVICE_INQUIRY_INTERNAL_H

#include "../evidence/watch_program.h"
#include "c_memory.h"
#include "case.h"
#include "crew.h"
#include "inquiry.h"

struct inquiry {
	const struct procfs *procfs;
	struct confined *confined;
	const struct inquiry_options *options;
	struct patient_case **cases; /* the first one is of the process that was asked about */
	size_t case_count;
	bool of_workers;
	struct crew crew; /* where it is of workers: all of them, looked at or not */
	double began_s;
	double cpu_began_s; /* of our own processor time */
	double ended_s;
	bool trace_tried;
	struct patient_case *traced; /* whose calls of malloc are being recorded */
	struct c_trace *trace;
	struct watch_programs programs;
	struct open_claims claims;
	double trace_end_s;
	struct failure lacks; /* why nothing can be watched */
	bool cannot_watch;
	struct answer **answers;
	size_t answer_count;
};

/* Whether it is one of the processes that are asked: a master with workers is none. */
bool inquiry_is_of(const struct inquiry *inquiry, const struct patient_case *kase);

/* Processor time of the processes that are asked and of their master, and what the inquiry has
 * taken of ours and of theirs. */
double inquiry_used_s(const struct inquiry *inquiry);
double inquiry_spent_s(const struct inquiry *inquiry);

/* Processor time that may still be taken for a process: of ours, and of its own by what we do. */
double inquiry_left_s(const struct inquiry *inquiry, const struct patient_case *kase);

/* When it is to end. */
double inquiry_until_s(const struct inquiry *inquiry);

/* --- which looks are made --- */

enum chosen_look { NO_LOOK, MEASURE, PLAIN_LOOK, GRAPH_LOOK };

/* The one of a process that is due, as far as that is affordable: its step is none any more. */
enum chosen_look inquiry_choose_look(const struct inquiry *inquiry, struct patient_case *kase);

/* The one at the end of all. */
enum chosen_look inquiry_choose_last(const struct inquiry *inquiry, struct patient_case *kase);

/* Gives a process that was just taken up its schedule. */
void inquiry_plan(struct inquiry *inquiry, struct patient_case *kase, bool newcomer);

/* Brings the plans up to date with how long workers have turned out to live. */
void inquiry_move_ends(struct inquiry *inquiry);

/* Whether a worker that came later is to be looked at. */
bool inquiry_takes_up(const struct inquiry *inquiry, const struct member *member);

#endif

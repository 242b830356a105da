/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How targets are seen: what was found in them, what recording costs them and what was asked for,
 * made into what is done about each, and why. A pure function, called again where there is more to
 * know: first of the kernel and of processes, then of what malloc's calls cost, then of each
 * interpreter, at last of what its own calls cost, which is seen only once they are recorded.
 *
 * Knows nothing of how targets are looked at, of BPF, or of how people are told.
 */
#ifndef UNFREED_PLAN_H
#define UNFREED_PLAN_H

#include "../probes/check.h"
#include "../probes/kernel.h"
#include "request.h"
#include "source.h"

/* Why nothing can be probed here. */
enum reason plan_probes(const struct kernel *kernel);

/* Which probes: *attach is a definite kind. Returns why none. */
enum reason plan_attach(const struct request *request, const struct kernel *kernel,
			enum attach_kind *attach);

/* Why there may be no probes in a process, or, for --growth, nothing that looks at it. */
enum reason plan_process(const struct request *request, const struct target_survey *survey,
			 const struct kernel *kernel);

/* What a cost means for what is recorded. */
struct ruling {
	enum reason refusal;
	enum reason note;
	bool dear; /* it is to be left out, or seen in a cheaper way: see struct cost */
	bool over; /* more than the budget: rather for moments, unless objects are seen instead */
};

/* Of malloc's calls, where each of them would slow a process by so much. */
struct ruling plan_malloc(const struct request *request, double percent);

/* Of an interpreter's blocks, where each of them is recorded and slows it by so much. */
struct ruling plan_objects(const struct request *request, double percent);

/* What is known by now. Starts zeroed; what is dear stays so. */
struct cost {
	bool malloc_is_dear;
	bool objects_are_dear;
	bool nops_emulated; /* this kernel emulates the longer NOPs */
};

/* What is done about any interpreter that turns up. */
struct python_terms {
	enum python_request request;
	bool dear;          /* not each block, unless that is asked for */
	bool nops_emulated; /* as above */
	bool frames_alone;  /* its stacks are wanted, its objects are not */
	bool frees_read;    /* from its pools, where that can be; see tracer/python_frees.h */
};

enum { PLAN_NOTES_MAX = 2 };

/* Of all targets of a recording. */
struct plan {
	const struct source *malloc; /* NULL: its calls are left out */
	bool growth;                 /* new pages of memory are seen in the place of blocks */
	bool windows;                /* malloc's calls are recorded for moments: request->budget */
	struct python_terms python;
	enum reason notes[PLAN_NOTES_MAX]; /* until REASON_NONE */
};

/*
 * How long a window is, in ns: long enough for blocks of one request to go again in it, and where
 * probes slow a target to less than half its pace (`percent`), or that is not known (negative), not
 * so long that it is felt, unless a large budget could not be spent so; of a short recording (0: it
 * is not known how long) so long that there are some.
 */
uint64_t plan_window_ns(const struct request *request, double percent, uint64_t duration_ns);

void plan_make(struct plan *plan, const struct sources *sources, const struct request *request,
	       const struct cost *cost);

/*
 * Whether a target is rather recorded for moments, BUDGET_PERCENT of its time: one whose calls
 * would cost more (`over`) or are left out, and whose objects are not seen instead; where
 * nothing was asked for that moments cannot tell. Before its probes are in place, too, where
 * only calls are asked for.
 */
bool plan_prefers_windows(const struct plan *plan, const struct request *request, bool over,
			  bool sees_objects);

/* Why a target of which objects are seen, or not, is not worth a recording by that plan. */
enum reason plan_seen(const struct plan *plan, const struct request *request, bool sees_objects);

struct python_plan {
	const struct source *source; /* NULL: malloc's probes see what they see */
	bool steer;                  /* by writing: slots get other values, and these back */
	bool frames_alone;           /* as the terms have it */
	bool frees_read;             /* from its pools: they are not probed */
	enum site_kind costliest;    /* of the sites that are probed */
	enum reason notice;          /* what a person should know about it */
	enum reason steered;         /* likewise, of what another tool left */
};

/*
 * What to do about an interpreter whose slots are these; NULL: they were not found. Automatic is
 * exact where that needs no writing and no probe is single-stepped, pools elsewhere. Returns why
 * what was asked for expressly is not to be had.
 */
enum reason plan_python(struct python_plan *plan, const struct sources *sources,
			const struct python_slots *slots, const struct python_terms *terms);

/* How reports call that: "exact", "pools", "arenas", "malloc", "growth". */
const char *python_plan_name(const struct python_plan *plan, const struct python_slots *slots);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* One process of an inquiry: what was seen of it, and what is being watched in it. */
#ifndef UNFREED_SERVICE_CASE_H
#define UNFREED_SERVICE_CASE_H

#include "../events/event.h"
#include "allowance.h"
#include "block_sizes.h"
#include "java_heap.h"
#include "open_series.h"
#include "schedule.h"
#include "series.h"
#include "subjects.h"

enum { LOOKS_TO_TELL = 3 };

/* What a recording of malloc's calls found; see c_memory.h. */
struct c_stacks {
	const struct answer_fill *fills;
	size_t count;
	uint64_t blocks; /* that were not freed and are no mere part of what is under way */
	uint64_t bytes;
	uint64_t in_place; /* blocks besides, which took the place of others of their sizes */
	bool of_sizes;     /* only of those that grow */
	const struct answer_loss *losses;
	size_t loss_count;
	double seconds;          /* 0: none was made */
	double cost_s;           /* processor time that it took of the target, about */
	const char *why;         /* none was made; NULL: nobody asked */
	bool impossible;         /* nor could any other recording be: the kernel, or our rights */
	double slowdown_percent; /* that one would have cost, where that is why; 0: unknown */
};

struct watched_word {
	size_t subject; /* index */
	struct word word;
};

struct patient_case {
	struct patient patient;
	struct schedule schedule;
	bool newcomer; /* came when others were being looked at already */
	bool told;     /* looks have said what grows */
	struct subjects subjects;
	struct series live;     /* bytes in use: as of looks */
	struct series objects;  /* of Python's objects, between looks too */
	struct series others;   /* all else that is in use: as of looks */
	struct series resident; /* bytes */
	struct series used;     /* processor time of the process, in seconds */
	struct series beside;   /* what objects have in malloc beside themselves: as of looks */
	struct series outside;  /* what of malloc else is Python's: as of looks with a graph */
	struct series parts[PART_COUNT];
	struct series shared;     /* its share of what it shares with others */
	struct block_sizes sizes; /* of malloc's blocks */
	struct java_case java;
	struct open_series open;    /* what it has by its open files alone */
	struct open_claims *claims; /* the caller's: which of them count for whom */
	double born_s;              /* CLOCK_MONOTONIC */
	double began_s;             /* likewise: first and last seen */
	double seen_s;
	double uptime_s;
	uint64_t cpu_ticks;     /* of the process, when it was polled last */
	uint64_t own_cpu_ns;    /* of ours, for looks and counts */
	uint64_t counts_cpu_ns; /* of it, for counts of live objects */
	double counted_s;       /* when live objects were counted last */
	bool counted;           /* the last sample of them is no look's */
	double look_cost_s[2];  /* of ours: the last look without a graph, and with one */
	struct look *memory;    /* a look without a graph that came later than the last report */
	struct { /* bytes at the last look with a graph, or first after it; 0: unknown */
		double live;
		double counted;
		double resident;
		size_t looks;
	} graph;
	double last_count;       /* bytes of live objects */
	bool ends_without_graph; /* there was nothing left for it */
	double life_share;       /* of a processor, that it used before it was watched */
	double count_cost_s;     /* of ours: to count live objects */
	bool renewed;            /* it executed a Python since it was first looked at */
	bool gone;
	struct failure failure; /* of the look that could not be */
	struct look *look;      /* the last report */
	struct c_stacks c_stacks;
	const char *other_malloc;  /* of a look; NULL: glibc's, or not known */
	struct look_type *classes; /* of C++, at the first look that saw some; not of a Python */
	size_t class_count;
	struct watch *watch;
	struct loop *loop;               /* the caller's, as in watch_config */
	const struct listener *listener; /* likewise; NULL: nobody */
	struct watch_programs *programs; /* the caller's, for watches to share; or NULL */
	struct watched_word watched[SUBJECT_WORDS];
	size_t watched_count;
	double watch_began_s;
	unsigned int watch_round; /* words that are watched again are watched longer */
};

/* Returns NULL with `failure` filled. */
struct patient_case *case_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
			      uint64_t budget_bytes, struct failure *failure);
void case_free(struct patient_case *kase); /* accepts NULL */

/* Looks; with a graph subjects are taken up. A process that is gone is marked so, and no
 * failure. */
void case_look(struct patient_case *kase, bool graph, const struct objects_request *request);

/* What it has by its open files alone, at last; case_poll() looks now and then. */
void case_end_open_files(struct patient_case *kase);

/* Where the memory is alone, for a fraction of what a look costs, which it is none of. */
void case_measure(struct patient_case *kase);

/* What a look is going to cost of our processor time, by the last ones, or by what is resident. */
double case_look_cost(const struct patient_case *kase, bool graph);

/* Processor time of its own, since it is watched. */
double case_used_s(const struct patient_case *kase);

/* What may be taken for it, without what is spent for all; `until_s`: of CLOCK_MONOTONIC. */
struct allowance case_allowance(const struct patient_case *kase, double until_s);

/* Whether it does next to nothing and nothing has grown since the last look with a graph. Of what a
 * busy process holds for a moment the same cannot be told. */
bool case_is_still(const struct patient_case *kase);

/* Resident size, processor time, lengths of what grows. */
void case_poll(struct patient_case *kase, double now_s);

/*
 * Watches words of the subjects that nobody watched yet, as many as there are watchpoints; ends the
 * watch before. Those of a name that one of `others`, of which some may be itself, has told about
 * come last. Returns whether there were any; `lacks` says why there cannot be.
 */
bool case_watch_next(struct patient_case *kase, struct patient_case *const *others, size_t count,
		     double cost_share, struct failure *lacks);

/* Polls the watch. Returns how often words were hit since the last time. */
uint64_t case_watch_poll(struct patient_case *kase);

/* Whether the watch has told all that it will. */
bool case_watch_is_over(const struct patient_case *kase, double now_s, double most_s);
void case_watch_end(struct patient_case *kase);

/* How fast malloc's live blocks grow beyond what the subjects explain; whether they do, surely
 * enough for their calls to be recorded. */
bool case_c_growth(struct patient_case *kase, struct c_growth *growth);

/* Bytes, when it was last polled; 0: never. */
uint64_t case_resident(const struct patient_case *kase);

/* Processor time that watches and traces took of the process. */
double case_cost_s(const struct patient_case *kase);

/* How long it was followed. */
double case_seen_s(const struct patient_case *kase);

/* What was found out, in an answer whose rates are so many times those of the process. */
struct answer *case_answer(struct patient_case *kase, double weight);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `why` answers: how fast a target grows, what grows in it and what that is. Data alone; the
 * verdicts come from verdict.h, formats write it. Rates are in bytes an hour. Everything lives in
 * the answer's zone; strings are of the target's making and not escaped.
 */
#ifndef UNFREED_ANALYZE_ANSWER_H
#define UNFREED_ANALYZE_ANSWER_H

#include "../look/look.h"
#include "../process/open_memory.h"
#include "slope.h"

struct sample;

#define VERDICT_LIST(X)                   \
	X(LEAK, "leak")                   \
	X(GROWS, "grows, no bound seen")  \
	X(FILLING_CACHE, "filling cache") \
	X(KEPT, "kept by the allocator")  \
	X(WARM_UP, "warm-up")             \
	X(SAWTOOTH, "sawtooth")           \
	X(CHURN, "churn")                 \
	X(UNEXPLAINED, "unexplained")

enum verdict {
#define X(id, name) VERDICT_##id,
	VERDICT_LIST(X)
#undef X
		VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);

/* Reads such a name, NULL too; false where it is none. */
bool verdict_by_name(const char *name, enum verdict *verdict);

struct rate {
	double value; /* bytes an hour */
	double low;   /* of its 95 % interval */
	double high;
};

/* A line of a stack, innermost first. */
struct answer_frame {
	const char *function;
	const char *file; /* NULL: unknown */
	uint32_t line;    /* 0: unknown */
	bool own;         /* of the service itself: no library */
};

/* A stack under which a container grew, or shrank. */
struct answer_fill {
	int64_t delta;  /* entries, net: negative where it empties */
	uint64_t count; /* times */
	const struct answer_frame *frames;
	size_t frame_count;
	size_t own; /* index of the frame put forward; frame_count: none is the service's own */
};

/* What a recording lost, by cause. */
struct answer_loss {
	const char *cause; /* "stack_table_full" */
	uint64_t count;
};

enum evidence_source {
	EVIDENCE_MEMORY = 1,
	EVIDENCE_WATCH = 2,
	EVIDENCE_PROBES = 4,
};

/* Where stacks of C memory would be had that are not known. */
enum finding_advice {
	ADVICE_NONE,
	ADVICE_RECORD, /* recording each call of malloc for longer */
	ADVICE_GROWTH, /* that costs too much, or cannot be: who touches new pages */
};

struct finding {
	enum verdict verdict;
	struct rate rate;
	uint64_t holds_bytes;
	const struct look_container *container; /* NULL: none */
	const char *subject;             /* what it is, where it is no container: "C memory" */
	const char *of;                  /* type of the entries; NULL: unknown */
	const struct answer_fill *fills; /* filled by, most first */
	size_t fill_count;
	const struct answer_fill *empties;
	size_t empty_count;
	double watched_s;      /* its length was watched so long; 0: not at all */
	unsigned int evidence; /* enum evidence_source */
	const char *reason;    /* one sentence of figures: what the verdict stands on */
	enum finding_advice advice;
	bool apart; /* what grows is no memory in use of its own, and explains none of its growth */
};

/* Bytes over the seconds of the watch, for the eye. */
struct answer_line {
	const char *name; /* "in use", "resident", a container's */
	const struct sample *samples;
	size_t count;
};

/* A master's workers that come and go. */
struct answer_crew {
	size_t seen;   /* that were there at any time */
	size_t ended;  /* 0: none came or went */
	size_t told;   /* that were looked at for long enough, and stand for all */
	double life_s; /* that three in four of those that ended reached */
};

struct answer {
	struct zone *zone;
	pid_t pid; /* as asked for */
	const char *comm;
	const char *exe;
	size_t process_count; /* that are there: a master's workers, or the one process */
	struct answer_crew crew;
	double uptime_s;
	bool ended; /* nobody of it is there any more: nothing can be asked of it */
	double watched_s;
	double cost_percent;  /* of the targets' CPU time: their hits and our own CPU */
	double core_percent;  /* the same as a share of one processor's time */
	bool growth_measured; /* there is an interval, however wide */
	bool growth_known;    /* false: too early to tell */
	struct rate growth;   /* of live bytes */
	struct rate resident_growth;
	double explained; /* bytes an hour, of the findings that are not "unexplained" */
	uint64_t resident_bytes;
	uint64_t limit_bytes; /* 0: none */
	double full_in_s;     /* negative: never at this rate, or not known */
	bool open_known;
	struct open_memory open; /* beside what is resident */
	/* By rate, fastest first; unexplained last, unless nearly all is. */
	const struct finding *findings;
	size_t finding_count;
	const struct answer_line *lines; /* none of merged answers */
	size_t line_count;
	const struct look *look;          /* the last one; parts, gc, largest holders */
	double look_uptime_s;             /* of the process that it is of */
	const char *saved_as;             /* file of the JSON; NULL: not saved */
	const struct answer_loss *losses; /* of what was recorded */
	size_t loss_count;
	const char *lacks;       /* what could not be used: "no BPF: …"; NULL: nothing */
	const char *aside;       /* what is sure where it is too early to tell; NULL: nothing */
	const char *unexplained; /* where the unexplained growth seems to be; NULL: not known */
};

/* Empty but for the zone. Never NULL: no memory for it aborts. */
struct answer *answer_new(void);
void answer_free(struct answer *answer); /* accepts NULL; looks and their containers stay */

/*
 * Whether growth is told from none, or none from growth. An interval that holds zero says that
 * nothing grows only where it is narrow: within 2 MB or 0.2 % of the resident memory an hour.
 */
bool rate_tells(const struct rate *rate, uint64_t resident_bytes);

void rate_scale(struct rate *rate, double factor);

/* Of a level of bytes. Returns false where it bears no interval, see slope_of_level(). */
bool rate_of_level(const struct sample *samples, size_t count, struct rate *rate);

/*
 * How fast memory in use and resident memory grow, from series of bytes over seconds.
 * `growth_known` is false where the first is too uncertain, see rate_tells().
 */
void answer_set_growth(struct answer *answer, const struct sample *live, size_t live_count,
		       const struct sample *resident, size_t resident_count);

/* Whether it is memory in use that becomes more: not what is free, nor what comes and goes, nor
 * what is shared with others. */
bool finding_explains_growth(const struct finding *finding);

/* What it grows by at least by what is found in it, in bytes an hour: the lower end of the sum,
 * without what will not go on. */
double answer_least_growth(const struct answer *answer);

/*
 * Takes copies of the findings (not of what they point to), fastest first; sums up what they
 * explain of the growth, appends what they leave unexplained where that is more than measuring
 * wrongly, and sets full_in_s. After answer_set_growth() and the memory's figures.
 */
void answer_set_findings(struct answer *answer, const struct finding *findings, size_t count);

/*
 * One answer for the workers of the master `pid`: rates and sizes are sums, a container of one name
 * is one finding. The answers and their looks must outlive it; comm, exe and saved_as are not set.
 */
struct answer *answer_merge(const struct answer *const *answers, size_t count, pid_t pid);

#endif

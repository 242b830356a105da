/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changed between two things that were saved: two recordings, two looks, two answers of `why`.
 * Data alone; formats write it. What it is made of may be freed meanwhile. Strings are of the
 * target's making and not escaped. Rates are in bytes an hour.
 */
#ifndef UNFREED_ANALYZE_DIFFERENCE_H
#define UNFREED_ANALYZE_DIFFERENCE_H

#include "../profile/snapshot.h"
#include "answer.h"

enum difference_kind { DIFFERENCE_PROFILES, DIFFERENCE_LOOKS, DIFFERENCE_ANSWERS };

#define ENTRY_KIND_LIST(X)        \
	X(STACK, "stack")         \
	X(FINDING, "finding")     \
	X(CONTAINER, "container") \
	X(TYPE, "type")           \
	X(PART, "part")

enum entry_kind {
#define X(id, name) ENTRY_##id,
	ENTRY_KIND_LIST(X)
#undef X
		ENTRY_KINDS
};

/*
 * Of amounts: came, grew, shrank, went, same (of rates: within a percent). Of rates that are
 * estimates: rose and fell where their intervals are apart, came and went where what one side lacks
 * surely grows on the other.
 */
#define OUTCOME_LIST(X)     \
	X(CAME, "came")     \
	X(GREW, "grew")     \
	X(ROSE, "rose")     \
	X(SHRANK, "shrank") \
	X(FELL, "fell")     \
	X(WENT, "went")     \
	X(SAME, "same")     \
	X(UNSURE, "cannot tell")

enum outcome {
#define X(id, name) OUTCOME_##id,
	OUTCOME_LIST(X)
#undef X
		OUTCOME_COUNT
};

const char *entry_kind_name(enum entry_kind kind);
const char *outcome_name(enum outcome outcome);

struct difference_side {
	bool there;
	bool rated; /* it is known how fast it grows, also that it does not */
	uint64_t bytes;
	uint64_t count;   /* blocks, objects, entries */
	struct rate rate; /* the ends of the interval are the value where it is no estimate */
};

struct difference_entry {
	enum entry_kind kind;
	enum outcome outcome;
	const char *name; /* of a container (NULL: reached by no known way), type, part, finding */
	const char *type; /* of a container; language of a type; NULL */
	uint64_t id;      /* of a stack, by names */
	size_t stack;     /* in `names`; SIZE_MAX: none */
	const char *verdict_before, *verdict_after; /* of findings; NULL: not there */
	struct difference_side before, after;
	int64_t bytes; /* differences */
	int64_t count;
	bool rated;
	struct rate
		rate;  /* by how much faster it grows; of two looks how fast it grew between them */
	double weight; /* bytes to sort by; negative: it shrank */
};

/* Where one of the two is from. */
struct difference_origin {
	const char *comm; /* NULL: unknown */
	uint32_t pid;
	size_t processes;
	int64_t at_ns;  /* since the epoch; 0: unknown */
	double seconds; /* that it is of; 0: a look */
	const char *host;
	const char *version;
};

/* What a pattern leaves out. */
struct difference_suppression {
	const char *pattern;
	size_t entries;
	struct difference_side before, after;
};

struct difference {
	struct zone *zone;
	enum difference_kind kind;
	struct difference_origin before, after;
	struct difference_entry total;    /* without what is suppressed; has no kind */
	struct difference_entry *entries; /* by kind, what grew most first, what shrank most last */
	size_t entry_count;
	const struct difference_suppression
		*suppressions; /* asked for, also what matches nothing */
	size_t suppression_count;
	double seconds; /* between two looks at one process; 0: of two */
	/*
	 * The stacks of the entries, in programs as targets. Of each live_… is what both sides have
	 * together and alloc_… what the first one has, for drawings that show either.
	 */
	struct snapshot *names;
};

/* Never NULL: no memory for it aborts. */
struct difference *difference_of_profiles(const struct snapshot *before,
					  const struct snapshot *after);
struct difference *difference_of_looks(const struct look *before, const struct look *after);
struct difference *difference_of_answers(const struct answer *before, const struct answer *after);
void difference_free(struct difference *difference); /* accepts NULL */

/*
 * Leaves out, once, what a pattern matches: the function, file or module of a frame, the name of
 * what is no stack; also of the whole.
 */
struct suppressions;
void difference_suppress(struct difference *difference, const struct suppressions *suppressions);

/* Whether it became more, or faster, or less, or slower. */
bool outcome_is_growth(enum outcome outcome);
bool outcome_is_decline(enum outcome outcome);

/* Whether it is known of the whole how fast it grows, so that a rate can be asked for. */
bool difference_is_rated(const struct difference *difference);

/* What surely grows faster by more than so many bytes an hour, the whole first; NULL: nothing. */
const struct difference_entry *difference_above(const struct difference *difference, double rate);

#endif

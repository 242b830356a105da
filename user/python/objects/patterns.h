/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths without what differs between like things: USERS[*].history[*] stands for each user's each
 * event. A pattern is a path of labels and types from a root, in which what repeats is folded, so
 * that a linked list is CHAIN.head.next however long it is. Patterns are counted at each look; what
 * grows in count while what holds it does not is what fills up.
 */
#ifndef UNFREED_PYTHON_OBJECTS_PATTERNS_H
#define UNFREED_PYTHON_OBJECTS_PATTERNS_H

#include "graph.h"

enum { PATTERN_LOOKS = 12, PATTERN_SAMPLES = 4, PATTERN_UNIT = 8 };

struct pattern {
	uint32_t parent; /* 0: a root */
	uint32_t label;
	uint32_t type; /* of the object at its end; TYPE_NONE: raw memory */
	uint32_t like; /* the one above with objects of its type; 0: none. See trees.h */
	uint16_t depth;
	bool folds; /* an object of it holds another one, directly */
	bool falls; /* it was seen to become fewer between looks, by whoever counts it then */
	uint32_t counts[PATTERN_LOOKS];
	uint64_t bytes[PATTERN_LOOKS];   /* of the objects at its end */
	uint32_t largest[PATTERN_LOOKS]; /* of them, in PATTERN_UNIT bytes */
	uint32_t largest_node;           /* of the last look; 0: there was none */
	/* Some of its objects, any of them, others at each look: from look to look those of what
	 * fills up stay, those of what only comes and goes do not. */
	uint64_t samples[PATTERN_SAMPLES]; /* addresses, of the last look */
	uint16_t sampled;                  /* at all looks but the last */
	uint16_t stayed;                   /* of these */
	/* Raw memory outside of pools behind its objects, and how many these were, at the first
	 * look that found any; see objects_outside_bytes. */
	uint64_t raw_bytes;
	uint32_t raw_count;
	uint64_t slot; /* what refers to the largest; 0: unknown. See values.h */
};

/* What a node is in its pattern: one of its objects; a part of one, such as a dictionary of
 * attributes, or of its code; or held by one, where there is no room for a pattern of its own. */
enum pattern_place { PLACE_OWN, PLACE_PART, PLACE_OF_CODE, PLACE_NO_ROOM };

struct patterns {
	struct pattern *items; /* items[0] is none */
	size_t count;
	size_t capacity;
	size_t max;
	struct pattern_step *slots; /* a hash table */
	size_t slot_count;
	size_t step_count;
	uint32_t *of_nodes; /* of the last graph that was counted */
	uint8_t *places;    /* enum pattern_place, of its nodes */
	size_t node_count;
	size_t looks;
	double times[PATTERN_LOOKS]; /* in seconds */
	bool full;
};

/* Returns 0 or -ENOMEM. At most `max` patterns are kept. */
int patterns_init(struct patterns *patterns, size_t max);
void patterns_release(struct patterns *patterns);

/*
 * Counts a graph, of whose nodes `bytes` are known. After PATTERN_LOOKS looks every second one is
 * forgotten, so that the first and the last are always there. Returns 0 or -ENOMEM.
 */
int patterns_count(struct patterns *patterns, const struct graph *graph, const uint64_t *bytes,
		   double time);

/* As it is kept of the largest. */
uint32_t pattern_units(uint64_t bytes);

/* That of a node; 0 where it was not reached, or there was no room for it. */
uint32_t patterns_of(const struct patterns *patterns, uint32_t node);

/* Whether nearly all of its objects stay that were ever looked at again. */
bool pattern_is_steady(const struct pattern *pattern);

/* Whether none or hardly any of many of its objects that were looked at again was gone. */
bool pattern_is_firm(const struct pattern *pattern);

/* Whether its counts go up, and never down: by two at least, at half of the steps between looks,
 * and at `ups_min` of them. A look that is `skipped` does not count; SIZE_MAX: none is. */
bool pattern_goes_up(const struct patterns *patterns, const struct pattern *pattern, size_t skipped,
		     size_t ups_min);

/*
 * Whether there are more at each look, and these stay. One look of four or more may be torn:
 * what is replaced while it is read looks shorter than it is. What is bounded and changes all
 * the time goes up now and then by chance: its objects do not stay. What is seen for the
 * first time may do either.
 */
bool pattern_grew(const struct patterns *patterns, const struct pattern *pattern);

/* Whether it was as many at the middle one of four looks or more as at the last. */
bool pattern_stands_still(const struct patterns *patterns, const struct pattern *pattern);

/* What is below each pattern at a look, with itself: an array of patterns->count, the caller's;
 * NULL on out of memory. */
uint64_t *patterns_below(const struct patterns *patterns, size_t look);

#endif

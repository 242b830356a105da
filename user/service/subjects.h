/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What seems to grow in one process, followed from when it is first seen to: how long it is at each
 * moment, which words change when it grows, and who changed them. It outlives the process: names
 * and figures are copies.
 */
#ifndef UNFREED_SERVICE_SUBJECTS_H
#define UNFREED_SERVICE_SUBJECTS_H

#include "../analyze/verdict.h"
#include "../evidence/watch.h"
#include "../python/objects/words.h"
#include "fills.h"
#include "patient.h"
#include "series.h"

enum { SUBJECTS_MAX = 24, SUBJECT_WORDS = 3, SUBJECT_SAMPLES = 400 };

/* See replaced.h. */
struct replaced_value {
	bool known;             /* it is one */
	uint64_t slot;          /* the word that refers to it */
	uint64_t length_offset; /* in it, of the word that says how long it is; 0: none does */
	uint32_t dimensions;    /* of an array: that word points to so many; 0: it says it itself */
	double item_bytes;
	uint64_t length; /* when it was polled last; `polled`: it was */
	bool polled;
	uint32_t ups; /* since it was taken up */
	bool fell;    /* it became shorter */
	bool sure;    /* looks show enough */
	double looked_s;
};

/* Whether these first two words are of no object of a type any more: what is free has another
 * type, or waits for its next use with a reference count of 0. */
static inline bool is_free_of_type(const uint64_t words[2], uint64_t type_address)
{
	return words[1] != type_address || !(uint32_t)words[0];
}

/* See examples.h; by word. */
struct examples {
	uint64_t most[SUBJECT_WORDS]; /* entries, when they were polled */
	bool over[SUBJECT_WORDS];
	double over_s; /* when the last one was seen to be */
};

struct subject {
	struct look_container container; /* its strings in the subjects' zone */
	const char *of;
	const char *key;  /* its name with [*] for each index, and its type: one subject each */
	uint32_t pattern; /* 0: none */
	uint64_t type_address;   /* at the container's second word, as long as it is the one */
	uint64_t length_address; /* 0: its length is no word of memory */
	uint64_t slot_address;   /* which points to it, where it is replaced too; 0: unknown */
	unsigned int moves;      /* how often it was seen to be replaced */
	bool replaced;           /* again and again */
	struct word words[SUBJECT_WORDS];
	size_t word_count;
	double bytes_per_entry;
	uint64_t first_length; /* when it was first looked at, and what was below it then */
	uint64_t first_bytes;
	struct container_sample samples[SUBJECT_SAMPLES];
	size_t sample_count;
	bool gone;            /* what lies there is another one now */
	bool unread;          /* it could not be read when it was polled last */
	bool alike;           /* many containers, or a chain: counted at looks alone */
	uint64_t alike_count; /* containers of these that grow */
	struct examples examples;
	bool stays;           /* what was in it first still is */
	bool turns_over;      /* many alike: nearly all that was in them at first is gone */
	bool weak;            /* its entries keep nothing: what they refer to is held elsewhere */
	bool tree;            /* its pattern is the head of a tree: see trees.h */
	bool of_lengths;      /* of these: their lengths add up, else what they hold is counted */
	double looked_s;      /* the last look that told of its growth */
	unsigned int watches; /* how often it was watched */
	double watched_s;
	uint64_t grown;
	uint64_t shrunk;
	double cost_s; /* processor time that watching took of the target */
	struct fills fills;
	struct replaced_value value;
	size_t within; /* another one, by its place + 1, in which it lies; 0: none */
	bool lost;     /* it is all objects of a type that nothing refers to: see lost.h */
};

struct subjects {
	struct zone *zone;
	struct subject *items; /* SUBJECTS_MAX, fastest first at the last look */
	size_t count;
};

void subjects_init(struct subjects *subjects);
void subjects_release(struct subjects *subjects);

/* Of a key, or, if not NULL, an address. NULL: none. */
struct subject *subjects_find(struct subjects *subjects, const char *key, uint64_t address);

/* The one of a key, or a new one, where it grew by more bytes than one of those that are there; is
 * then zeroes but for the key. NULL: no. */
struct subject *subjects_get(struct subjects *subjects, const char *key, double growth);

void subject_add_sample(struct subject *subject, double at_s, uint64_t length, uint64_t bytes);

/* After a look with a graph: takes up what grew, and brings what is known up to date. */
void subjects_update(struct subjects *subjects, struct patient *patient);

/* Between looks: reads the lengths, a few bytes each. `now_s` as of CLOCK_MONOTONIC. */
void subjects_poll(struct subjects *subjects, const struct memory *memory, double now_s);

/* The process is gone: what it cleared on its way out is no fall. */
void subjects_end(struct subjects *subjects);

/* Takes what a watch of the subject's words found, word by word. Returns whether that says anything
 * of it. */
bool subject_take_result(struct subjects *subjects, struct subject *subject,
			 const struct word *word, const struct watch_result *result);

/* After all words of a watch: puts those first who fill it for good. */
void subject_order_fills(struct subject *subject);

/* Whether it is known who fills it, as far as it can be. */
bool subject_is_told(const struct subject *subject);

/* Whether what it lost between samples is half or more of what it got: what is in
 * it that stays tells more. */
bool subject_comes_and_goes(const struct subject *subject);

/*
 * The finding about a subject, in the zone; false where there is nothing to say. `used`: processor
 * time of the process over the same time.
 */
bool subject_finding(const struct subject *subject, double uptime_s, const struct series *used,
		     struct zone *zone, struct finding *finding);

/*
 * The findings about all of them, at most SUBJECTS_MAX, each growth once;
 * returns how many there are.
 */
size_t subjects_findings(const struct subjects *subjects, double uptime_s,
			 const struct series *used, struct zone *zone, struct finding *findings);

#endif

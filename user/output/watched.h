/* SPDX-License-Identifier: BSD-2-Clause */
/* What a watch of one word told, to people and programs. */
#ifndef UNFREED_OUTPUT_WATCHED_H
#define UNFREED_OUTPUT_WATCHED_H

#include <stdio.h>

#include "../analyze/answer.h"

struct watched {
	pid_t pid;
	const char *comm;
	const char *name;    /* as it was asked for */
	const char *type;    /* of the container; NULL: a word alone */
	const char *changes; /* "entries", "instances", "values" */
	uint64_t address;    /* of the word */
	uint64_t value;      /* in the end */
	uint64_t hits;
	uint64_t grew;
	uint64_t shrank;
	uint64_t replaced;
	bool follows_forks; /* also what the process forked was watched */
	uint64_t forks;     /* that were there already */
	uint64_t unsure;    /* first writes in later ones, of which is not known what they did */
	int64_t net;
	double watched_s;
	double hit_us;   /* of the process's time, each */
	const char *end; /* why the watch ended; NULL: its time was over */
	const struct answer_fill *fills;
	size_t fill_count;
	const struct answer_fill *empties;
	size_t empty_count;
};

/* Return 0 or a negative errno. */
int watched_text(const struct watched *watched, FILE *file);
int watched_json(const struct watched *watched, FILE *file); /* unfreed/watch/1 */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that hang on a file and the question alone, kept: forty workers of one program have one
 * executable and one libpython, and the same is asked about these for each.
 *
 * Where there is no room for another answer those that were kept longest go.
 */
#ifndef UNFREED_KEPT_H
#define UNFREED_KEPT_H

#include <sys/stat.h>

#include "confined.h"

#define KEPT_BYTES_MAX  (4u << 20)   /* of questions and answers, all together */
#define KEPT_ANSWER_MAX (256u << 10) /* what is larger is not kept */

struct kept;

/* NULL on out of memory. */
struct kept *kept_new(void);

/* Accepts NULL. */
void kept_free(struct kept *kept);

/*
 * The answer to a call about a file, a copy that is the caller's. Where the call is for a process
 * alone with its file, so was the one that gave the answer. False: there is none, or no memory.
 */
bool kept_find(const struct kept *kept, const struct confined_call *call, const struct stat *file,
	       struct confined_answer *answer);

/* Keeps a copy of an answer, in place of an older one. `alone`: its process was. */
void kept_add(struct kept *kept, const struct confined_call *call, const struct stat *file,
	      const struct confined_answer *answer, bool alone);

/* Forgets all answers of a need. */
void kept_forget(struct kept *kept, enum confined_need need);

#endif

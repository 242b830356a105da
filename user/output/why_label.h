/* SPDX-License-Identifier: BSD-2-Clause */
/* How growth, lines of code and sums of parts read in an answer: text and page alike. */
#ifndef UNFREED_WHY_LABEL_H
#define UNFREED_WHY_LABEL_H

#include <stdio.h>

#include "../analyze/answer.h"

/* "cache": the short word of a verdict, for where columns are few. */
const char *verdict_short_name(enum verdict verdict);

/* `grows 15.2 MB/h (14.1 to 16.3), explained 14.5`, or that it does not, or that it is too
 * early. */
void why_print_growth(FILE *file, const struct answer *answer);
bool why_grows(const struct answer *answer);

/* `gunicorn 1234 + 3 workers, up 3.5 d`, escaped; `1.42 of 3.00 GB, limit in 4.3 d` */
void why_print_target(FILE *file, const struct answer *answer);
void why_print_size(FILE *file, const struct answer *answer);

/* The escaped frame `remember (recommend/behaviour.py:25)`: `directories` of its path are shown. */
void why_print_frame(FILE *file, const struct answer_frame *frame, size_t directories);

/*
 * The line put forward and its callers of the service's own, escaped: `remember
 * (recommend/behaviour.py:25) < recommend (views.py:18)`. Where no frame is own: from the
 * innermost.
 */
void why_print_fill(FILE *file, const struct answer_fill *fill);

/* Stacks of which the same frames are shown as one: at most `max`, in their order. */
size_t why_group_fills(const struct answer_fill *fills, size_t count, struct answer_fill *groups,
		       size_t max);

/* `1.42 GB = Python 0.91 + malloc 0.22 + …` */
void why_print_memory(FILE *file, const struct answer *answer);

/* `512 MB in 3 open files without a name, not mapped, 2.1 MB waiting in 8 sockets`: what is not
 * resident, where it is some. */
bool why_has_open(const struct answer *answer);
void why_print_open(FILE *file, const struct answer *answer);

/* `on; generation 2 every 41 s, frees 12 objects each time` */
void why_print_gc(FILE *file, const struct answer *answer);
void why_print_cost(FILE *file, const struct answer *answer);

/* Of workers that came and went; where none did there is nothing to be printed. */
bool why_has_crew(const struct answer *answer);
void why_print_crew(FILE *file, const struct answer *answer);

/*
 * What to do next, as a line for a shell, in which each name of the target's making is one word:
 * who holds what grows; what the runtime itself says of its heap, or who touches the memory that
 * nobody explains; later, what grew since, and, of what grew, whether a mend holds.
 */
enum why_command {
	WHY_HOLDERS,
	WHY_RECORD,
	WHY_RUNTIME,
	WHY_GROWTH,
	WHY_DIFF,
	WHY_MENDED,
	WHY_COMMAND_COUNT
};

bool why_has_command(const struct answer *answer, enum why_command command);
void why_print_command(FILE *file, const struct answer *answer, enum why_command command);

/* What a finding is about, where it is no container; never NULL, not escaped. */
const char *finding_subject(const struct finding *finding);

#endif

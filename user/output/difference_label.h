/* SPDX-License-Identifier: BSD-2-Clause */
/* How what changed reads, the same as text and on the page. Names are escaped for eyes. */
#ifndef UNFREED_DIFFERENCE_LABEL_H
#define UNFREED_DIFFERENCE_LABEL_H

#include <stdio.h>

#include "../analyze/difference.h"
#include "path_tails.h"

enum difference_list { LIST_GREW, LIST_SHRANK, LIST_UNSURE, DIFFERENCE_LISTS };

/* Whether an entry stands in the list; what is the same stands in none. */
bool difference_is_in(const struct difference_entry *entry, enum difference_list list);

/* "stacks that grew" */
void difference_print_heading(FILE *file, enum entry_kind kind, enum difference_list list);

/* `recommend (1234)  60 s from 2026-01-31 12:00:00 UTC  on web-3  by unfreed 0.1.0` */
void difference_print_origin(FILE *file, const struct difference_origin *origin, bool version);

/* Whether two versions saved them. */
bool difference_has_versions(const struct difference *difference);

/* What the bytes of the whole are: "not freed". */
const char *difference_amount_name(const struct difference *difference);

/* Whether there is a rate to be printed: */
bool difference_has_rates(const struct difference *difference,
			  const struct difference_entry *entry);

/* `15.2 -> 0.5 MB/h`, with the intervals of estimates behind it */
void difference_print_rates(FILE *file, const struct difference *difference,
			    const struct difference_entry *entry);

/* `leak -> filling cache`; nothing of what is no finding. */
void difference_print_verdicts(FILE *file, const struct difference_entry *entry);

/* `12.4 MB -> 0.4 MB`, `3,211 -> 40 blocks` */
void difference_print_bytes(FILE *file, const struct difference_entry *entry);
void difference_print_counts(FILE *file, const struct difference_entry *entry);

/* What MB are, and `4 stacks: 3 came, 1 grew` of each kind that there is. */
void difference_print_outcomes(FILE *file, const struct difference *difference);

/* What is left out, a line for each pattern that matches; nothing where none was asked for. */
void difference_print_suppressed(FILE *file, const struct difference *difference);

/* Of an entry that is no stack what it is called. */
void difference_print_name(FILE *file, const struct difference_entry *entry);

/* What an entry is, in a word; the whole too. */
void difference_print_subject(FILE *file, const struct difference *difference,
			      const struct difference_entry *entry);

#endif

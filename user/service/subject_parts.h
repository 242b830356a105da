/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which subjects are parts of others. At one look is told what is told in another way at the
 * next: a tree, or the dictionaries that its nodes have; a list, or what of its entries
 * stays while most of them go.
 */
#ifndef UNFREED_SERVICE_SUBJECT_PARTS_H
#define UNFREED_SERVICE_SUBJECT_PARTS_H

#include "subjects.h"

/* Before a look's growth is found: which patterns were seen to lose most of what they get. */
void subject_parts_mark(const struct subjects *subjects, struct patterns *patterns);

/* After it: in which other one each lies. */
void subject_parts_find(struct subjects *subjects, const struct objects *objects);

#endif

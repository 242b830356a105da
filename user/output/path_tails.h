/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths cut to what tells them apart: `views.py` where only one file of a snapshot is called so,
 * `db/models/query.py` where `sql/query.py` is another, and never `__init__.py` alone.
 */
#ifndef UNFREED_PATH_TAILS_H
#define UNFREED_PATH_TAILS_H

#include "../profile/snapshot.h"

struct path_tails;

/* Of the source files in the stacks of a snapshot, which must outlive it. NULL on out of memory. */
struct path_tails *path_tails_new(const struct snapshot *snapshot);
void path_tails_free(struct path_tails *tails); /* accepts NULL */

/* A part of `path`: its last component where the path or the tails (NULL) are not known. */
const char *path_tail(const struct path_tails *tails, const char *path);

#endif

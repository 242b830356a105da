/* SPDX-License-Identifier: BSD-2-Clause */
/* What whoever looks at a process needs: where its files are read, and where it waits. */
#ifndef UNFREED_SERVICE_READING_H
#define UNFREED_SERVICE_READING_H

#include "../confine/confined.h"
#include "../lib/failure.h"
#include "../lib/loop.h"

struct reading {
	struct confined *confined;
	struct loop *loop; /* served while files are read */
};

/* To be called first of all, see confined_new(). Returns 0, or -1 with `failure` filled. */
int reading_begin(struct reading *reading, struct failure *failure);

/* Accepts what is all 0. */
void reading_end(struct reading *reading);

#endif

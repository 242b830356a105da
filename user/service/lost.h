/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of Python's that nothing refers to, and that are there all the same: C code has forgotten
 * to give up references. Followed by type.
 */
#ifndef UNFREED_SERVICE_LOST_H
#define UNFREED_SERVICE_LOST_H

#include "../events/event.h"
#include "subjects.h"

/* After any look: takes up types of which more and more are lost. */
void lost_update(struct subjects *subjects, struct objects *objects,
		 const struct listener *listener);

/* Whether more and more of any type seem to be lost, by reading anew what the last look with a
 * graph found so: whether they are, a look has to tell. The copy of the last one is forgotten. */
bool lost_is_doubtful(struct objects *objects);

/* What they are called, and what is known of them, in the zone. */
void lost_describe(const struct subject *subject, struct zone *zone, struct finding *finding);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subjects that are values which are replaced by longer ones, such as a str to which something is
 * added. Two looks say little, since half of all that is replaced was shorter before; so between
 * looks the word that refers to the value is read, and how long is what it refers to. What was ever
 * seen to become shorter is forgotten; what became longer a few times is told and watched.
 */
#ifndef UNFREED_SERVICE_REPLACED_H
#define UNFREED_SERVICE_REPLACED_H

#include "subjects.h"

/* What grew at a look with a graph, under its key among the subjects. */
void replaced_take_up(struct subjects *subjects, struct objects *objects, const struct grown *grown,
		      const char *key);

/* Of those that are counted at looks alone, those that did not grow up to the last are not sure. */
void replaced_end_look(struct subjects *subjects, const struct objects *objects);

/* Between looks. A sample's length is bytes. */
void replaced_poll(struct subject *subject, const struct memory *memory, double now_s);

/* Whether a subject is such a value that may as well have become longer by chance. */
bool replaced_is_doubtful(const struct subject *subject);

#endif

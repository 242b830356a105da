/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subjects that are many containers under one name, which only looks count. Two looks say little of
 * what is emptied every few seconds, or is thrown away: so between looks the lengths are read of
 * those that stand for all, as they grew most and are watched. What such ones lose, all lose.
 */
#ifndef UNFREED_SERVICE_EXAMPLES_H
#define UNFREED_SERVICE_EXAMPLES_H

#include "subjects.h"

/* Begins with the subject's words, which are new. */
void examples_begin(struct subject *subject);

/* Between looks. */
void examples_poll(struct subject *subject, const struct memory *memory, double now_s);

/* Whether what was seen of the subject's words may be of what took the place of the containers,
 * or of one of their waves. */
bool examples_are_over(const struct subject *subject);

/* Whether the subject is few containers that were emptied or thrown away
 * after the last look at it. */
bool examples_deny_growth(const struct subject *subject);

#endif

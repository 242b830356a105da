/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where containers that get longer are at home. What holds a container may be replaced by
 * another one while it is copied, a frame of pandas many times a second; then the way from its
 * module is torn at that look, and what is left of an evaluation stack, or of a C library's
 * memory, leads there first. Of all looks the surest way counts; of several that are as sure the
 * one that most looks found.
 */
#ifndef UNFREED_PYTHON_OBJECTS_HOMES_H
#define UNFREED_PYTHON_OBJECTS_HOMES_H

#include "objects.h"

/* After the patterns of a look were counted. */
void homes_note(struct objects *objects);

/* The pattern that a container is under, which that of its node at the last look is mostly; 0:
 * none. `*name`: where it is another one, by which it was found then, with [*] for each index;
 * else NULL. It lives as long as the labels. */
uint32_t homes_of(const struct objects *objects, const struct container *container,
		  uint32_t pattern, const char **name);

#endif

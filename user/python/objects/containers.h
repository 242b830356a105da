/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Containers from look to look: which of them get longer. A container is the same one while its
 * address, its type and its first entry are; one look at which it is torn or missing is forgiven.
 *
 * Where there are more than there is room for, the longest are followed: what leaks is long after
 * some time.
 */
#ifndef UNFREED_PYTHON_OBJECTS_CONTAINERS_H
#define UNFREED_PYTHON_OBJECTS_CONTAINERS_H

#include "references.h"

enum { CONTAINER_LOOKS = 64, SURE_UPS = 4 };

struct container {
	uint64_t address;
	uint64_t first;    /* address of its first entry; 0: not known */
	uint64_t *lengths; /* at each look, from when it first grew on; NULL: it never did */
	uint64_t length0;
	uint64_t length;
	uint32_t type;
	uint16_t ups;
	uint16_t downs;
	uint16_t look0; /* at which it was seen first */
	uint16_t look;  /* at which it was seen last */
	bool turns;     /* its first entry became another one: it is emptied from there */
	/* See homes.h. */
	uint8_t home_votes;
	uint32_t home; /* the pattern under which it is; 0: not known */
	uint32_t home_name;
};

struct containers {
	struct object_reader *reader;
	struct container *items;
	size_t count;
	size_t capacity;
	uint32_t *slots; /* index + 1 by address */
	size_t slot_count;
	size_t max;
	size_t with_lengths; /* of how many the length at each look is kept */
	uint64_t length_min; /* shorter ones are not followed, for want of room */
	uint16_t looks;
	double times[CONTAINER_LOOKS]; /* in seconds */
	uint64_t refused;              /* for want of room */
};

/* Returns 0 or -ENOMEM. At most `max` containers are followed. */
int containers_init(struct containers *containers, struct object_reader *reader, size_t max);
void containers_release(struct containers *containers);

/* A look begins. After CONTAINER_LOOKS of them every second one is forgotten. */
void containers_begin(struct containers *containers, double time);

/* An object_fn: takes a container in. */
void containers_see(void *context, uint64_t address, uint32_t type);

/* Whether it grew: longer than at first, up in half of the looks at least, and down by little or
 * nothing beside that, surely where its oldest entries leave; `forgiving`: more ups than downs. */
bool container_grew(const struct containers *containers, const struct container *container,
		    bool forgiving);

/* Whether it was as long at the middle one of four looks or more as at the last. */
bool container_stands_still(const struct containers *containers, const struct container *container);

/* Whether the last look came upon it: its length is that of the last one that did. */
bool container_was_seen(const struct containers *containers, const struct container *container);

/* Whether it grew so often, and fell so little, that what goes up and
 * down at random hardly does. */
bool container_grew_surely(const struct containers *containers, const struct container *container);

/* Whether its first entry is known, and was the same each time that it grew. */
static inline bool container_stays(const struct container *container)
{
	return container->first && !container->turns;
}

/* NULL where there is none at the address. */
const struct container *containers_find(const struct containers *containers, uint64_t address);

/* The look whose lengths are in a container's place `at` is at containers->times[at]. */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a tracer, as they come and go.
 *
 *   found     it is traced, under a space of its own; nothing is known of it yet, as where the
 *             table of one of its files is still being made
 *   surveyed  its files were looked at, but for those that are late
 *   attached  its probes are in place
 *   watching  what it allocates is recorded
 *   paused    its probes are in place, and nothing is recorded
 *   gone      it has ended; what is known of it stays until it is removed
 *
 * found -> surveyed -> attached -> watching <-> paused, and from each of them to gone. One that is
 * removed, in whatever state, is no target any more.
 */
#ifndef UNFREED_TARGETS_H
#define UNFREED_TARGETS_H

#include "probing.h"

enum target_state {
	TARGET_FOUND,
	TARGET_SURVEYED,
	TARGET_ATTACHED,
	TARGET_WATCHING,
	TARGET_PAUSED,
	TARGET_GONE,
};

const char *target_state_name(enum target_state state);

struct traced {
	uint32_t id; /* of no other target of the tracer, ever */
	pid_t pid;
	uint64_t start_time; /* with the pid it names a process for good; 0: not known */
	enum target_state state;
	uint32_t space;       /* of its image; SPACE() */
	uint32_t *old_spaces; /* of the images before, whose blocks are still known */
	size_t old_space_count;
	struct probed_files files; /* with probes for this process alone */
	uint64_t looked_ns;        /* when what it has mapped was looked at last */
	bool late;  /* files of it are still being read: it is not attached in full */
	bool asked; /* by its number, so that its end is told */
	bool told;
	int status; /* once it is gone: as wait(2) has it */
};

struct targets;

/* NULL on out of memory. */
struct targets *targets_new(void);
void targets_free(struct targets *targets);

/* A new one, found. NULL on out of memory. */
struct traced *targets_add(struct targets *targets, pid_t pid, uint32_t space);

/* Of no use from then on. Its probes and spaces are the caller's to give back before. */
void targets_drop(struct targets *targets, struct traced *traced);

/* It goes on under another image. Returns 0 or -ENOMEM. */
int targets_executed(struct targets *targets, struct traced *traced, uint32_t space);

/* NULL where there is none: a space of an older generation is nobody's. */
struct traced *targets_find_space(const struct targets *targets, uint32_t space);
struct traced *targets_find(const struct targets *targets, uint32_t id);

/* The newest of a process number. */
struct traced *targets_find_pid(const struct targets *targets, pid_t pid);

/* In the order in which they came; of the one before the first the number is 0. NULL at the end. */
struct traced *targets_next(const struct targets *targets, uint32_t id);

/* How many are not gone. */
size_t targets_alive(const struct targets *targets);

#endif

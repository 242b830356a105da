/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steering: the slots of mem and obj made to hold aliases of the functions that they hold, so that
 * inlined copies of pymalloc step aside and every call gets to the function, where the probe is.
 *
 * It is the one thing that is written into a target. The alias is the same code, so that a target
 * that is left steered (a tool that was killed, a child that was forked meanwhile) runs as before.
 * Nothing else is ever written, and nothing where the slot does not hold what it must.
 */
#ifndef UNFREED_PYTHON_STEER_H
#define UNFREED_PYTHON_STEER_H

#include "allocator_slots.h"

enum { STEERING_CELLS = 2 * CALLS };

struct steering_cell {
	uint64_t address; /* of the pointer in the slot */
	uint64_t function;
	uint64_t alias;
	uint64_t before;    /* what it held when it was looked at: the function, or an alias */
	bool held;          /* the slot holds the alias, and it is ours to take back */
	bool found_steered; /* it held an alias when we came */
};

struct steering {
	const struct procfs *procfs;
	pid_t pid;
	int memory_fd; /* of the program image that was there at the start: an exec closes it for
			  good */
	struct steering_cell cells[STEERING_CELLS];
	unsigned int stops; /* how often the threads were stopped to write */
};

/*
 * Steers all slots, or none. Returns 0 or a negative errno with a sentence in `failure`: -ENOTSUP
 * where a function has no alias or the slots hold something else than pymalloc, -EBUSY where
 * another tool steers the process, -ESTALE where memory does not hold what it must, or what
 * freeze() returns. To be ended with steering_stop. `procfs` must outlive it.
 */
int steering_start(const struct procfs *procfs, const struct python_interpreter *interpreter,
		   const struct python_slots *slots, struct steering *steering,
		   struct failure *failure);

/*
 * Gives each slot its function back if it still holds the alias. Returns 0, also where the process
 * is gone or has executed another program, or a negative errno if a slot could not be given back:
 * then it can be called again. After 0 `steering` is released.
 */
int steering_stop(struct steering *steering);

/* Releases without writing: the target stays steered. */
void steering_abandon(struct steering *steering);

/* How many slots held an alias already when steering started. */
size_t steering_found(const struct steering *steering);

#endif

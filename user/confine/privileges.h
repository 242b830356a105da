/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a forked process gives up whatever could be stolen from it.
 */
#ifndef UNFREED_PRIVILEGES_H
#define UNFREED_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

/* Where the one descriptor that is kept ends up. */
#define PRIVILEGES_SOCKET 3

/*
 * What the process needs from which confined ones are forked: lets go of the program's descriptors,
 * signals and shared memory, as below.
 */
bool privileges_detach(int socket, pid_t parent);

/*
 * Drops all but `socket`, which becomes PRIVILEGES_SOCKET, and, if `network`, what debuginfod's
 * client needs. `parent` is the process whose death ends this one. Returns false where something
 * that must go could not; then the process must end.
 */
bool privileges_drop(int socket, pid_t parent, bool network);

#endif

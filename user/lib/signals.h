/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals, so that none costs what was measured. Those that would end the program end the
 * measurement, with its report; those that a write raises (to a pipe that nobody reads, beyond
 * ulimit -f) leave it to the write to fail.
 */
#ifndef UNFREED_SIGNALS_H
#define UNFREED_SIGNALS_H

#include <signal.h>

/* Once, at the start of the program. */
void signals_leave_writes_alone(void);

/* In a child: none is blocked any more. */
void signals_unblock(void);

/* In a child, before it executes something of the user's: as it was before the above, and none is
 * blocked. */
void signals_restore(void);

/*
 * Those that ask for an end. SIGHUP is one of them unless it is ignored, as nohup has it.
 */
void signals_of_end(sigset_t *signals);

/* Has `handler` called for each of these. */
void signals_handle_end(void (*handler)(int signal));

#endif

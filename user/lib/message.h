/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sentences for people, on stderr. Only main and the commands print; what is below them returns
 * errors, and tells what happens (events/event.h).
 */
#ifndef UNFREED_MESSAGE_H
#define UNFREED_MESSAGE_H

#include <stdbool.h>

/* Exit statuses, part of the command line's contract. */
enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1, /* failure while running */
	STATUS_USAGE = 2,
	STATUS_TARGET = 3, /* no such process, gone, refused because the probe would endanger it */
	STATUS_KERNEL = 4, /* the kernel or the permissions */
};

enum verbosity { VERBOSITY_QUIET, VERBOSITY_NORMAL, VERBOSITY_VERBOSE };

void message_set_verbosity(enum verbosity verbosity);
bool message_is_verbose(void);

/* What stands before all that is printed from now on, "FILE, line 3: ";
 * must stay. NULL: nothing. */
void message_set_place(const char *place);

/* Each prints "unfreed: …\n" in one write, escaped: names come from targets. Errors always, info
 * unless quiet, detail if verbose. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

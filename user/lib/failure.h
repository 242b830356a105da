/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One sentence on its way up: what failed, which object, what to do; and the exit status that goes
 * with it. Whoever started the work prints it, once.
 */
#ifndef UNFREED_FAILURE_H
#define UNFREED_FAILURE_H

#include "message.h"

struct failure {
	enum exit_status status;
	char text[512];
};

/* Fills `failure` and returns -1, so that `return failure_set(…)` reads well. */
int failure_set(struct failure *failure, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

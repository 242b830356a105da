/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be called at exit: functions and their arguments, which atexit.register keeps. */
#ifndef UNFREED_PYTHON_OBJECTS_EXIT_CALLS_H
#define UNFREED_PYTHON_OBJECTS_EXIT_CALLS_H

#include "references.h"

typedef void exit_call_fn(void *context, uint64_t object);

/*
 * Tells them, or the list of them all, where a structure of so many bytes has them: that of an
 * interpreter from 3.10 on.
 */
void exit_calls_visit(struct object_reader *reader, uint64_t structure, size_t bytes,
		      exit_call_fn *visit, void *context);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PYTHON_ACCESS_H
#define UNFREED_PYTHON_ACCESS_H

#include "interpreter.h"

/*
 * Finds out how a thread finds its thread state, by what the given threads have in memory, and
 * fills access, first, second and current of interpreter->process. Returns 0, or -ENOENT where no
 * way agrees with the process.
 */
int python_access_find(struct python_interpreter *interpreter, const struct python_thread *threads,
		       size_t count);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* An interpreter in a file that names nothing: no symbols, no sections. */
#ifndef UNFREED_PYTHON_UNNAMED_H
#define UNFREED_PYTHON_UNNAMED_H

#include "interpreter.h"

/*
 * The address of _PyRuntime among the variables of a file that a process has mapped, by its form; 0
 * where there is none. `file`: the mapping that `binary` was opened by. It is to be validated like
 * one that has a name.
 */
uint64_t python_unnamed_runtime(const struct procfs *procfs, pid_t pid, const struct mapping *file,
				const struct python_binary *binary);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PYTHON_VALIDATE_H
#define UNFREED_PYTHON_VALIDATE_H

#include "interpreter.h"

/*
 * Compares the layout with the live process: types, the list of threads, and the frames of those
 * that run Python code. Fills interpreter->process and frames_checked. Returns 0, or a negative
 * errno with *what naming what does not fit (static text, NULL where the process cannot be read).
 */
int python_validate(struct python_interpreter *interpreter, const char **what);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_DOCTOR_PYTHON_H
#define UNFREED_DOCTOR_PYTHON_H

#include <stdbool.h>

#include "../confine/confined.h"
#include "../process/procfs.h"

/* Prints what the process has of an interpreter and what tracing would do; nothing where there is
 * none. */
void doctor_print_python(const struct procfs *procfs, struct confined *confined, pid_t pid,
			 bool nops_emulated);

#endif

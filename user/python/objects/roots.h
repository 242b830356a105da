/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a graph begins: modules, then variables of running functions, then what only C code holds.
 */
#ifndef UNFREED_PYTHON_OBJECTS_ROOTS_H
#define UNFREED_PYTHON_OBJECTS_ROOTS_H

#include "graph.h"

/* From where objects were reached, from the surest on. */
struct root_counts {
	size_t modules;
	size_t frames; /* and thread states */
	size_t raw;    /* through memory whose form is not known, and the interpreter's own */
	size_t c;      /* variables and stacks of C code */
};

/* Fills a graph, following everything. The process's threads are listed by `procfs`. */
void roots_follow(struct graph *graph, const struct python_interpreter *interpreter,
		  const struct procfs *procfs, struct root_counts *counts);

#endif

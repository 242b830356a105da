/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a graph begins: modules, then variables of running functions, then what only C code
 * holds. */
#ifndef UNFREED_PYTHON_OBJECTS_ROOTS_H
#define UNFREED_PYTHON_OBJECTS_ROOTS_H

#include "graph.h"

/* From where objects were reached, from the surest on. */
struct root_counts {
	size_t modules;
	size_t frames; /* and thread states */
	size_t raw;    /* through memory whose form is not known, variables of extensions, and the
		       interpreter's own structure */
	size_t c;      /* its variables, and stacks of C code */
};

/* The object at an address, and what leads to it: LABEL_ROOT, LABEL_C, LABEL_NAME of what is kept
 * until the end, or LABEL_NAMESPACE to a dictionary of modules by name. */
typedef void root_fn(void *context, uint64_t address, uint32_t label);

/* What the label of a root begins with that is no variable of its frame. */
#define ROOT_OF_FRAME "frame of "

/* Tells the dictionaries of modules, variables of functions that run, what is to be called at exit,
 * and what thread states hold: all roots but those of C code. */
void roots_visit(struct object_reader *reader, const struct python_interpreter *interpreter,
		 root_fn *visit, void *context);

/* "C data of libpython3.11.so.1.0": what a mapping with variables of C code is called; false where
 * it is none. `index`: in the view's regions. */
bool roots_c_data(const struct regions *regions, size_t index, char *name, size_t size);

/* Fills a graph with all that modules and running functions reach. */
void roots_follow(struct graph *graph, const struct python_interpreter *interpreter,
		  struct root_counts *counts);

/* Then with what memory of unknown form and C code reach. The process's threads are listed by
 * `procfs`. */
void roots_follow_guesses(struct graph *graph, const struct python_interpreter *interpreter,
			  const struct procfs *procfs, struct root_counts *counts);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process keeps a variable of C, C++ or Rust: by its name in the symbol table of the
 * executable, else of a library.
 */
#ifndef UNFREED_VARIABLE_H
#define UNFREED_VARIABLE_H

#include "../confine/confined.h"
#include "../process/mappings.h"

#define VARIABLE_NAME_MAX 1024

struct variable {
	uint64_t address; /* in the process */
	uint64_t bytes;   /* 0: unknown */
};

/*
 * `name` as in the file, or as people read it (`Engine::count`). Files are looked through in the
 * order in which they are mapped, up to the first that has it. Returns 0 or a negative errno:
 * -ENOENT; -ENOTUNIQ where a file has several of this name; -ENAMETOOLONG; or what a file that had
 * to be left out caused, where no other has it. Thread-local variables are not found.
 */
int variable_find(const struct procfs *procfs, struct confined *confined, pid_t pid,
		  const struct mappings *mappings, const char *name, struct variable *variable);

#endif

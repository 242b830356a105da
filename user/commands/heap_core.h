/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed heap` on core files. */
#ifndef UNFREED_COMMANDS_HEAP_CORE_H
#define UNFREED_COMMANDS_HEAP_CORE_H

#include "../confine/confined.h"
#include "../lib/failure.h"
#include "../look/look.h"

/* How many a look lists, and one that it is compared with. */
enum { HEAP_CONTAINERS = 1000 };

/* Whether a file begins as ELF files do. */
bool heap_core_is_file(const char *path);

/* What is in a core whose files are in `root`: the caller's. NULL with `failure` filled. */
struct look *heap_core_look(const char *path, const char *root, struct confined *confined,
			    uint64_t budget_bytes, struct failure *failure);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How what looks hold reads, the same in `heap` and in `why`. */
#ifndef UNFREED_LOOK_LABEL_H
#define UNFREED_LOOK_LABEL_H

#include "../lib/quantity.h"
#include "../look/look.h"
#include "columns.h"

/* "Python live", "kept by malloc, pinned" */
const char *look_part_label(enum look_part_id part);

/* `gunicorn 1234, Python 3.11.2` */
void look_print_process(struct columns *columns, const struct look *look);

/* `1.42 of 3.00 GB`; without a limit (0) `1.42 GB` */
void look_print_size(FILE *file, uint64_t bytes, uint64_t limit_bytes);

/* Columns of `dict recommend.behaviour.HISTORY`, not shortened. */
size_t look_container_width(const char *type, const char *name);

/*
 * `dict recommend.behaviour.HISTORY of Event`, then `end`, on the rest of this line: types go
 * without their modules, a name that is too long is shortened. `type`, `name` and `of` may be NULL.
 */
void look_print_container(struct columns *columns, const char *type, const char *name,
			  uint64_t address, const char *of, const char *end);

#endif

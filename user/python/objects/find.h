/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody means by a name, a type or an address. */
#ifndef UNFREED_PYTHON_OBJECTS_FIND_H
#define UNFREED_PYTHON_OBJECTS_FIND_H

#include "objects.h"

/*
 * The object with that name in the last graph, such as recommend.views.ENGINE.rows; an index may be
 * given as [*] too. 0 where there is none. Containers are looked for first.
 */
uint32_t objects_find_named(const struct objects *objects, const char *name);

/* The type of that name, as reports have it; TYPE_NONE where no object is of one. */
uint32_t objects_find_type(const struct objects *objects, const char *name);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What greenlets that wait hold in the variables of their functions. */
#ifndef UNFREED_PYTHON_OBJECTS_GREENLETS_H
#define UNFREED_PYTHON_OBJECTS_GREENLETS_H

#include "references.h"

void greenlet_references(struct object_reader *reader, const struct object *object,
			 reference_fn *refer, void *context);

#endif

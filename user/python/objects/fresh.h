/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects and what they keep beside themselves lie in different places, which were copied one after
 * the other. What a busy process exchanges meanwhile, such as a table that has become too small, is
 * copied before it is there.
 */
#ifndef UNFREED_PYTHON_OBJECTS_FRESH_H
#define UNFREED_PYTHON_OBJECTS_FRESH_H

#include "references.h"

/* Whether the copies of a container and of its table or items are surely not of one moment. */
bool object_is_torn(struct object_reader *reader, uint64_t address, uint32_t type);

/* Whether by now there is something else, as where what lies beside it was read again. */
bool object_is_another(const struct object_reader *reader, uint64_t address, uint32_t type);

/* Reads an object and what it keeps beside itself again, one right after the other. */
void object_refresh(struct object_reader *reader, uint64_t address, uint32_t type);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the members of CPython's own C types are called that Python does not show as members: those
 * by which containers, iterators and contexts hold what was given to them.
 */
#ifndef UNFREED_PYTHON_OBJECTS_FIELDS_H
#define UNFREED_PYTHON_OBJECTS_FIELDS_H

#include "references.h"

/*
 * The name of what a word of an object holds, as it is in CPython's sources: "source". "[*]": one
 * of its entries; "": nothing that adds to a name; NULL: not known. `target`: what is held.
 */
const char *object_field_name(const struct object_reader *reader, uint32_t type, uint64_t offset,
			      uint64_t target);

#endif

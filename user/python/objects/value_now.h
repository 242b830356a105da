/* SPDX-License-Identifier: BSD-2-Clause */
/* What a word refers to at this moment, where that is replaced again and again: the copy has one
 * of which it is not sure that it still was there when it was copied. */
#ifndef UNFREED_PYTHON_OBJECTS_VALUE_NOW_H
#define UNFREED_PYTHON_OBJECTS_VALUE_NOW_H

#include "references.h"

/* What stands in the place of a value, apart from what that refers to. */
struct value_now {
	uint64_t address;
	uint64_t bytes;
	uint64_t length;    /* of a container: entries */
	double entry_bytes; /* of `bytes`: what each of these takes */
};

/* What a word refers to now, if that is of a type: its bytes; 0 where it is not there long
 * enough to be read. The copy has it so from now on. */
uint64_t value_read(struct object_reader *reader, uint64_t slot, uint32_t type,
		    struct value_now *now);

#endif

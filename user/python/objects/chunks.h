/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The blocks of malloc, by which objects are found where an interpreter has no pools
 * (PYTHONMALLOC=malloc): each may be one.
 */
#ifndef UNFREED_PYTHON_OBJECTS_CHUNKS_H
#define UNFREED_PYTHON_OBJECTS_CHUNKS_H

#include "references.h"

/* An object at its address behind its header, in a block of so many bytes. */
typedef void chunk_object_fn(void *context, uint64_t address, uint32_t type, uint64_t bytes);

/*
 * Goes through all blocks of glibc's malloc that are in use. Of a view that is kept small
 * (`view_bytes`; 0: as it is) the pages are forgotten now and then. Returns 0, -ENOTSUP where the
 * heap is not understood (another allocator), or another negative errno.
 */
int object_chunks_read(struct object_reader *reader, uint64_t view_bytes, chunk_object_fn *act,
		       void *context);

#endif

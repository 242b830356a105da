/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_MEMORY_CHUNK_GUESS_H
#define UNFREED_MEMORY_CHUNK_GUESS_H

#include "view.h"

/*
 * The bytes for its user of a chunk of glibc's malloc (malloc/malloc.c, struct malloc_chunk) that
 * is in use and whose user's part begins at an address, as far as the view has it; 0 where there is
 * none. A guess, since nothing but the words around says so.
 */
uint64_t chunk_guess_bytes(struct view *view, uint64_t address);

/* The same, where what it is guessed by may not be in the view yet: reads it. */
uint64_t chunk_guess_bytes_of_part(struct view *view, uint64_t address);

#endif

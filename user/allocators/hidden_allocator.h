/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator whose functions have no names: linked into an executable or library that was
 * stripped, under a prefix of its own, so that no symbol table tells of it (Rust's jemallocator,
 * `jemalloc --with-jemalloc-prefix`). What it says when something is wrong stays in the file.
 */
#ifndef UNFREED_HIDDEN_ALLOCATOR_H
#define UNFREED_HIDDEN_ALLOCATOR_H

#include <stddef.h>

#include "../elf/elf_file.h"

/*
 * Searches the constants of a file, as far as they are not endless. Returns the allocator's name
 * as struct allocator has it, or NULL.
 */
const char *hidden_allocator_find(const struct elf_file *file);

/* The same in a piece of memory. */
const char *hidden_allocator_in(const char *bytes, size_t size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names as people read them in a flame graph.
 *
 * C++ and Rust names are demangled without parameter lists: `ns::Class<T>::method`. Overloads then
 * share a name; file and line keep them apart. Rust's hash (`::h0123456789abcdef`) and what
 * compilers and linkers append (`.constprop.0`, `.part.1`, `.cold`, `.llvm.123`, `@@VERSION`) are
 * removed.
 */
#ifndef UNFREED_SYMBOL_NAME_H
#define UNFREED_SYMBOL_NAME_H

#include <stddef.h>

/* Longer names stay as they are: the cost of demangling is not linear. */
#define MANGLED_NAME_MAX 2048

/* Writes the readable form of `name`, cut to `size` bytes with its NUL. Returns `text`. */
const char *symbol_name_readable(const char *name, char *text, size_t size);

#endif

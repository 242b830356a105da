/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building of symbol lists; symbol_lists_release is in symbolizer.h.
 */
#ifndef UNFREED_SYMBOL_LIST_H
#define UNFREED_SYMBOL_LIST_H

#include "symbolizer.h"

/* What one address and one string may cost, on both sides of the socket. */
#define SYMBOLS_PER_ADDRESS_MAX 128
#define SYMBOL_STRING_MAX       4096

/*
 * Appends a copy of a symbol, whose strings may be NULL and are cut at SYMBOL_STRING_MAX bytes. Of
 * a linkage name that is no other than the name none is kept. Returns 0, -ENOMEM, or -E2BIG where
 * the list is full.
 */
int symbol_list_add(struct symbol_list *list, const struct symbol *symbol);

#endif

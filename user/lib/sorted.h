/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays that are sorted by a member of their items, the smallest first. */
#ifndef UNFREED_SORTED_H
#define UNFREED_SORTED_H

#include <stddef.h>

/*
 * How many of `count` items have a `member` of at most `value`: with starts the number behind the
 * last item that begins there or before, with ends the number of the first that reaches beyond.
 */
#define sorted_count(items, count, member, value) sorted_search(items, count, member, <=, value)

/* How many are below it: the number of the first item that is there or behind. */
#define sorted_below(items, count, member, value) sorted_search(items, count, member, <, value)

/* What both are made of. */
#define sorted_search(items, count, member, is_before, value)                               \
	({                                                                                  \
		size_t sorted_low = 0, sorted_high = (count);                               \
                                                                                            \
		while (sorted_low < sorted_high) {                                          \
			size_t sorted_middle = sorted_low + (sorted_high - sorted_low) / 2; \
                                                                                            \
			if ((items)[sorted_middle].member is_before(value))                 \
				sorted_low = sorted_middle + 1;                             \
			else                                                                \
				sorted_high = sorted_middle;                                \
		}                                                                           \
		sorted_low;                                                                 \
	})

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the three ways of comparing share. */
#ifndef UNFREED_DIFFERENCE_INTERNAL_H
#define UNFREED_DIFFERENCE_INTERNAL_H

#include "difference.h"

/* Entries by what tells them from each other. */
struct difference_builder {
	struct difference *difference;
	struct zone *scratch;
	struct builder_entry *by_key;
	size_t room;
};

void builder_init(struct difference_builder *builder, enum difference_kind kind);

/* The entry of a key of so many bytes; a new one has its kind alone. It
 * holds until the next call. */
struct difference_entry *builder_entry(struct difference_builder *builder, enum entry_kind kind,
				       const void *key, size_t size);

/* Sets what follows from both sides of all entries and of the whole, and sorts them. */
struct difference *builder_finish(struct difference_builder *builder);

/* Sets what follows from both sides of an entry. */
void difference_settle(const struct difference *difference, struct difference_entry *entry);

/* A name's copy in the difference; NULL gives NULL. */
const char *difference_string(struct difference *difference, const char *string);

/* Adds the bytes, the count and the rate of a part. */
void side_add(struct difference_side *sum, const struct difference_side *part);

#endif

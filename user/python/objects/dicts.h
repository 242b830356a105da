/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of dictionaries, whose memory may be changing while it is read. */
#ifndef UNFREED_PYTHON_OBJECTS_DICTS_H
#define UNFREED_PYTHON_OBJECTS_DICTS_H

#include "../../memory/view.h"
#include "structs.h"

/* A table of keys: PyDictKeysObject. */
struct dict_keys {
	uint64_t entries;  /* address of the first */
	uint64_t used;     /* entries that were ever used */
	uint64_t capacity; /* entries that there is room for, with these */
	uint64_t bytes;    /* of the whole table */
	bool bare;         /* entries have no hash: all keys are strings */
};

/* Returns whether there is a table that makes sense at an address. */
bool dict_keys_read(struct view *view, const struct python_structs *structs, uint64_t address,
		    struct dict_keys *keys);

/* The key and, where the table has values of its own, the value of an entry; 0: none, or
 * deleted. */
void dict_keys_entry(struct view *view, const struct dict_keys *keys, uint64_t index, uint64_t *key,
		     uint64_t *value);

/* Returns whether to go on. */
typedef bool dict_entry_fn(void *context, uint64_t key, uint64_t value);

/* Each entry of the dictionary at an address. Returns how many there were. */
uint64_t dict_each(struct view *view, const struct python_structs *structs, uint64_t dict,
		   dict_entry_fn *act, void *context);

/* The value under a key that is a string; 0 where there is none. */
uint64_t dict_find(struct view *view, const struct python_structs *structs,
		   const struct python_layout *layout, uint64_t dict, const char *key);

/*
 * A str as UTF-8 of at most size - 1 bytes, cut there. Returns whether there is one; else `text` is
 * empty.
 */
bool view_text(struct view *view, const struct python_layout *layout, uint64_t address, char *text,
	       size_t size);

#endif

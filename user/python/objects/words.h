/* SPDX-License-Identifier: BSD-2-Clause */
/* Which words of a process change when something grows: those that a watchpoint is put on. */
#ifndef UNFREED_PYTHON_OBJECTS_WORDS_H
#define UNFREED_PYTHON_OBJECTS_WORDS_H

#include "growth.h"

enum word_kind {
	WORD_LENGTH,   /* of a container */
	WORD_SLOT,     /* that holds what is replaced */
	WORD_REFCOUNT, /* of a class made by a class statement: its instances refer to it */
	WORD_KEY, /* of a name that is a key of each of many dictionaries; others use it, too */
};

struct word {
	uint64_t address; /* 0: none */
	enum word_kind kind;
	/* Of the length of one of many: the container, and its type, at its second word. */
	uint64_t container;
	uint64_t type_address;
};

/* The length of a container; 0 where the kind has none that can be watched. */
uint64_t object_length_word(struct object_reader *reader, uint64_t address, uint32_t type);

/*
 * The word that holds the reference through which a node was reached: an attribute, an entry, an
 * item. 0 where it is not found, or the node is a root.
 */
uint64_t graph_slot(const struct graph *graph, uint32_t node);

/* The same of any value in an object. */
uint64_t graph_slot_of(const struct graph *graph, uint32_t holder, uint64_t value);

/* Up to `max` words that show who makes something grow, the best first. Returns how many. */
size_t grown_words(const struct objects *objects, const struct grown *grown, struct word *words,
		   size_t max);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leads from an object to another one: an attribute's name, an item, a word of a C structure.
 * A label is one number, so that millions of them can be kept; names are kept once, and mean the
 * same in each look.
 */
#ifndef UNFREED_PYTHON_OBJECTS_LABELS_H
#define UNFREED_PYTHON_OBJECTS_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum label_kind {
	LABEL_NONE,
	LABEL_ROOT,      /* value: a name: what the root is */
	LABEL_C,         /* the same, of a root that only C code holds, or leftovers of it */
	LABEL_NAME,      /* value: a name: attribute, global variable, module */
	LABEL_VARIABLE,  /* value: a name: local variable of a function, generator or frame */
	LABEL_ITEM,      /* of a list, tuple, set, deque; value of a dictionary */
	LABEL_KEY,       /* of a dictionary */
	LABEL_NAMESPACE, /* to the dictionary of its attributes: not shown */
	LABEL_MODULES,   /* value: a name: to the modules of an interpreter that is not the first */
	LABEL_FIELD,     /* value: offset in a C structure */
	LABEL_RAW,       /* through memory whose form is not known */
};

enum { LABEL_VALUE_BITS = 27 };

static inline uint32_t label_make(enum label_kind kind, uint32_t value)
{
	return (uint32_t)kind << LABEL_VALUE_BITS | (value & ((1u << LABEL_VALUE_BITS) - 1));
}

static inline enum label_kind label_kind(uint32_t label)
{
	return (enum label_kind)(label >> LABEL_VALUE_BITS);
}

static inline uint32_t label_value(uint32_t label)
{
	return label & ((1u << LABEL_VALUE_BITS) - 1);
}

/* Whether it leads to a dictionary whose keys are names. */
static inline bool label_is_namespace(uint32_t label)
{
	return label_kind(label) == LABEL_NAMESPACE || label_kind(label) == LABEL_MODULES;
}

struct label_name;

struct labels {
	struct label_name *by_text; /* a hash table */
	struct label_name **names;  /* by number, from 1 on */
	size_t count;
	size_t bytes;     /* of all names, about */
	size_t max_bytes; /* 0: as many as there are numbers */
};

void labels_release(struct labels *labels);

/* The number of a name; 0 where there is no room for another. */
uint32_t labels_number(struct labels *labels, const char *text);

/*
 * A name that stands for many alike: "local rows of serve (app.py:3)" for the same in each thread.
 * labels_alike gives the number itself where none was set.
 */
void labels_set_alike(struct labels *labels, uint32_t number, uint32_t alike);
uint32_t labels_alike(const struct labels *labels, uint32_t number);

/* The name of a number that labels_number gave; lives as long as the labels. */
const char *labels_text(const struct labels *labels, uint32_t number);

#endif

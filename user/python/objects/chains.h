/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names without a graph: by which chain some containers are held, found backwards, pass by pass
 * over a memory of any size, with little of our own. For where the objects of a process do not fit
 * into what the tool may use.
 */
#ifndef UNFREED_PYTHON_OBJECTS_CHAINS_H
#define UNFREED_PYTHON_OBJECTS_CHAINS_H

#include "references.h"

/* One step of a chain. */
struct chain_step {
	uint32_t label;
	uint32_t holder_type; /* TYPE_NONE: a root */
	uint64_t holder;
	uint64_t target;
	uint32_t target_type; /* TYPE_NONE: memory of C code */
	uint64_t index;       /* in a list; CHAIN_NO_INDEX */
};
#define CHAIN_NO_INDEX UINT64_MAX

/* Steps that lead nowhere else: to the dictionary of attributes, through memory of unknown form. */
static inline bool chain_step_is_silent(const struct chain_step *step)
{
	return label_is_namespace(step->label) || label_kind(step->label) == LABEL_RAW;
}

/* An object that a chain is wanted for. */
struct chain {
	uint64_t address;
	uint32_t type;
	uint64_t length; /* of a container */
	char *name;      /* as name_of_node() gives it; NULL: none was found */
	char *generic;   /* the same for many alike: [*] for each index, what repeats folded */
	struct chain_step *steps; /* from the root on, folded like `generic` */
	size_t step_count;
	bool is_garbage; /* nothing reaches it but what it reaches itself */
	bool hidden;     /* a table of the interpreter's own, or the inside of another container */
	bool is_weighed; /* whether `bytes` is wanted, which takes some reading */
	uint64_t bytes;  /* of the object with its entries, about: by some of them */
};

struct chains {
	struct chain *items;
	size_t count;
	uint32_t *slots; /* index + 1, by address */
	size_t slot_count;
	const bool *apart; /* by type: what is not weighed with what holds it; NULL: none */
	size_t apart_count;
	bool thorough;     /* as many passes as may show a better chain */
	unsigned int form; /* of names: NAME_WITH_KEYS */
	size_t passes;     /* over all data */
	bool full;         /* there were more holders than room */
};

/*
 * Looks for the chains of chains->items; all else in it is filled in. reader->view is cleared and
 * used, its pools need not be kept. `max_nodes` bounds the memory for holders that are looked at.
 * Returns 0 or a negative errno: -ESRCH, -ENOMEM.
 */
int chains_find(struct chains *chains, struct object_reader *reader,
		const struct python_interpreter *interpreter, uint64_t window_bytes,
		size_t max_nodes);
void chains_release(struct chains *chains);

/* Adds one where it is new, weighed or not. Returns false on out of memory. */
bool chains_add(struct chains *chains, uint64_t address, uint32_t type, bool is_weighed);

/* NULL where it is none of them. */
const struct chain *chains_at(const struct chains *chains, uint64_t address);

/* Fills in the bytes of a chain's object with what is below it, and its length. Of `chains` only
 * the types that are apart are asked for. */
void chain_measure(const struct chains *chains, struct object_reader *reader, struct chain *chain);

/* What `count` of its steps are called. `form`: enum name_form. */
void chain_steps_name(const struct object_reader *reader, const struct chain_step *steps,
		      size_t count, unsigned int form, char name[]);

/*
 * All objects that may refer to one, found as chains_find does: their addresses, the caller's.
 * `full`: there may be more. Returns 0 or a negative errno.
 */
struct referrer {
	uint64_t address;
	uint32_t type;
};
int chains_referrers(struct object_reader *reader, const struct python_interpreter *interpreter,
		     const struct chain *object, uint64_t window_bytes, size_t max_nodes,
		     struct referrer **referrers, size_t *count, bool *full);

#endif

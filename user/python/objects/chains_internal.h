/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the search for chains share: chains.c (the net of holders, passes), holders.c
 * (who holds the word that was found), chain_names.c (from a chain to a name). */
#ifndef UNFREED_PYTHON_OBJECTS_CHAINS_INTERNAL_H
#define UNFREED_PYTHON_OBJECTS_CHAINS_INTERNAL_H

#include "chains.h"

enum holder_kind {
	HOLDER_OBJECT,
	HOLDER_BLOCK, /* of a pool, no object: a table of some container, or C's */
	HOLDER_WORD,  /* outside of pools, in a table whose beginning is not known */
	HOLDER_C,     /* a variable of C code */
};

/* How sure a root is: lower is better. */
enum root_rank {
	RANK_MODULE,
	RANK_FRAME,
	RANK_LEFTOVER, /* what frames compute with, which may be stale */
	RANK_C,
	RANK_NONE,
};

/* What holds, directly or not, something that a chain is wanted for. */
struct holder {
	uint64_t address; /* of the object, the block, the word */
	uint32_t bytes;   /* of a block */
	uint32_t type;    /* of an object */
	uint32_t root_label;
	uint32_t
		up; /* the edge to what holds it on the best chain, + 1; 0: a root, or none known */
	uint16_t distance; /* to the root, on it */
	uint16_t pass;     /* at which it was found; 0: it was asked for */
	uint8_t kind;      /* enum holder_kind */
	uint8_t rank;      /* enum root_rank, of the best chain's root */
	bool wanted;       /* something without a good chain is below it */
	bool sought;       /* a pass asked who holds it */
	uint16_t hits;     /* words that were followed, in this pass */
	uint16_t own;      /* words by which it holds itself */
};

struct holding {
	uint32_t holder; /* 0: it turned out to be none */
	uint32_t held;
	uint64_t word; /* by which it holds it */
};

/* Something that leads to no further question: it has a name. */
struct chain_root {
	uint64_t address;
	uint32_t label;
	uint8_t rank;
};

/* The table of a module's dictionary. */
struct module_table {
	uint64_t start;
	uint64_t end;
	uint64_t dict;
};

struct search {
	struct chains *chains;
	struct object_reader *reader;
	uint64_t window_bytes;
	struct holder *holders; /* holders[0] is none */
	size_t holder_count;
	size_t max_holders;
	uint32_t *slots; /* of holders, by address */
	size_t slot_count;
	struct holding *holdings;
	size_t holding_count;
	struct chain_root *roots; /* sorted by address */
	size_t root_count;
	struct module_table *tables; /* sorted, without overlap */
	size_t table_count;
	uint32_t *words; /* holders of HOLDER_WORD whose tables are looked for, by address */
	size_t word_count;
	uint16_t pass;
	bool asked;        /* the last pass had something to look for */
	uint16_t hits_max; /* of what many hold, so many are followed in a pass */
	bool full;
	struct object_pools pools; /* what a pass counts there is nobody's */
};

static inline bool is_table(const struct holder *holder)
{
	return holder->kind == HOLDER_BLOCK || holder->kind == HOLDER_WORD;
}

/* Takes one in where it is new. 0: no room. */
uint32_t search_add(struct search *search, enum holder_kind kind, uint64_t address, uint32_t type);

/* `holder` holds `held` by the word at an address. */
void search_connect(struct search *search, uint32_t holder, uint32_t held, uint64_t word);

/* A word was found that points to what `held` is: takes in whoever holds by it. `region`: in the
 * view's regions. */
void search_hit(struct search *search, size_t region, uint64_t word, uint32_t held);

/* An object of a pool: whether its table has some of search->words. */
void search_tables(struct search *search, uint64_t address, uint32_t type);

/* Reads the roots and the tables of modules. Returns 0 or -ENOMEM. */
int search_begin(struct search *search, const struct python_interpreter *interpreter);

/* The table that a container has its entries in, as far as it is one piece; false where there is
 * none. */
bool container_table(struct object_reader *reader, uint64_t address, uint32_t type, uint64_t *start,
		     uint64_t *end);

/* Of tables whose objects are known since a holding: drops what these do not refer to. */
void search_verify(struct search *search, size_t first);

/* Marks holders that nothing reaches but others like them: wanted is what stays. */
void search_judge(struct search *search);

/* Clears the view where it is half full, since what is not to be had there looks like nothing.
 * Returns whether it did. */
bool search_make_room(const struct search *search);

/* Fills in a chain's name from its holder. */
void chain_name(const struct search *search, struct chain *chain, uint32_t holder);

#endif

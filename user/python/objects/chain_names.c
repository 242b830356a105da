/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a chain of holders to the name that a graph would give, and how large a container is with
 * what is in it, judged by some of its entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chains_internal.h"
#include "dicts.h"
#include "names.h"

enum {
	STEPS_MAX = 64,
	ENTRIES_SAMPLED = 128,
	ENTRIES_AT_ONCE = 4,  /* that fit into the view with all that is looked at below them */
	ENTRIES_BELOW = 8,    /* of each container below */
	OBJECTS_SAMPLED = 64, /* below an entry */
	DEPTH_SAMPLED = 4,
	SHARED_BY = 3, /* what more refer to belongs to others too */
	BLOCK_UNIT = 16,
};

struct labelling {
	uint64_t target;
	uint32_t label;
	bool found;
};

static void label_reference(void *context, uint64_t target, uint32_t label)
{
	struct labelling *labelling = context;

	if (target != labelling->target || labelling->found)
		return;
	labelling->label = label;
	labelling->found = true;
}

/* Of a word in a dictionary's table. */
static bool label_entry(struct object_reader *reader, const struct object *dict, uint64_t word,
			uint32_t *label)
{
	struct dict_keys keys;
	uint64_t key, value;

	if (object_word(reader, dict->address + DICT_VALUES) ||
	    !dict_keys_read(reader->view, reader->structs,
			    object_word(reader, dict->address + DICT_KEYS), &keys) ||
	    word < keys.entries)
		return false;
	uint64_t bytes = keys.bare ? 16 : 24, index = (word - keys.entries) / bytes;
	dict_keys_entry(reader->view, &keys, index, &key, &value);
	if ((word - keys.entries) % bytes == bytes - 16)
		*label = label_make(LABEL_KEY, 0);
	else
		*label = dict->is_namespace ? object_name_label(reader, LABEL_NAME, key)
					    : label_make(LABEL_ITEM, 0);
	return true;
}

/* What leads from an object to what it holds, by a word in it, or in a table of its own. */
static uint32_t find_label(struct object_reader *reader, const struct object *object,
			   uint64_t target, uint64_t word)
{
	struct labelling labelling = {.target = target};
	enum object_kind kind = reader->types->items[object->type].kind;
	bool is_inside = word >= object->address && word < object->end;
	uint32_t label;

	if (kind == KIND_DICT && !is_inside && label_entry(reader, object, word, &label))
		return label;
	if (!is_inside && (kind == KIND_LIST || kind == KIND_SET || kind == KIND_DEQUE))
		return label_make(LABEL_ITEM, 0);
	object_references(reader, object, label_reference, NULL, &labelling);
	return labelling.found ? labelling.label : label_make(LABEL_RAW, 0);
}

/* The place in a list is known by the word; to search for it would mean to read all of it. */
static bool append_index(const struct object_reader *reader, const struct object *list,
			 uint64_t word, char name[OBJECT_NAME_BYTES])
{
	uint64_t items = object_word(reader, list->address + LIST_ITEMS);
	size_t used = strlen(name);

	if (reader->types->items[list->type].kind != KIND_LIST || word < items)
		return false;
	snprintf(name + used, OBJECT_NAME_BYTES - used, "[%llu]",
		 (unsigned long long)((word - items) / 8));
	return true;
}

/* The chain as holdings from the container up. Returns how many; the root's number in *root. */
static size_t collect(const struct search *search, uint32_t holder, uint32_t chain[STEPS_MAX],
		      uint32_t *root)
{
	size_t count = 0;

	while (search->holders[holder].up && count < STEPS_MAX) {
		chain[count++] = search->holders[holder].up - 1;
		holder = search->holdings[search->holders[holder].up - 1].holder;
	}
	*root = holder;
	return count;
}

/* Takes one step down, from `object`, and says what came there. */
static void append_step(const struct search *search, const struct holding *holding,
			const struct holder *target, struct object *object, uint32_t *label,
			char name[OBJECT_NAME_BYTES])
{
	struct object_reader *reader = search->reader;

	if (!object->type) {
		*label = label_make(LABEL_RAW, 0);
		if (search->holders[holding->holder].kind == HOLDER_C)
			return;
	} else {
		*label = find_label(reader, object, target->address, holding->word);
		if (label_kind(*label) == LABEL_ITEM &&
		    append_index(reader, object, holding->word, name))
			return;
	}
	const struct name_step step = {
		.label = *label,
		.holder_type = object->type,
		.holder = object->address,
		.target = target->address,
	};
	name_append(reader, &step, 0, name);
}

static struct object object_of(const struct search *search, const struct holder *holder,
			       uint32_t label)
{
	struct object object = {
		.address = holder->address,
		.type = holder->type,
		.is_namespace = label_is_namespace(label),
	};

	if (holder->type)
		object.end = holder->address +
			     object_bytes(search->reader, holder->address, holder->type);
	return object;
}

static bool is_table(const struct holder *holder)
{
	return holder->kind == HOLDER_BLOCK || holder->kind == HOLDER_WORD;
}

/* Tables of the interpreter's own, and the inside of what is told as a whole. */
static bool is_hidden(const struct search *search, const struct object *holder, uint32_t label)
{
	return label == label_make(LABEL_FIELD, TYPE_SUBCLASSES) ||
	       search->reader->types->items[holder->type].kind == KIND_CACHE;
}

void chain_name(const struct search *search, struct chain *chain, uint32_t number)
{
	struct object_reader *reader = search->reader;
	uint32_t path[STEPS_MAX], root;
	char name[OBJECT_NAME_BYTES] = "";
	size_t count = collect(search, number, path, &root);
	uint32_t label = search->holders[root].root_label;
	struct name_step step = {.label = label};

	if (!number || search->holders[root].rank == RANK_NONE || count == STEPS_MAX)
		return;
	struct object object = object_of(search, &search->holders[root], label);
	if (label_kind(label) != LABEL_NAMESPACE)
		name_append(reader, &step, 0, name);
	while (count--) {
		struct holding holding = search->holdings[path[count]];
		const struct holder *target = &search->holders[holding.held];

		/* a table is no step: what it holds, its holder has */
		if (object.type && is_table(target) && count) {
			holding.word = search->holdings[path[--count]].word;
			holding.held = search->holdings[path[count]].held;
			target = &search->holders[holding.held];
		}
		append_step(search, &holding, target, &object, &label, name);
		chain->hidden = is_hidden(search, &object, label);
		object = object_of(search, target, label);
	}
	chain->name = *name ? strdup(name) : NULL;
}

struct weighing {
	struct object_reader *reader;
	size_t left; /* objects that may still be looked at, below this entry */
	unsigned int depth;
	uint64_t bytes; /* below the object whose references are gone through */
};

static uint64_t weigh(struct weighing *weighing, uint64_t address);

static bool is_code(enum object_kind kind)
{
	return kind == KIND_TYPE || kind == KIND_MODULE || kind == KIND_FUNCTION ||
	       kind == KIND_CODE || kind == KIND_METHOD || kind == KIND_DESCRIPTOR ||
	       kind == KIND_FRAME;
}

/* Entries side by side: `value` is where the first one's value is, `key` its key, if it has any. */
struct entries {
	uint64_t value;
	uint64_t key;
	uint64_t count;
	uint64_t step; /* from one to the next, in bytes */
};

static bool find_entries(struct object_reader *reader, uint64_t address, uint32_t type,
			 struct entries *entries)
{
	struct dict_keys keys;
	uint64_t start, end, index;

	switch ((enum object_kind)reader->types->items[type].kind) {
	case KIND_DICT:
		if (!dict_keys_read(reader->view, reader->structs,
				    object_word(reader, address + DICT_KEYS), &keys))
			return false;
		start = keys.entries + (keys.bare ? 0 : 8);
		*entries = (struct entries){start + 8, start, keys.used, keys.bare ? 16 : 24};
		return true;
	case KIND_LIST:
	case KIND_SET:
		if (!container_table(reader, address, type, &start, &end))
			return false;
		index = reader->types->items[type].kind == KIND_SET ? 16 : 8;
		*entries = (struct entries){start, 0, (end - start) / index, index};
		return true;
	case KIND_TUPLE:
		*entries = (struct entries){address + reader->structs->tuple_items, 0,
					    object_word(reader, address + OBJECT_SIZE), 8};
		return true;
	case KIND_DEQUE:
		start = object_word(reader, address + DEQUE_LEFT);
		index = object_word(reader, address + DEQUE_LEFT_INDEX);
		*entries = (struct entries){start + 8 + 8 * index, 0, DEQUE_BLOCK_ITEMS / 2, 8};
		return start && index < DEQUE_BLOCK_ITEMS / 2;
	default:
		return false;
	}
}

/* What an average entry of those that were looked at takes, times how many there are. */
static uint64_t weigh_entries(struct weighing *weighing, const struct entries *entries,
			      uint64_t length, uint64_t samples)
{
	uint64_t every = (entries->count + samples - 1) / samples, bytes = 0, seen = 0;

	for (uint64_t i = 0; i < entries->count && seen < samples; i += every) {
		/* not each 24th: what is stored in turn would be seen as one kind alone */
		uint64_t place = i + i / every * UINT64_C(0x9E3779B97F4A7C15) % every;
		place = place < entries->count ? place : i;
		uint64_t value =
			object_word(weighing->reader, entries->value + place * entries->step);

		if (!value)
			continue;
		seen++;
		if (!weighing->depth && seen % ENTRIES_AT_ONCE == 0)
			view_clear(weighing->reader->view, view_regions(weighing->reader->view));
		if (!weighing->depth)
			weighing->left = OBJECTS_SAMPLED;
		bytes += weigh(weighing, value);
		if (entries->key)
			bytes += weigh(weighing, object_word(weighing->reader,
							     entries->key + place * entries->step));
	}
	return seen ? (uint64_t)((double)bytes * (double)length / (double)seen) : 0;
}

static void weigh_reference(void *context, uint64_t target, uint32_t label)
{
	struct weighing *weighing = context;
	uint64_t bytes = weighing->bytes;

	(void)label;
	weighing->bytes = bytes + weigh(weighing, target);
}

static uint64_t weigh_below(struct weighing *weighing, const struct object *object)
{
	struct object_reader *reader = weighing->reader;
	uint64_t outer = weighing->bytes, bytes, length;
	struct entries entries;

	if (find_entries(reader, object->address, object->type, &entries)) {
		length = object_length(reader, object->address, object->type);
		return weigh_entries(weighing, &entries, length ? length : entries.count,
				     ENTRIES_BELOW);
	}
	weighing->bytes = 0;
	object_references(reader, object, weigh_reference, NULL, weighing);
	bytes = weighing->bytes;
	weighing->bytes = outer;
	return bytes;
}

/* Of a container, a small table in a pool is its own too. */
static uint64_t weigh_table(struct object_reader *reader, const struct object *object)
{
	uint64_t bytes = object_payload(reader, object->address, object->type), start, end;

	if (bytes || !object_length(reader, object->address, object->type) ||
	    (reader->types->items[object->type].kind == KIND_DICT &&
	     object_word(reader, object->address + DICT_VALUES)) ||
	    !container_table(reader, object->address, object->type, &start, &end) ||
	    (start >= object->address && start < object->end))
		return bytes;
	return end - start < POOL_BLOCK_BYTES_MAX ? end - start : POOL_BLOCK_BYTES_MAX;
}

/* An object with what is below it, as far as it is its own. */
static uint64_t weigh(struct weighing *weighing, uint64_t address)
{
	struct object_reader *reader = weighing->reader;
	uint64_t words[2];

	if (!weighing->left || weighing->depth > DEPTH_SAMPLED || address & 7 ||
	    address < VIEW_PAGE_BYTES || !view_bytes(reader->view, address, words, sizeof(words)) ||
	    !python_refcount_is_plausible(reader->structs, words[0]) ||
	    python_refcount(reader->structs, words[0]) > SHARED_BY)
		return 0;
	uint32_t type = python_types_find(reader->types, reader->view, words[1]);
	if (!type || is_code(reader->types->items[type].kind))
		return 0;
	uint64_t own = object_bytes(reader, address, type);
	const struct object object = {.address = address, .type = type, .end = address + own};
	own += reader->types->items[type].header_bytes;
	own = (own + BLOCK_UNIT - 1) & ~(uint64_t)(BLOCK_UNIT - 1);
	weighing->left--;
	weighing->depth++;
	uint64_t below = weigh_below(weighing, &object);
	weighing->depth--;
	return own + below + weigh_table(reader, &object);
}

void chain_measure(struct object_reader *reader, struct chain *chain)
{
	struct weighing weighing = {.reader = reader};
	uint64_t address = chain->address;
	uint32_t type = chain->type;
	struct entries entries;

	chain->bytes = object_bytes(reader, address, type) + object_payload(reader, address, type);
	if (reader->types->items[type].kind == KIND_CACHE) {
		address = object_word(reader, address + CACHE_DICT);
		type = python_types_find(reader->types, reader->view,
					 object_word(reader, address + OBJECT_TYPE));
		chain->bytes += object_payload(reader, address, type);
	}
	if (find_entries(reader, address, type, &entries))
		chain->bytes += weigh_entries(&weighing, &entries, chain->length, ENTRIES_SAMPLED);
}

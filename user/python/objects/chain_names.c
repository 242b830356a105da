/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a chain of holders to the name that a graph would give, and how large a container is with
 * what is in it, judged by some of its entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "chains_internal.h"
#include "dicts.h"
#include "names.h"

enum {
	STEPS_MAX = 64,
	ENTRIES_SAMPLED = 128,
	ENTRIES_AT_ONCE = 4,  /* that fit into the view with all that is looked at below them */
	ENTRIES_BELOW = 8,    /* of each container below */
	OBJECTS_SAMPLED = 64, /* below an entry */
	OBJECTS_BELOW = 1024, /* below what has no entries */
	DEPTH_SAMPLED = 4,
	SHARED_BY = 3, /* what more refer to belongs to others too */
	FOLD_LEVELS = 4,
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
	/* its table is another one by now */
	if (!labelling.found && !is_inside && kind == KIND_DICT && !object->is_namespace)
		return label_make(LABEL_ITEM, 0);
	return labelling.found ? labelling.label : label_make(LABEL_RAW, 0);
}

/* The place in a list is known by the word; to search for it would mean to read all of it. */
static uint64_t index_of(const struct object_reader *reader, const struct object *list,
			 uint64_t word)
{
	uint64_t items = object_word(reader, list->address + LIST_ITEMS);

	return reader->types->items[list->type].kind == KIND_LIST && word >= items
		       ? (word - items) / 8
		       : CHAIN_NO_INDEX;
}

/* The chain as holdings from the object up: *count of them, the caller's, with the root's number in
 * *root. NULL: no memory. */
static uint32_t *collect(const struct search *search, uint32_t holder, size_t *count,
			 uint32_t *root)
{
	uint32_t *chain = NULL;

	for (*count = 0; search->holders[holder].up && *count < search->holder_count;) {
		uint32_t up = search->holders[holder].up - 1;

		if (!array_append(&chain, count, up))
			break;
		holder = search->holdings[up].holder;
	}
	*root = holder;
	return chain;
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

/* One step down from `object`. */
static struct chain_step step_to(const struct search *search, const struct object *object,
				 const struct holding *holding, const struct holder *target)
{
	struct object_reader *reader = search->reader;
	struct chain_step step = {
		.label = label_make(LABEL_RAW, 0),
		.holder_type = object->type,
		.holder = object->address,
		.target = target->address,
		.target_type = target->type,
		.index = CHAIN_NO_INDEX,
	};

	if (!object->type)
		return step;
	step.label = find_label(reader, object, target->address, holding->word);
	if (label_kind(step.label) == LABEL_ITEM)
		step.index = index_of(reader, object, holding->word);
	return step;
}

/* Of the cell in a tuple in a function: the variable, as which the function has it. */
static bool is_variable(struct object_reader *reader, const struct chain_step *function,
			const struct chain_step *cell, uint32_t *label)
{
	const struct object object = {
		.address = function->holder,
		.type = function->holder_type,
		.end = function->holder + reader->types->items[function->holder_type].basic_bytes,
	};

	if (reader->types->items[function->holder_type].kind != KIND_FUNCTION ||
	    function->label != label_make(LABEL_FIELD, reader->structs->function_closure) ||
	    reader->types->items[cell->target_type].kind != KIND_CELL)
		return false;
	*label = find_label(reader, &object, cell->target, 0);
	return label_kind(*label) == LABEL_VARIABLE;
}

/* Where one of the last few steps is like another one; `count`: nowhere. */
static size_t find_like(const struct chain_step *steps, size_t count, const struct chain_step *step)
{
	size_t seen = 0;

	for (size_t at = count; at-- && seen < FOLD_LEVELS;) {
		if (chain_step_is_silent(&steps[at]))
			continue;
		if (steps[at].label == step->label && steps[at].target_type == step->target_type)
			return at;
		seen++;
	}
	return count;
}

struct steps {
	struct chain_step *items;
	size_t count;
	bool fold; /* as patterns do: a step like one of the last few leads back to it */
};

static void add_step(struct object_reader *reader, struct steps *steps,
		     const struct chain_step *step)
{
	struct chain_step *last = steps->count ? &steps->items[steps->count - 1] : NULL;
	size_t like = steps->count;
	uint32_t label;

	if (last && is_variable(reader, last, step, &label)) {
		last->label = label;
		last->target = step->target;
		last->target_type = step->target_type;
		return;
	}
	if (steps->fold && !chain_step_is_silent(step))
		like = find_like(steps->items, steps->count, step);
	if (like < steps->count)
		steps->count = like + 1;
	else if (steps->count < STEPS_MAX)
		steps->items[steps->count++] = *step;
}

static void add_to_both(struct object_reader *reader, struct steps *plain, struct steps *folded,
			const struct chain_step *step)
{
	add_step(reader, plain, step);
	add_step(reader, folded, step);
}

/* The chain as steps from the root on; none where none is known. */
static void find_steps(const struct search *search, uint32_t number, struct steps *plain,
		       struct steps *folded)
{
	struct object_reader *reader = search->reader;
	uint32_t root = 0;
	size_t count;
	uint32_t *path = collect(search, number, &count, &root);
	uint32_t label = search->holders[root].root_label;

	if (!number || search->holders[root].rank == RANK_NONE)
		count = 0;
	struct object object = object_of(search, &search->holders[root], label);
	struct chain_step step = {
		.label = label,
		.target = object.address,
		.target_type = object.type,
		.index = CHAIN_NO_INDEX,
	};
	if (number && search->holders[root].rank != RANK_NONE)
		add_to_both(reader, plain, folded, &step);
	while (count--) {
		struct holding holding = search->holdings[path[count]];
		const struct holder *target = &search->holders[holding.held];

		/* a table is no step: what it holds, its holder has */
		if (object.type && is_table(target) && count) {
			holding.word = search->holdings[path[--count]].word;
			holding.held = search->holdings[path[count]].held;
			target = &search->holders[holding.held];
		}
		step = step_to(search, &object, &holding, target);
		if (object.type || search->holders[holding.holder].kind != HOLDER_C)
			add_to_both(reader, plain, folded, &step);
		object = object_of(search, target, step.label);
		if (view_numbers(reader->view).kept_bytes > search->window_bytes)
			view_clear(reader->view, view_regions(reader->view));
	}
	free(path);
}

void chain_steps_name(const struct object_reader *reader, const struct chain_step *steps,
		      size_t count, unsigned int form, char name[])
{
	*name = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct name_step step = {
			.label = steps[i].label,
			.holder_type = steps[i].holder_type,
			.holder = steps[i].holder,
			.target = steps[i].target,
		};
		size_t used = strlen(name);

		if (steps[i].index != CHAIN_NO_INDEX && !(form & NAME_GENERIC))
			snprintf(name + used, OBJECT_NAME_BYTES - used, "[%llu]",
				 (unsigned long long)steps[i].index);
		else
			name_append(reader, &step, form, name);
	}
}

/* Tables of the interpreter's own, and the inside of what is told as a whole. */
static bool is_hidden(const struct object_reader *reader, const struct chain_step *last)
{
	return last->label == label_make(LABEL_FIELD, TYPE_SUBCLASSES) ||
	       reader->types->items[last->holder_type].kind == KIND_CACHE;
}

void chain_name(const struct search *search, struct chain *chain, uint32_t number)
{
	struct object_reader *reader = search->reader;
	struct chain_step plain_items[STEPS_MAX], folded_items[STEPS_MAX];
	struct steps plain = {.items = plain_items};
	struct steps folded = {.items = folded_items, .fold = true};
	char name[OBJECT_NAME_BYTES];

	find_steps(search, number, &plain, &folded);
	if (!plain.count)
		return;
	chain->hidden = is_hidden(reader, &plain.items[plain.count - 1]);
	chain_steps_name(reader, plain.items, plain.count, search->chains->form, name);
	chain->name = *name ? strdup(name) : NULL;
	chain_steps_name(reader, folded.items, folded.count, search->chains->form | NAME_GENERIC,
			 name);
	chain->generic = *name ? strdup(name) : NULL;
	chain->steps = calloc(folded.count, sizeof(*chain->steps));
	if (!chain->steps)
		return;
	memcpy(chain->steps, folded.items, folded.count * sizeof(*chain->steps));
	chain->step_count = folded.count;
}

struct weighing {
	const struct chains *chains;
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
		start = address + reader->structs->tuple_items;
		end = address + object_bytes(reader, address, type);
		*entries = (struct entries){start, 0, end > start ? (end - start) / 8 : 0, 8};
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
	double all = seen ? (double)bytes * (double)length / (double)seen : 0;
	/* what would be more than there is was torn */
	return all <= (double)weighing->reader->memory_bytes ? (uint64_t)all : 0;
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

/* A table beside an object that is in a pool, which object_payload leaves to the pool. */
static uint64_t weigh_table(struct object_reader *reader, const struct object *object)
{
	uint64_t bytes = object_payload(reader, object->address, object->type), start, end;
	struct pool_block block;

	if (bytes || !container_table(reader, object->address, object->type, &start, &end) ||
	    (start >= object->address && start < object->end) ||
	    !object_pools_inspect(reader->pools, reader->view, start, &block))
		return bytes;
	return block.bytes;
}

/* As a block of a pool. */
static uint64_t own_bytes(struct object_reader *reader, const struct object *object)
{
	const struct python_type *type = &reader->types->items[object->type];
	uint64_t bytes = object_bytes(reader, object->address, object->type) + type->header_bytes;
	uint8_t capacity;

	/* values behind it, with their header and a byte each that says in which order they came */
	if (reader->structs->minor >= 13 && type->flags & TYPE_INLINE_VALUES &&
	    view_bytes(reader->view, object->address + type->basic_bytes, &capacity, 1))
		bytes += 8 + 9 * (uint64_t)capacity;
	return (bytes + POOL_BLOCK_UNIT - 1) & ~(uint64_t)(POOL_BLOCK_UNIT - 1);
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
	if (!type || is_code(reader->types->items[type].kind) ||
	    (type < weighing->chains->apart_count && weighing->chains->apart[type]))
		return 0;
	const struct object object = object_make(reader, address, type);
	weighing->left--;
	weighing->depth++;
	uint64_t below = weigh_below(weighing, &object);
	weighing->depth--;
	return own_bytes(reader, &object) + below + weigh_table(reader, &object);
}

void chain_measure(const struct chains *chains, struct object_reader *reader, struct chain *chain)
{
	struct weighing weighing = {.chains = chains, .reader = reader, .left = OBJECTS_BELOW};
	struct object object = object_make(reader, chain->address, chain->type);
	struct entries entries;

	chain->bytes = own_bytes(reader, &object) + weigh_table(reader, &object);
	if (!chain->length)
		chain->length = object_length(reader, object.address, object.type);
	if (reader->types->items[object.type].kind == KIND_CACHE) {
		object.address = object_word(reader, object.address + CACHE_DICT);
		object.type = object_type_at(reader, object.address);
		chain->bytes += weigh_table(reader, &object);
	}
	if (find_entries(reader, object.address, object.type, &entries)) {
		chain->bytes += weigh_entries(&weighing, &entries, chain->length, ENTRIES_SAMPLED);
		return;
	}
	weighing.depth = 1;
	chain->bytes += weigh_below(&weighing, &object);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"

#include <stdlib.h>

#include "dicts.h"
#include "trees.h"

enum { SEARCH_MAX = 1 << 22, VALUES_SEARCHED = 256 };

uint64_t object_length_word(struct object_reader *reader, uint64_t address, uint32_t type)
{
	enum object_kind kind = reader->types->items[type].kind;
	uint64_t dict;

	if (kind == KIND_CACHE)
		return view_u64(reader->view, address + CACHE_DICT, &dict) && dict
			       ? dict + DICT_USED
			       : 0;
	if (!object_kind_is_container(kind))
		return 0;
	return address + (kind == KIND_SET ? SET_USED : OBJECT_SIZE);
}

static uint64_t find_word(struct object_reader *reader, uint64_t start, uint64_t end,
			  uint64_t value)
{
	uint64_t found;

	for (uint64_t at = start; at + 8 <= end && at - start < SEARCH_MAX; at += 8)
		if (view_u64(reader->view, at, &found) && found == value)
			return at;
	return 0;
}

static uint64_t find_in_dict(struct object_reader *reader, uint64_t dict, uint64_t value)
{
	uint64_t words[2], key, found;
	struct dict_keys keys;

	if (!view_bytes(reader->view, dict + DICT_KEYS, words, sizeof(words)) ||
	    !dict_keys_read(reader->view, reader->structs, words[0], &keys))
		return 0;
	if (words[1])
		return find_word(reader, words[1],
				 words[1] + 8 * (keys.used < VALUES_SEARCHED ? keys.used + 1
									     : VALUES_SEARCHED),
				 value);
	for (uint64_t i = 0; i < keys.used && i < SEARCH_MAX; i++) {
		dict_keys_entry(reader->view, &keys, i, &key, &found);
		if (found == value)
			return keys.entries + i * (keys.bare ? 16 : 24) + (keys.bare ? 8 : 16);
	}
	return 0;
}

/* Values of attributes that are in front of the object or behind it, see references.c. */
static uint64_t find_in_values(struct object_reader *reader, uint64_t address,
			       const struct python_type *type, uint64_t value)
{
	uint64_t values = 0;

	if (reader->structs->minor >= 13 && type->flags & TYPE_INLINE_VALUES)
		values = address + type->basic_bytes + 8;
	else if (reader->structs->minor == 12 && type->flags & TYPE_MANAGED_DICT &&
		 view_u64(reader->view, address - 24, &values))
		values = values & 1 ? values + 1 : 0;
	else if (reader->structs->minor == 11 && type->flags & TYPE_MANAGED_DICT)
		view_u64(reader->view, address - 32, &values);
	return values ? find_word(reader, values, values + 8 * VALUES_SEARCHED, value) : 0;
}

uint64_t graph_slot(const struct graph *graph, uint32_t node)
{
	uint32_t parent = graph->parents[node];

	return parent == node ? 0 : graph_slot_of(graph, parent, graph_address(graph, node));
}

uint64_t graph_slot_of(const struct graph *graph, uint32_t holder, uint64_t value)
{
	struct object_reader *reader = graph->reader;
	uint64_t items, found = 0;
	struct object object;

	if (!graph_object(graph, holder, &object))
		return 0;
	const struct python_type *type = &reader->types->items[object.type];
	if (type->kind == KIND_DICT)
		found = find_in_dict(reader, object.address, value);
	else if (type->kind == KIND_LIST &&
		 view_u64(reader->view, object.address + LIST_ITEMS, &items))
		found = find_word(reader, items, items + SEARCH_MAX, value);
	if (!found)
		found = find_in_values(reader, object.address, type, value);
	return found ? found : find_word(reader, object.address + OBJECT_SIZE, object.end, value);
}

/* Of containers that are alike: those that grew most, one each. `trees`: of a tree; NULL. */
static size_t words_of_alike(const struct objects *objects, const struct grown *grown,
			     const struct trees *trees, struct word *words, size_t max)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	int64_t least[8] = {0};
	size_t count = 0;

	max = max < 8 ? max : 8;
	for (size_t i = 0; i < objects->containers.count && max; i++) {
		const struct container *container = &objects->containers.items[i];
		int64_t grew = (int64_t)(container->length - container->length0);
		uint32_t node = graph_find(&objects->graph, container->address, false);

		uint32_t pattern = node ? patterns_of(&objects->patterns, node) : 0;

		if (!container_grew(&objects->containers, container, false) || !pattern ||
		    (trees ? trees->heads[pattern] : pattern) != grown->pattern)
			continue;
		size_t at = count < max ? count++ : max - 1;
		if (at == max - 1 && count == max && least[at] >= grew)
			continue;
		for (; at && least[at - 1] < grew; at--) {
			least[at] = least[at - 1];
			words[at] = words[at - 1];
		}
		least[at] = grew;
		words[at] = (struct word){
			object_length_word(reader, container->address, container->type),
			WORD_LENGTH, container->address,
			objects->types.items[container->type].address};
	}
	return count;
}

/* Whether an object of the same pattern holds the node: it is a link of a chain. */
static bool is_chained(const struct objects *objects, const struct grown *grown)
{
	return graph_type(&objects->graph, grown->node) == grown->type &&
	       !object_kind_is_container(objects->types.items[grown->type].kind);
}

/* Its head: the outermost of the nodes of the same type on the way from the root. */
static uint32_t head_of(const struct graph *graph, uint32_t node)
{
	uint32_t head = node, type = graph_type(graph, node);

	for (uint32_t at = node; graph->parents[at] != at; at = graph->parents[at]) {
		uint32_t parent = graph->parents[at];

		if (graph_type(graph, parent) == type)
			head = parent;
		else if (label_kind(graph->labels[at]) != LABEL_NAMESPACE &&
			 graph_type(graph, parent))
			break;
	}
	return head;
}

static struct word refcount_of(const struct objects *objects, uint32_t type)
{
	const struct python_type *known = &objects->types.items[type];

	if (!type || !(known->flags & TYPE_HEAP))
		return (struct word){0};
	return (struct word){.address = known->address, .kind = WORD_REFCOUNT};
}

/* A key that each of many dictionaries has, as they were made by one literal: the one with
 * fewest other uses. From 3.12 on names are not counted. */
struct common_key {
	struct object_reader *reader;
	uint64_t least; /* references that it has to have */
	uint64_t found; /* 0: none */
	uint64_t uses;
};

static bool take_key(void *context, uint64_t key, uint64_t value)
{
	struct common_key *common = context;
	uint64_t count;

	(void)value;
	if (!view_u64(common->reader->view, key, &count))
		return true;
	count = python_refcount(common->reader->structs, count);
	if (count >= common->least && (!common->found || count < common->uses)) {
		common->found = key;
		common->uses = count;
	}
	return true;
}

static struct word key_of_all(const struct objects *objects, const struct grown *grown)
{
	struct common_key common = {(struct object_reader *)&objects->reader, grown->length, 0, 0};

	if (objects->reader.structs->minor < 12 &&
	    objects->types.items[grown->type].kind == KIND_DICT)
		dict_each(common.reader->view, common.reader->structs,
			  graph_address(&objects->graph, grown->node), take_key, &common);
	return common.found ? (struct word){.address = common.found, .kind = WORD_KEY}
			    : (struct word){0};
}

/* Its nodes are made, or get others into them. */
static size_t words_of_tree(const struct objects *objects, const struct grown *grown,
			    struct word *words, size_t max)
{
	struct word refcount = refcount_of(objects, grown->type);
	struct trees trees;
	size_t count = 0;

	if (refcount.address)
		words[count++] = refcount;
	if (trees_find(&trees, &objects->patterns, &objects->types))
		return count;
	count += words_of_alike(objects, grown, &trees, words + count, max - count);
	trees_release(&trees);
	if (!count && (words[0] = key_of_all(objects, grown)).address)
		count = 1;
	return count;
}

size_t grown_words(const struct objects *objects, const struct grown *grown, struct word *words,
		   size_t max)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	size_t count = 0;

	if (!max)
		return 0;
	if (grown->container) {
		const struct container *container =
			&objects->containers.items[grown->container - 1];
		words[0] = (struct word){
			.address = object_length_word(reader, container->address, container->type),
			.kind = WORD_LENGTH,
		};
		return words[0].address ? 1 : 0;
	}
	if (!objects->has_graph || !grown->node)
		return 0;
	if (grown->value) {
		words[0] = (struct word){
			.address = grown->slot ? grown->slot
					       : graph_slot(&objects->graph, grown->node),
			.kind = WORD_SLOT,
		};
		return words[0].address ? 1 : 0;
	}
	if (grown->tree)
		return words_of_tree(objects, grown, words, max);
	if (grown->alike > 1)
		count = words_of_alike(objects, grown, NULL, words, max - 1);
	if (grown->alike <= 1 || is_chained(objects, grown)) {
		uint32_t node = is_chained(objects, grown) ? head_of(&objects->graph, grown->node)
							   : grown->node;
		words[count] = (struct word){.address = graph_slot(&objects->graph, node),
					     .kind = WORD_SLOT};
		count += words[count].address != 0;
	}
	if (count < max && refcount_of(objects, grown->type).address)
		words[count++] = refcount_of(objects, grown->type);
	return count;
}

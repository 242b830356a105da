/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: the structures in CPython's Include/cpython and Include/internal,
 * Modules/_collectionsmodule.c (deque), Modules/_functoolsmodule.c (lru_cache),
 * Modules/arraymodule.c. Where the attributes of an instance are:
 *
 * - up to 3.10: a dictionary at the type's dictoffset;
 * - 3.11: in front of the object, values at -32, dictionary at -24;
 * - 3.12: one word at -24, odd: values - 1, else the dictionary;
 * - from 3.13 on: the dictionary at -24; values behind the object, at its basic size, where the
 * type has TYPE_INLINE_VALUES and the byte that says so is not 0.
 */
#include "references.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dicts.h"
#include "edge_types.h"
#include "greenlets.h"

#define ENTRIES_MAX (UINT64_C(1) << 32)

enum {
	ITEMS_MAX = 1 << 28,
	ATTRIBUTES_MAX = 256,
	VARIABLES_MAX = 1024,
	SCAN_BYTES_MAX = 1 << 16,
	DEQUE_BLOCKS_MAX = 1 << 22,
	INLINE_VALID = 3,
	VALUES_HEADER = 8,
	DICT_POINTER = -24,
	VALUES_POINTER = -32,
	MEMO = 1 << 16,
	NAME_BYTES = 128,
};

struct name_memo {
	uint64_t address;
	uint32_t number;
};

struct visit {
	struct object_reader *reader;
	reference_fn *refer;
	storage_fn *store;
	void *context;
	bool names; /* of a dictionary: keys are attributes */
};

int object_reader_init(struct object_reader *reader)
{
	reader->name_memo = calloc(MEMO, sizeof(*reader->name_memo));
	reader->edge_types = edge_types_new();
	reader->entries_left = ENTRIES_MAX;
	if (reader->name_memo && reader->edge_types)
		return 0;
	object_reader_release(reader);
	return -ENOMEM;
}

void object_reader_release(struct object_reader *reader)
{
	free(reader->name_memo);
	edge_types_free(reader->edge_types);
	reader->name_memo = NULL;
	reader->edge_types = NULL;
}

void object_reader_begin(struct object_reader *reader)
{
	memset(reader->name_memo, 0, MEMO * sizeof(*reader->name_memo));
	reader->entries_left = ENTRIES_MAX;
	reader->memory_bytes = object_memory_bytes(reader);
}

static enum object_kind kind_at(const struct object_reader *reader, uint64_t address)
{
	uint32_t type = object_type_at(reader, address);

	return reader->types->items[type].kind;
}

uint32_t object_name_label(struct object_reader *reader, enum label_kind kind, uint64_t name)
{
	struct name_memo *memo =
		&reader->name_memo[(name >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 48 & (MEMO - 1)];
	char text[NAME_BYTES];

	if (memo->address != name) {
		memo->address = name;
		memo->number = 0;
		if (kind_at(reader, name) == KIND_STR &&
		    view_text(reader->view, reader->layout, name, text, sizeof(text)))
			memo->number = labels_number(reader->labels, text);
	}
	return memo->number ? label_make(kind, memo->number) : label_make(LABEL_ITEM, 0);
}

static void refer(const struct visit *visit, uint64_t target, uint32_t label)
{
	if (target)
		visit->refer(visit->context, target, label);
}

static void store(const struct visit *visit, uint64_t address)
{
	if (address && visit->store)
		visit->store(visit->context, address);
}

static bool may_read(struct object_reader *reader, uint64_t entries)
{
	if (entries > reader->entries_left)
		return false;
	reader->entries_left -= entries;
	return true;
}

/* Items side by side. Returns whether all of them could be read. */
static bool refer_array(const struct visit *visit, uint64_t items, uint64_t count, uint64_t step)
{
	uint64_t target;

	if (count > ITEMS_MAX || !may_read(visit->reader, count))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (!view_u64(visit->reader->view, items + i * step, &target))
			return false;
		refer(visit, target, label_make(LABEL_ITEM, 0));
	}
	return true;
}

/* Word by word, for what looks like an address. */
static void scan(const struct visit *visit, uint64_t address, uint64_t start, uint64_t end,
		 int32_t dict_offset)
{
	uint64_t target;

	if (end - start > SCAN_BYTES_MAX)
		end = start + SCAN_BYTES_MAX;
	for (uint64_t at = start; at + 8 <= end; at += 8) {
		if (!view_u64(visit->reader->view, at, &target) || target & 7 ||
		    target < 16 * VIEW_PAGE_BYTES)
			continue;
		bool is_dict = dict_offset > 0 && at - address == (uint64_t)dict_offset;
		refer(visit, target,
		      is_dict ? label_make(LABEL_NAMESPACE, 0)
			      : label_make(LABEL_FIELD, (uint32_t)(at - address)));
	}
}

static bool refer_entry(void *context, uint64_t key, uint64_t value)
{
	const struct visit *visit = context;

	refer(visit, value,
	      visit->names ? object_name_label(visit->reader, LABEL_NAME, key)
			   : label_make(LABEL_ITEM, 0));
	refer(visit, key, label_make(LABEL_KEY, 0));
	return true;
}

static void refer_dict(struct visit *visit, const struct object *object,
		       const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	struct dict_keys keys;

	visit->names = object->is_namespace;
	store(visit, object_word(reader, object->address + DICT_KEYS));
	if (!reader->structs->values_in_dict_from_header)
		store(visit, object_word(reader, object->address + DICT_VALUES));
	if (dict_keys_read(reader->view, reader->structs,
			   object_word(reader, object->address + DICT_KEYS), &keys) &&
	    may_read(reader, keys.used))
		dict_each(reader->view, reader->structs, object->address, refer_entry, visit);
	if (type->is_ordered)
		store(visit, object_word(visit->reader, object->address + ORDERED_NODES));
	scan(visit, object->address, object->address + DICT_BYTES,
	     object->address + type->basic_bytes, type->dict_offset);
}

static void refer_list(const struct visit *visit, const struct object *object,
		       const struct python_type *type)
{
	uint64_t items = object_word(visit->reader, object->address + LIST_ITEMS);

	store(visit, items);
	refer_array(visit, items, object_word(visit->reader, object->address + LIST_LENGTH), 8);
	scan(visit, object->address, object->address + LIST_BYTES,
	     object->address + type->basic_bytes, type->dict_offset);
}

static void refer_set(const struct visit *visit, const struct object *object,
		      const struct python_type *type)
{
	uint64_t table = object_word(visit->reader, object->address + SET_TABLE);
	uint64_t mask = object_word(visit->reader, object->address + SET_MASK);

	store(visit, table);
	if (mask < ITEMS_MAX)
		refer_array(visit, table, mask + 1, 16);
	if (type->dict_offset > 0)
		refer(visit,
		      object_word(visit->reader, object->address + (uint32_t)type->dict_offset),
		      label_make(LABEL_NAMESPACE, 0));
}

/* Blocks of 64 items, each behind a pointer to the block before and in front of one to the next. */
static void refer_deque(const struct visit *visit, const struct object *object,
			const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	uint64_t left = object_word(reader, object->address + DEQUE_LENGTH);
	uint64_t block = object_word(reader, object->address + DEQUE_LEFT);
	uint64_t index = object_word(reader, object->address + DEQUE_LEFT_INDEX);

	for (int i = 0; block && left && i < DEQUE_BLOCKS_MAX && index < DEQUE_BLOCK_ITEMS; i++) {
		uint64_t here = DEQUE_BLOCK_ITEMS - index < left ? DEQUE_BLOCK_ITEMS - index : left;

		store(visit, block);
		if (!refer_array(visit, block + 8 + 8 * index, here, 8))
			break;
		left -= here;
		index = 0;
		block = object_word(reader, block + 8 + 8 * DEQUE_BLOCK_ITEMS);
	}
	if (type->dict_offset > 0)
		refer(visit, object_word(reader, object->address + (uint32_t)type->dict_offset),
		      label_make(LABEL_NAMESPACE, 0));
}

/* Values that lie side by side, whose names the type has. */
static void refer_values(const struct visit *visit, uint64_t values, const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	struct dict_keys keys;
	uint64_t name, unused, value;

	if (!(type->flags & TYPE_HEAP) ||
	    !dict_keys_read(reader->view, reader->structs,
			    object_word(reader, type->address + reader->structs->type_cached_keys),
			    &keys))
		return;
	for (uint64_t i = 0; i < keys.used && i < ATTRIBUTES_MAX; i++) {
		dict_keys_entry(reader->view, &keys, i, &name, &unused);
		if (!view_u64(reader->view, values + 8 * i, &value))
			return;
		if (value)
			refer(visit, value, object_name_label(reader, LABEL_NAME, name));
	}
}

uint64_t object_values(const struct object_reader *reader, uint64_t address, uint32_t type)
{
	bool managed = reader->types->items[type].flags & TYPE_MANAGED_DICT;
	uint64_t dict;

	if (reader->structs->minor == 11 && managed)
		return object_word(reader, address + (uint64_t)VALUES_POINTER);
	if (reader->structs->minor != 12 || !managed)
		return 0;
	dict = object_word(reader, address + (uint64_t)DICT_POINTER);
	return dict & 1 ? dict + 1 : 0;
}

/* Attributes that are not at a place that the type's dictoffset says. */
static void refer_managed(const struct visit *visit, const struct object *object,
			  const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	uint64_t values = object_values(reader, object->address, object->type), dict = 0;
	uint64_t inlined = object->address + type->basic_bytes;
	uint8_t valid = 0;

	if (type->flags & TYPE_MANAGED_DICT && reader->structs->minor >= 11)
		dict = object_word(reader, object->address + (uint64_t)DICT_POINTER);
	if (reader->structs->minor == 12 && dict & 1)
		dict = 0;
	if (reader->structs->minor >= 13 && type->flags & TYPE_INLINE_VALUES &&
	    view_bytes(reader->view, inlined + INLINE_VALID, &valid, 1) && valid)
		values = inlined + VALUES_HEADER;
	refer(visit, dict, label_make(LABEL_NAMESPACE, 0));
	if (!values)
		return;
	if (reader->structs->minor < 13)
		store(visit, values);
	refer_values(visit, values, type);
}

uint64_t frame_code(const struct object_reader *reader, uint64_t frame)
{
	uint64_t code = object_word(reader, frame + reader->layout->walk.frame_code) & ~UINT64_C(7);

	return code && kind_at(reader, code) == KIND_CODE ? code : 0;
}

/* What a frame that is not running computes with, behind its variables: how much of it there is is
 * said by a count (up to 3.13) or a pointer. */
static void refer_stack(const struct visit *visit, uint64_t frame, uint32_t locals)
{
	struct object_reader *reader = visit->reader;
	uint64_t start = frame + reader->layout->frame_locals, end, value;

	if (reader->structs->frame_stack == PYTHON_ABSENT)
		return;
	end = object_word(reader, frame + reader->structs->frame_stack);
	if (reader->structs->minor < 14)
		end = start + 8 * (uint64_t)(uint32_t)end;
	start += 8 * (uint64_t)locals;
	if (end < start || end - start > 8 * VARIABLES_MAX)
		return;
	for (; start < end; start += 8)
		if (view_u64(reader->view, start, &value) && value & ~UINT64_C(7))
			refer(visit, value & ~UINT64_C(7), label_make(LABEL_ITEM, 0));
}

void frame_references(struct object_reader *reader, uint64_t frame, reference_fn *refer_to,
		      void *context)
{
	const struct visit visit = {reader, refer_to, NULL, context, false};
	uint64_t code = frame_code(reader, frame), names, value;
	uint32_t count;

	if (!code || !view_u32(reader->view, code + reader->layout->code_local_count, &count) ||
	    count > VARIABLES_MAX)
		return;
	names = object_word(reader, code + reader->layout->code_local_names);
	uint64_t named = object_word(reader, names + OBJECT_SIZE);
	for (uint64_t i = 0; i < count && i < named; i++) {
		if (!view_u64(reader->view, frame + reader->layout->frame_locals + 8 * i, &value))
			return;
		value &= ~UINT64_C(7); /* tagged from 3.14 on */
		uint64_t name = object_word(reader, names + reader->structs->tuple_items + 8 * i);
		if (value)
			refer(&visit, value, object_name_label(reader, LABEL_VARIABLE, name));
	}
	refer_stack(&visit, frame, count);
}

/* Variables of the functions around it, under their own names. */
static void refer_closure(const struct visit *visit, const struct object *object)
{
	struct object_reader *reader = visit->reader;
	uint64_t code = object_word(reader, object->address + reader->structs->function_code);
	uint64_t closure = object_word(reader, object->address + reader->structs->function_closure);
	uint64_t cells = closure ? object_word(reader, closure + OBJECT_SIZE) : 0, first = 0;
	uint32_t free_names = 80; /* co_freevars, up to 3.10 */

	if (reader->structs->minor >= 11)
		free_names = reader->layout->code_local_names;
	uint64_t names = object_word(reader, code + free_names);
	uint64_t named = object_word(reader, names + OBJECT_SIZE);
	if (!cells || cells > VARIABLES_MAX || named < cells || named > VARIABLES_MAX)
		return;
	if (reader->structs->minor >= 11)
		first = named - cells; /* they come last */
	for (uint64_t i = 0; i < cells; i++) {
		uint64_t name =
			object_word(reader, names + reader->structs->tuple_items + 8 * (first + i));

		refer(visit, object_word(reader, closure + reader->structs->tuple_items + 8 * i),
		      object_name_label(reader, LABEL_VARIABLE, name));
	}
}

/* A frame object: its variables, be they in it or in a frame of the interpreter's. */
static void refer_frame(const struct visit *visit, const struct object *object)
{
	struct object_reader *reader = visit->reader;
	uint64_t frame = object->address;

	if (reader->structs->frame_object_frame != PYTHON_ABSENT)
		frame = object_word(reader, frame + reader->structs->frame_object_frame);
	if (frame)
		frame_references(reader, frame, visit->refer, visit->context);
}

/* Up to 3.10: what a frame object has beside its variables. Behind the part of the stack that is
 * filled there are leftovers. */
static void refer_frame_object(const struct visit *visit, const struct object *object)
{
	struct object_reader *reader = visit->reader;
	uint64_t stack = object_word(reader, object->address + FRAME_VALUE_STACK), depth = 0;
	bool counts = reader->structs->minor == 10;
	uint64_t top =
		object_word(reader, object->address + (counts ? FRAME_DEPTH : FRAME_STACK_TOP));

	for (uint64_t at = FRAME_FIRST; at < FRAME_VALUE_STACK; at += 8)
		refer(visit, object_word(reader, object->address + at),
		      label_make(LABEL_FIELD, (uint32_t)at));
	if (counts)
		depth = (int32_t)top > 0 ? (uint32_t)top : 0;
	else if (top > stack)
		depth = (top - stack) / 8;
	if (depth <= VARIABLES_MAX)
		refer_array(visit, stack, depth, 8);
}

static void refer_generator(const struct visit *visit, const struct object *object)
{
	struct object_reader *reader = visit->reader;
	uint64_t frame = object->address + reader->structs->generator_frame;

	if (reader->structs->minor < 11)
		frame = object_word(reader, frame);
	if (frame)
		frame_references(reader, frame, visit->refer, visit->context);
	if (reader->structs->minor < 11) /* an object, with a stack of its own */
		refer(visit, frame, label_make(LABEL_FIELD, reader->structs->generator_frame));
}

/* Behind the type itself, a class has its names, its slots and its module. */
static void refer_type(const struct visit *visit, const struct object *object,
		       const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	uint64_t names = object->address + TYPE_BYTES, end = object->address + type->basic_bytes;

	refer(visit, object_word(reader, object->address + TYPE_DICT),
	      label_make(LABEL_NAMESPACE, 0));
	refer(visit, object_word(reader, object->address + TYPE_BASE),
	      label_make(LABEL_FIELD, TYPE_BASE));
	refer(visit, object_word(reader, object->address + TYPE_BASES),
	      label_make(LABEL_FIELD, TYPE_BASES));
	refer(visit, object_word(reader, object->address + TYPE_MRO),
	      label_make(LABEL_FIELD, TYPE_MRO));
	refer(visit, object_word(reader, object->address + TYPE_SUBCLASSES),
	      label_make(LABEL_FIELD, TYPE_SUBCLASSES));
	end = end < object->end ? end : object->end;
	if (object_word(reader, object->address + TYPE_FLAGS) & TYPE_HEAP && end > names)
		scan(visit, object->address, names, end, 0);
}

/* Its data count with it, so that they are no memory of their own; they may be references. */
static void refer_ndarray(const struct visit *visit, const struct object *object,
			  const struct python_type *type)
{
	struct object_reader *reader = visit->reader;
	uint64_t description = object_word(reader, object->address + NDARRAY_DESCRIPTION);
	uint8_t kind = 0;

	if (view_bytes(reader->view, description + NDARRAY_KIND, &kind, 1) && kind == 'O')
		refer_array(visit, object_word(reader, object->address + NDARRAY_DATA),
			    object_payload(reader, object->address, object->type) / 8, 8);
	scan(visit, object->address, object->address + NDARRAY_DIMENSIONS, object->end,
	     type->dict_offset);
}

static bool refer_attributes(void *context, uint64_t key, uint64_t value)
{
	const struct visit *visit = context;

	(void)key;
	if (kind_at(visit->reader, value) == KIND_DICT)
		refer(visit, value, label_make(LABEL_NAMESPACE, 0));
	return true;
}

/* threading.local: one of its words is a dictionary with each thread's attributes. */
static void refer_local(struct visit *visit, const struct object *object)
{
	struct object_reader *reader = visit->reader;

	for (uint64_t at = object->address + OBJECT_SIZE; at + 8 <= object->end; at += 8) {
		uint64_t target = object_word(reader, at);

		if (target && view_has(reader->view, target) &&
		    kind_at(reader, target) == KIND_DICT)
			dict_each(reader->view, reader->structs, target, refer_attributes, visit);
	}
}

static void refer_plain(const struct visit *visit, const struct object *object,
			const struct python_type *type)
{
	uint64_t end = object->end, plain = object->address + type->basic_bytes;

	/* behind what has no variable part there are leftovers of what its block held before, or
	 * values that are attributes: refer_managed */
	if (!type->item_bytes && plain < end)
		end = plain;
	scan(visit, object->address, object->address + OBJECT_SIZE, end, type->dict_offset);
}

static void refer_cache_entry(const struct visit *visit, const struct object *object)
{
	refer(visit, object_word(visit->reader, object->address + CACHE_ENTRY_RESULT),
	      label_make(LABEL_FIELD, CACHE_ENTRY_RESULT));
	refer(visit, object_word(visit->reader, object->address + CACHE_ENTRY_KEY),
	      label_make(LABEL_KEY, 0));
}

/* Objects of the collections, and of types whose references are not to others at all. Returns
 * whether it is one. */
static bool refer_collection(struct visit *visit, const struct object *object,
			     const struct python_type *type)
{
	struct object_reader *reader = visit->reader;

	switch ((enum object_kind)type->kind) {
	case KIND_DICT:
		refer_dict(visit, object, type);
		return true;
	case KIND_LIST:
		refer_list(visit, object, type);
		return true;
	case KIND_TUPLE:
		refer_array(visit, object->address + reader->structs->tuple_items,
			    object_word(reader, object->address + OBJECT_SIZE), 8);
		return true;
	case KIND_SET:
		refer_set(visit, object, type);
		return true;
	case KIND_DEQUE:
		refer_deque(visit, object, type);
		return true;
	case KIND_BYTEARRAY:
		store(visit, object_word(reader, object->address + BYTEARRAY_BYTES));
		return true;
	case KIND_ARRAY:
		store(visit, object_word(reader, object->address + ARRAY_ITEMS));
		return true;
	case KIND_STR:
	case KIND_INT:
	case KIND_BYTES:
		return true;
	default:
		return false;
	}
}

/* What runs or may be called. Returns whether it is one. */
static bool refer_code(struct visit *visit, const struct object *object,
		       const struct python_type *type)
{
	switch ((enum object_kind)type->kind) {
	case KIND_TYPE:
		refer_type(visit, object, type);
		return true;
	case KIND_FRAME:
		refer_frame(visit, object);
		if (visit->reader->structs->minor < 11)
			refer_frame_object(visit, object);
		else
			refer_plain(visit, object, type);
		return true;
	case KIND_GENERATOR: /* some of its other words are never set */
		refer_generator(visit, object);
		return true;
	case KIND_FUNCTION:
		refer_closure(visit, object);
		refer_plain(visit, object, type);
		return true;
	case KIND_CACHE:
		scan(visit, object->address, object->address + CACHE_FIRST, object->end,
		     type->dict_offset);
		return true;
	case KIND_CACHE_ENTRY:
		refer_cache_entry(visit, object);
		return true;
	default:
		return false;
	}
}

void object_references(struct object_reader *reader, const struct object *object,
		       reference_fn *refer_to, storage_fn *store_at, void *context)
{
	struct visit visit = {reader, refer_to, store_at, context, false};
	const struct python_type *type = &reader->types->items[object->type];

	refer_managed(&visit, object, type);
	if (refer_collection(&visit, object, type) || refer_code(&visit, object, type))
		return;
	switch ((enum object_kind)type->kind) {
	case KIND_WEAKREF:
		refer(&visit, object_word(reader, object->address + WEAKREF_CALLBACK),
		      label_make(LABEL_FIELD, WEAKREF_CALLBACK));
		break;
	case KIND_NDARRAY:
		refer_ndarray(&visit, object, type);
		break;
	case KIND_GREENLET:
		greenlet_references(reader, object, refer_to, context);
		refer_plain(&visit, object, type);
		break;
	case KIND_LOCAL:
		refer_local(&visit, object);
		refer_plain(&visit, object, type);
		break;
	default:
		refer_plain(&visit, object, type);
	}
}

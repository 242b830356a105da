/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter has a pointer to an array, how many pointers are in that, and how many there is
 * room for: 32 at first, then 16 more each time (Include/internal/pycore_atexit.h,
 * Modules/atexitmodule.c). Each leads to a function, the tuple of its arguments and a dictionary of
 * those by name, or NULL; where one was unregistered there is no pointer. From 3.14 on it is a
 * list, of tuples of these three. Where in the interpreter that is differs from version to version:
 * it is found by its shape.
 */
#include "exit_calls.h"

enum {
	CALLS_FIRST = 32,
	CALLS_STEP = 16,
	CALLS_MAX = 1 << 20,
	CALL_ARGUMENTS = 8,
	CALL_KEYWORDS = 16,
	CALL_WORDS = 3,
	LISTED_SINCE = 14, /* of 3 */
};

struct exit_calls {
	uint64_t address; /* of the array */
	uint32_t count;
};

static bool has_kind(const struct object_reader *reader, uint64_t object, enum object_kind kind)
{
	uint32_t type = object_type_at(reader, object);

	return type && reader->types->items[type].kind == kind;
}

static bool is_call(const struct object_reader *reader, uint64_t call)
{
	uint64_t keywords = object_word(reader, call + CALL_KEYWORDS);

	return call && !(call & 7) && object_type_at(reader, object_word(reader, call)) &&
	       has_kind(reader, object_word(reader, call + CALL_ARGUMENTS), KIND_TUPLE) &&
	       (!keywords || has_kind(reader, keywords, KIND_DICT));
}

/* Of those that are left one is enough to tell that it is such an array. */
static bool is_array_of_calls(const struct object_reader *reader, const struct exit_calls *calls)
{
	for (uint32_t i = 0; i < calls->count; i++) {
		uint64_t call = object_word(reader, calls->address + i * sizeof(uint64_t));

		if (call)
			return is_call(reader, call);
	}
	return false;
}

static bool find_calls(const struct object_reader *reader, uint64_t structure, size_t bytes,
		       struct exit_calls *calls)
{
	for (uint64_t at = structure; at + 16 <= structure + bytes; at += 8) {
		uint64_t counts = object_word(reader, at + 8), room = counts >> 32;

		*calls = (struct exit_calls){object_word(reader, at), (uint32_t)counts};
		if (calls->address && !(calls->address & 7) && calls->count &&
		    calls->count <= room && room >= CALLS_FIRST && room <= CALLS_MAX &&
		    !(room % CALLS_STEP) && is_array_of_calls(reader, calls))
			return true;
	}
	return false;
}

static void visit_array(const struct object_reader *reader, const struct exit_calls *calls,
			exit_call_fn *visit, void *context)
{
	for (uint32_t i = 0; i < calls->count; i++) {
		uint64_t call = object_word(reader, calls->address + i * sizeof(uint64_t));

		if (!is_call(reader, call))
			continue;
		visit(context, object_word(reader, call));
		visit(context, object_word(reader, call + CALL_ARGUMENTS));
		if (object_word(reader, call + CALL_KEYWORDS))
			visit(context, object_word(reader, call + CALL_KEYWORDS));
	}
}

/* The first one tells. */
static bool is_list_of_calls(const struct object_reader *reader, uint64_t list)
{
	if (list & 7 || !has_kind(reader, list, KIND_LIST) ||
	    !object_word(reader, list + LIST_LENGTH))
		return false;
	uint64_t call = object_word(reader, object_word(reader, list + LIST_ITEMS));
	uint64_t words = call + reader->structs->tuple_items;

	return has_kind(reader, call, KIND_TUPLE) &&
	       object_word(reader, call + OBJECT_SIZE) == CALL_WORDS &&
	       object_type_at(reader, object_word(reader, words)) &&
	       has_kind(reader, object_word(reader, words + CALL_ARGUMENTS), KIND_TUPLE) &&
	       object_type_at(reader, object_word(reader, words + CALL_KEYWORDS));
}

static void visit_list(const struct object_reader *reader, uint64_t structure, size_t bytes,
		       exit_call_fn *visit, void *context)
{
	for (uint64_t at = structure; at < structure + bytes; at += 8) {
		uint64_t list = object_word(reader, at);

		if (!is_list_of_calls(reader, list))
			continue;
		visit(context, list);
		return;
	}
}

void exit_calls_visit(struct object_reader *reader, uint64_t structure, size_t bytes,
		      exit_call_fn *visit, void *context)
{
	struct exit_calls calls;

	if (reader->structs->minor >= LISTED_SINCE)
		visit_list(reader, structure, bytes, visit, context);
	else if (find_calls(reader, structure, bytes, &calls))
		visit_array(reader, &calls, visit, context);
}

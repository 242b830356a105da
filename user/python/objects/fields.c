/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: Modules/itertoolsmodule.c, Python/bltinmodule.c, Python/context.c, Python/hamt.c,
 * Modules/_asynciomodule.c, Modules/_io, Modules/_operator.c, Modules/_queuemodule.c, Objects.
 * These structures are the same in 3.8 to 3.14 but where a version is given;
 * tests/programs/python_c_containers.py holds something in each, and says what that must be called.
 */
#include "fields.h"

#include <string.h>

enum { BASES_MAX = 16, ENTRY_BYTES = 16, NAMES = 3 };

#define TYPE_EXCEPTION_SUBCLASS (UINT64_C(1) << 30)

/* Names of words that follow each other. */
struct fields {
	const char *type;
	uint32_t offset;
	const char *names[NAMES];
	uint8_t since; /* minor version; 0: all */
	uint8_t until; /* 0: all */
};

static const struct fields known[] = {
	{"itertools.accumulate", 16, {"total", "it", "func"}, 0, 0},
	{"itertools.chain", 16, {"source", "active"}, 0, 0},
	{"itertools.combinations", 16, {"pool"}, 0, 0},
	{"itertools.combinations_with_replacement", 16, {"pool"}, 0, 0},
	{"itertools.compress", 16, {"data", "selectors"}, 0, 0},
	{"itertools.cycle", 16, {"it", "saved"}, 0, 0},
	{"itertools.dropwhile", 16, {"func", "it"}, 0, 0},
	{"itertools.filterfalse", 16, {"func", "it"}, 0, 0},
	{"itertools.groupby", 16, {"it", "keyfunc", "tgtkey"}, 0, 0},
	{"itertools.groupby", 40, {"currkey", "currvalue"}, 0, 0},
	{"itertools.islice", 16, {"it"}, 0, 0},
	{"itertools.permutations", 16, {"pool"}, 0, 0},
	{"itertools.product", 16, {"pools"}, 0, 0},
	{"itertools.repeat", 16, {"element"}, 0, 0},
	{"itertools.starmap", 16, {"func", "it"}, 0, 0},
	{"itertools.takewhile", 16, {"func", "it"}, 0, 0},
	{"itertools.zip_longest", 32, {"ittuple", "result", "fillvalue"}, 0, 0},
	{"itertools._tee", 16, {"dataobj"}, 0, 0},
	{"itertools._tee_dataobject", 16, {"it"}, 0, 0},
	{"itertools._tee_dataobject", 32, {"nextlink"}, 0, 0},
	{"zip", 24, {"ittuple"}, 0, 0},
	{"map", 16, {"iters", "func"}, 0, 0},
	{"filter", 16, {"func", "it"}, 0, 0},
	{"enumerate", 24, {"sit"}, 0, 0},
	{"reversed", 24, {"seq"}, 0, 0},
	{"iterator", 24, {"seq"}, 0, 0},
	{"list_iterator", 24, {"seq"}, 0, 0},
	{"list_reverseiterator", 24, {"seq"}, 0, 0},
	{"tuple_iterator", 24, {"seq"}, 0, 0},
	{"callable_iterator", 16, {"callable", "sentinel"}, 0, 0},
	{"set_iterator", 16, {"set"}, 0, 0},
	{"dict_keyiterator", 16, {"dict"}, 0, 0},
	{"dict_valueiterator", 16, {"dict"}, 0, 0},
	{"dict_itemiterator", 16, {"dict"}, 0, 0},
	{"dict_keys", 16, {"dict"}, 0, 0},
	{"dict_values", 16, {"dict"}, 0, 0},
	{"dict_items", 16, {"dict"}, 0, 0},
	{"_collections._deque_iterator", 32, {"deque"}, 0, 0},
	{"collections._deque_iterator", 32, {"deque"}, 0, 0},
	{"mappingproxy", 16, {"mapping"}, 0, 0},
	{"slice", 16, {"start", "stop", "step"}, 0, 0},
	{"property", 16, {"fget", "fset", "fdel"}, 0, 0},
	{"traceback", 16, {"tb_next", "tb_frame"}, 0, 0},
	{"types.GenericAlias", 16, {"origin", "args", "parameters"}, 0, 0},
	{"StopIteration", 72, {"value"}, 11, 0},
	{"functools.KeyWrapper", 16, {"cmp", "obj"}, 0, 0},
	{"operator.itemgetter", 24, {"item"}, 0, 0},
	{"operator.attrgetter", 24, {"attr"}, 0, 0},
	{"operator.methodcaller", 16, {"name", "args", "kwds"}, 0, 0},
	{"_io.BytesIO", 16, {""}, 0, 0}, /* what it holds is what it is */
	{"_io.StringIO",
	 56,
	 {"", ""},
	 0,
	 0}, /* all that was written: two lists of it, or one str */
	{"_queue.SimpleQueue", 32, {"lst"}, 0, 12},
	{"Context", 16, {"prev", "vars"}, 0, 0},
	{"ContextVar", 16, {"name", "default"}, 0, 0},
	{"Token", 16, {"ctx", "var", "old_value"}, 0, 0},
	{"_contextvars.Context", 16, {"prev", "vars"}, 0, 0},
	{"_contextvars.ContextVar", 16, {"name", "default"}, 0, 0},
	{"_contextvars.Token", 16, {"ctx", "var", "old_value"}, 0, 0},
	{"hamt", 16, {""}, 0, 0},
	{"_asyncio.Future", 16, {"loop", "callback", "callback_context"}, 0, 0},
	{"_asyncio.Future", 40, {"callbacks", "exception"}, 0, 0},
	{"_asyncio.Future", 56, {"result"}, 0, 9},
	{"_asyncio.Future", 56, {"exception_tb", "result"}, 10, 0},
};

static const char *find_known(const char *type, uint64_t offset, unsigned int minor)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct fields *fields = &known[i];

		if (offset < fields->offset || offset >= fields->offset + 8 * NAMES || offset % 8 ||
		    minor < fields->since || (fields->until && minor > fields->until) ||
		    strcmp(type, fields->type))
			continue;
		if (fields->names[(offset - fields->offset) / 8])
			return fields->names[(offset - fields->offset) / 8];
	}
	return NULL;
}

/* A context's variables are in a tree: nodes of it have 32 others, or keys with values, where a key
 * may be missing and the value another node. */
static const char *find_in_node(const struct object_reader *reader, const char *type,
				uint64_t offset, uint64_t target)
{
	uint32_t held = object_type_at(reader, target);

	if (held && !strncmp(reader->types->items[held].name, "hamt", 4))
		return "";
	if (!strcmp(type, "hamt_array_node") || offset < 32)
		return NULL;
	return offset % ENTRY_BYTES ? "[*]" : "{key}";
}

static const char *find_in_type(const struct object_reader *reader, const struct python_type *type,
				uint64_t offset, uint64_t target)
{
	if (!strncmp(type->name, "hamt_", 5))
		return find_in_node(reader, type->name, offset, target);
	if (!strcmp(type->name, "itertools._tee_dataobject") && offset >= 40)
		return "[*]";
	return find_known(type->name, offset, reader->structs->minor);
}

const char *object_field_name(const struct object_reader *reader, uint32_t type, uint64_t offset,
			      uint64_t target)
{
	/* args come first in all exceptions */
	if (reader->types->items[type].flags & TYPE_EXCEPTION_SUBCLASS && offset == 24)
		return "args";
	for (int i = 0; type && i < BASES_MAX; i++) {
		const struct python_type *known_type = &reader->types->items[type];
		const char *name = find_in_type(reader, known_type, offset, target);

		if (name)
			return name;
		type = python_types_find(reader->types, reader->view, known_type->base);
	}
	return NULL;
}

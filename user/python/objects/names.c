/* SPDX-License-Identifier: BSD-2-Clause */
#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/path.h"
#include "dicts.h"
#include "fields.h"

enum {
	STEPS_AT_END = 24, /* of a name */
	STEPS_MAX = 1 << 14,
	MEMBERS_MAX = 16384,
	ITEMS_SEARCHED = 1 << 16,
	KEY_CHARACTERS = 60,
	DESCRIPTOR_NAME = 24,
	MEMBER_DEFINITION = 40, /* of a member descriptor -> PyMemberDef {name, type, offset} */
	MEMBER_OFFSET = 16,
};

static void append(char name[OBJECT_NAME_BYTES], const char *text)
{
	size_t used = strlen(name);

	snprintf(name + used, OBJECT_NAME_BYTES - used, "%s", text);
}

static void append_attribute(char name[OBJECT_NAME_BYTES], const char *attribute)
{
	size_t used = strlen(name);

	if (used && name[used - 1] != ' ') /* as in "interpreter 2: " */
		append(name, ".");
	append(name, attribute);
}

struct member_search {
	const struct object_reader *reader;
	uint64_t offset;
	uint64_t name;
	size_t left;
};

static bool compare_member(void *context, uint64_t key, uint64_t value)
{
	struct member_search *search = context;
	const struct object_reader *reader = search->reader;
	uint64_t definition;
	uint32_t type = object_type_at(reader, value);

	(void)key;
	if (!search->left--)
		return false;
	if (strcmp(reader->types->items[type].name ? reader->types->items[type].name : "",
		   "member_descriptor"))
		return true;
	definition = object_word(reader, value + MEMBER_DEFINITION);
	if (object_word(reader, definition + MEMBER_OFFSET) != search->offset)
		return true;
	search->name = object_word(reader, value + DESCRIPTOR_NAME);
	return false;
}

/* A slot, or a C structure's member that Python shows: by the descriptors of the type and of those
 * that it inherits from. */
static bool find_member(const struct object_reader *reader, uint32_t type, uint64_t offset,
			char *text, size_t size)
{
	struct member_search search = {reader, offset, 0, MEMBERS_MAX};

	for (int i = 0; type && i < 16 && !search.name; i++) {
		uint64_t dict = object_word(reader, reader->types->items[type].address + TYPE_DICT);

		if (dict)
			dict_each(reader->view, reader->structs, dict, compare_member, &search);
		type = python_types_find(reader->types, reader->view,
					 reader->types->items[type].base);
	}
	return search.name && view_text(reader->view, reader->layout, search.name, text, size);
}

/* Words of objects whose form is known but that Python does not show as members. */
static const char *known_field(const struct object_reader *reader, enum object_kind kind,
			       uint64_t offset)
{
	/* globals are in between up to 3.9 */
	uint64_t defaults = reader->structs->function_code + (reader->structs->minor < 10 ? 16 : 8);

	switch (kind) {
	case KIND_CACHE:
		return offset == CACHE_DICT || offset == CACHE_FUNCTION ? "" : NULL;
	case KIND_CACHE_ENTRY:
		return offset == CACHE_ENTRY_RESULT ? "" : NULL;
	case KIND_CELL:
		return offset == CELL_CONTENTS ? "" : NULL;
	case KIND_FUNCTION:
		return offset == reader->structs->function_closure ? "__closure__"
		       : offset == reader->structs->function_code  ? "__code__"
		       : offset == defaults                        ? "__defaults__"
		       : offset == defaults + 8                    ? "__kwdefaults__"
								   : NULL;
	case KIND_METHOD:
		return offset == METHOD_FUNCTION ? "__func__"
		       : offset == METHOD_SELF   ? "__self__"
						 : NULL;
	case KIND_TYPE:
		return offset == TYPE_BASES        ? "__bases__"
		       : offset == TYPE_MRO        ? "__mro__"
		       : offset == TYPE_BASE       ? "__base__"
		       : offset == TYPE_SUBCLASSES ? "__subclasses__"
						   : NULL;
	case KIND_NDARRAY:
		return offset == NDARRAY_BASE ? "base" : NULL;
	default:
		return NULL;
	}
}

static void append_field(const struct object_reader *reader, const struct name_step *step,
			 char name[OBJECT_NAME_BYTES])
{
	const struct python_type *type = &reader->types->items[step->holder_type];
	uint64_t offset = label_value(step->label);
	const char *known = known_field(reader, type->kind, offset);
	char text[128];

	if (known) {
		if (*known)
			append_attribute(name, known);
		return;
	}
	if (find_member(reader, step->holder_type, offset, text, sizeof(text))) {
		append_attribute(name, text);
		return;
	}
	known = object_field_name(reader, step->holder_type, offset, step->target);
	if (known && (*known == '[' || *known == '{'))
		append(name, known);
	else if (known && *known)
		append_attribute(name, known);
	if (known)
		return;
	snprintf(text, sizeof(text), ".<C+%" PRIu64 ">", offset);
	append(name, text);
}

struct key_search {
	uint64_t value;
	uint64_t key;
};

static bool compare_value(void *context, uint64_t key, uint64_t value)
{
	struct key_search *search = context;

	if (value != search->value)
		return true;
	search->key = key;
	return false;
}

static void append_key(const struct object_reader *reader, uint64_t key,
		       char name[OBJECT_NAME_BYTES])
{
	uint32_t type = object_type_at(reader, key);
	char text[KEY_CHARACTERS * 4];

	if (reader->types->items[type].kind == KIND_STR &&
	    view_text(reader->view, reader->layout, key, text, sizeof(text))) {
		append(name, "['");
		append(name, text);
		append(name, "']");
		return;
	}
	snprintf(text, sizeof(text), "[%s]", type ? reader->types->items[type].name : "*");
	append(name, text);
}

/* Of a list or tuple; -1 where it is not there any more. */
static int64_t index_of(const struct object_reader *reader, const struct name_step *step)
{
	bool is_list = reader->types->items[step->holder_type].kind == KIND_LIST;
	uint64_t items = is_list ? object_word(reader, step->holder + LIST_ITEMS)
				 : step->holder + reader->structs->tuple_items;
	uint64_t count = object_word(reader, step->holder + OBJECT_SIZE);

	for (uint64_t i = 0; i < count && i < ITEMS_SEARCHED; i++)
		if (object_word(reader, items + 8 * i) == step->target)
			return (int64_t)i;
	return -1;
}

static void append_item(const struct object_reader *reader, const struct name_step *step,
			unsigned int form, char name[OBJECT_NAME_BYTES])
{
	enum object_kind kind = reader->types->items[step->holder_type].kind;
	struct key_search search = {step->target, 0};
	char text[32] = "[*]";

	if (!(form & NAME_GENERIC) && (kind == KIND_LIST || kind == KIND_TUPLE)) {
		int64_t index = index_of(reader, step);

		if (index >= 0)
			snprintf(text, sizeof(text), "[%" PRId64 "]", index);
	} else if (form & NAME_WITH_KEYS && kind == KIND_DICT) {
		dict_each(reader->view, reader->structs, step->holder, compare_value, &search);
		if (search.key) {
			append_key(reader, search.key, name);
			return;
		}
	}
	append(name, text);
}

/* `qualname`: address of the function's name. */
static void describe_code(const struct object_reader *reader, uint64_t code, uint64_t qualname,
			  char *text, size_t size)
{
	const struct python_layout *layout = reader->layout;
	char function[192], file[192];
	uint32_t line;

	view_text(reader->view, layout, qualname, function, sizeof(function));
	view_text(reader->view, layout, object_word(reader, code + layout->walk.code_filename),
		  file, sizeof(file));
	view_u32(reader->view, code + layout->walk.code_first_line, &line);
	snprintf(text, size, "%s (%s:%u)", function, path_base(file), line);
}

void name_of_code(const struct object_reader *reader, uint64_t code, char *text, size_t size)
{
	const struct python_layout *layout = reader->layout;
	uint32_t qualname =
		layout->code_qualname == PYTHON_ABSENT ? layout->code_name : layout->code_qualname;

	describe_code(reader, code, object_word(reader, code + qualname), text, size);
}

/* make_handler of "make_handler.<locals>.handler (file.py:1)" */
static void cut_locals(char *text)
{
	static const char mark[] = ".<locals>";
	char *inner = NULL, *place = strstr(text, " (");

	for (char *at = text; (at = strstr(at, mark)); at++)
		inner = at;
	if (inner && place && place > inner)
		memmove(inner, place, strlen(place) + 1);
}

/* The code that an object's variables are of; 0 where that is not known. */
static uint64_t code_of(const struct object_reader *reader, const struct name_step *step)
{
	const struct python_structs *structs = reader->structs;
	uint64_t frame = step->holder;

	switch ((enum object_kind)reader->types->items[step->holder_type].kind) {
	case KIND_FUNCTION:
		return object_word(reader, step->holder + structs->function_code);
	case KIND_GENERATOR:
		frame += structs->generator_frame;
		if (structs->minor < 11)
			frame = object_word(reader, frame);
		return frame_code(reader, frame);
	case KIND_FRAME:
		if (structs->frame_object_frame != PYTHON_ABSENT)
			frame = object_word(reader, frame + structs->frame_object_frame);
		return frame_code(reader, frame);
	default:
		return 0;
	}
}

/* Address of a function's own qualified name: that of its code, or, up to 3.10, where code has
 * none, the one that it has itself, unless a decorator took that from another function. */
static uint64_t name_of_function(const struct object_reader *reader, uint64_t function,
				 uint64_t code)
{
	const struct python_layout *layout = reader->layout;
	uint64_t qualname = object_word(reader, function + reader->structs->function_qualname);
	char text[192], plain[192];

	if (layout->code_qualname != PYTHON_ABSENT)
		return object_word(reader, code + layout->code_qualname);
	view_text(reader->view, layout, qualname, text, sizeof(text));
	view_text(reader->view, layout, object_word(reader, code + layout->code_name), plain,
		  sizeof(plain));
	const char *last = strrchr(text, '.');
	return strcmp(last ? last + 1 : text, plain) ? object_word(reader, code + layout->code_name)
						     : qualname;
}

/* "local kept of make_handler (handlers.py:41)": of a function's closure the function around it, of
 * a generator its own. */
static void append_variable(const struct object_reader *reader, const struct name_step *step,
			    char name[OBJECT_NAME_BYTES])
{
	const char *variable = labels_text(reader->labels, label_value(step->label));
	uint64_t code = code_of(reader, step);
	char function[512];

	if (reader->types->items[step->holder_type].kind == KIND_GREENLET) {
		snprintf(name, OBJECT_NAME_BYTES, "local %s", variable); /* with its function */
		return;
	}
	if (!code) {
		append_attribute(name, variable);
		return;
	}
	if (reader->types->items[step->holder_type].kind == KIND_FUNCTION) {
		describe_code(reader, code, name_of_function(reader, step->holder, code), function,
			      sizeof(function));
		cut_locals(function);
	} else {
		name_of_code(reader, code, function, sizeof(function));
	}
	snprintf(name, OBJECT_NAME_BYTES, "local %s of %s", variable, function);
}

void name_append(const struct object_reader *reader, const struct name_step *step,
		 unsigned int form, char name[OBJECT_NAME_BYTES])
{
	uint32_t number = label_value(step->label);

	switch (label_kind(step->label)) {
	case LABEL_ROOT:
		if (form & NAME_GENERIC)
			number = labels_alike(reader->labels, number);
		append_attribute(name, labels_text(reader->labels, number));
		break;
	case LABEL_C:
	case LABEL_MODULES:
	case LABEL_NAME:
		append_attribute(name, labels_text(reader->labels, label_value(step->label)));
		break;
	case LABEL_VARIABLE:
		append_variable(reader, step, name);
		break;
	case LABEL_ITEM:
		append_item(reader, step, form, name);
		break;
	case LABEL_KEY:
		append(name, "{key}");
		break;
	case LABEL_FIELD:
		append_field(reader, step, name);
		break;
	case LABEL_RAW:
		append(name, ".<C>");
		break;
	case LABEL_NAMESPACE:
	case LABEL_NONE:
		break;
	}
}

static void append_step(const struct graph *graph, uint32_t node, unsigned int form,
			char name[OBJECT_NAME_BYTES])
{
	uint32_t parent = graph->parents[node];
	bool is_root = parent == node;
	struct name_step step = {
		.label = graph->labels[node],
		.holder_type = is_root ? TYPE_NONE : graph_type(graph, parent),
		.holder = is_root ? 0 : graph_address(graph, parent),
		.target = graph_address(graph, node),
	};

	name_append(graph->reader, &step, form, name);
}

/* A way that is too long is told by its beginning and its end. */
bool name_of_node(const struct graph *graph, uint32_t node, unsigned int form,
		  char name[OBJECT_NAME_BYTES])
{
	uint32_t steps[2 * STEPS_AT_END];
	size_t length = 0;

	*name = '\0';
	if (!node || !graph_reached(graph, node))
		return false;
	for (uint32_t at = node;; at = graph->parents[at]) { /* the last ones, then the first */
		steps[length < STEPS_AT_END ? length : STEPS_AT_END + length % STEPS_AT_END] = at;
		length++;
		if (graph->parents[at] == at || length == STEPS_MAX)
			break;
	}
	if (length == STEPS_MAX) { /* where it begins is not known */
		length = STEPS_AT_END;
		append(name, "...");
	}
	for (size_t i = length; i--;) {
		if (i < STEPS_AT_END)
			append_step(graph, steps[i], form, name);
		else if (i + STEPS_AT_END >= length)
			append_step(graph, steps[STEPS_AT_END + i % STEPS_AT_END], form, name);
		else if (i == STEPS_AT_END)
			append(name, "...");
	}
	/* what is below it is told by the modules' own names */
	if (graph->parents[node] == node && label_is_namespace(graph->labels[node]))
		append(name, "sys.modules");
	return true;
}

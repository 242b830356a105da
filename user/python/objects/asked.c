/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name is looked up forwards: from each root whose own name it begins with, along those
 * references whose names go on with it. So a name is found under which the graph does not know the
 * object, because it was reached by a shorter way.
 */
#include "asked.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dicts.h"
#include "names.h"
#include "stream.h"

enum {
	PLACES_MAX = 1 << 22,
	STILL_MAX = 4, /* steps that add nothing to a name */
	INDEX_DIGITS = 9,
};

/* What names of variables begin with. */
#define VARIABLE "local "

/* An object whose name is the first `length` bytes of the text. */
struct place {
	uint64_t address;
	uint32_t length;
	bool is_namespace;
	uint8_t still;
};

struct search {
	struct objects *objects;
	const struct graph *graph; /* NULL: memory is streamed */
	const char *text;
	unsigned int form;
	struct place *places;
	size_t place_count;
	size_t place_capacity;
	size_t places_seen;
	struct place at; /* that is being followed */
	struct object object;
	struct asked_streamed *streamed; /* where there is no graph; else: */
	struct asked *asked;
	size_t capacity; /* of asked->nodes */
	uint8_t *seen;   /* a bit for each node that is in them */
	bool failed;
};

static bool make_room(void **items, size_t count, size_t *capacity, size_t size)
{
	size_t larger = *capacity ? *capacity * 2 : 256;

	if (count < *capacity)
		return true;
	void *grown = reallocarray(*items, larger, size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = larger;
	return true;
}

static void found_streamed(struct sampler *sampler, uint64_t address, uint32_t type)
{
	for (size_t i = 0; i < sampler->count; i++)
		if (sampler->items[i].address == address)
			return;
	sampler_see(sampler, address, type);
}

static void found(struct search *search, uint32_t node)
{
	struct asked *asked = search->asked;

	if (search->seen[node / 8] >> node % 8 & 1)
		return;
	if (!make_room((void **)&asked->nodes, asked->count, &search->capacity,
		       sizeof(*asked->nodes))) {
		search->failed = true;
		return;
	}
	search->seen[node / 8] |= 1 << node % 8;
	asked->nodes[asked->count++] = node;
}

/* The object at an address, as far as there is one. */
static bool object_at(struct search *search, uint64_t address, struct object *object)
{
	struct object_reader *reader = &search->objects->reader;
	uint64_t words[2];

	if (search->graph)
		return graph_object(search->graph, graph_find(search->graph, address, false),
				    object);
	stream_spare(search->objects);
	if (address & 7 || address < VIEW_PAGE_BYTES ||
	    !view_bytes(reader->view, address, words, sizeof(words)) ||
	    !python_refcount_is_plausible(reader->structs, words[0]))
		return false;
	uint32_t type = python_types_find(reader->types, reader->view, words[1]);
	if (type)
		*object = object_make(reader, address, type);
	return type;
}

static void found_at(struct search *search, uint64_t address)
{
	struct object object;

	if (search->graph)
		found(search, graph_find(search->graph, address, false));
	else if (object_at(search, address, &object))
		found_streamed(&search->streamed->sampler, address, object.type);
}

static void go_on(struct search *search, uint64_t address, size_t length, bool is_namespace)
{
	uint8_t still = length == search->at.length ? search->at.still + 1 : 0;

	if (still > STILL_MAX || search->places_seen == PLACES_MAX)
		return;
	if (!make_room((void **)&search->places, search->place_count, &search->place_capacity,
		       sizeof(*search->places))) {
		search->failed = true;
		return;
	}
	search->places_seen++;
	search->places[search->place_count++] =
		(struct place){address, (uint32_t)length, is_namespace, still};
}

/* Where a name ends that goes on. */
static bool ends_name(const char *rest)
{
	return strchr(".[{", *rest) || !strncmp(rest, "...", 3);
}

static void compare(struct search *search, uint64_t address, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(name, search->text, length))
		return;
	if (!search->text[length])
		found_at(search, address);
	else if (ends_name(search->text + length))
		go_on(search, address, length, false);
}

/* Entries whose place is in the name are looked up instead. */
static bool is_looked_up(const struct search *search)
{
	const char *rest = search->text + search->at.length;

	return rest[0] == '[' && (isdigit((unsigned char)rest[1]) || rest[1] == '\'');
}

static void follow_reference(void *context, uint64_t target, uint32_t label)
{
	struct search *search = context;
	char name[OBJECT_NAME_BYTES];

	if (search->graph && !graph_find(search->graph, target, false))
		return;
	if (!search->graph)
		stream_spare(search->objects);
	if (label_is_namespace(label)) {
		go_on(search, target, search->at.length, true);
		return;
	}
	if (label_kind(label) == LABEL_ITEM && is_looked_up(search))
		return;
	struct name_step step = {label, search->object.type, search->object.address, target};
	memcpy(name, search->text, search->at.length);
	name[search->at.length] = '\0';
	name_append(&search->objects->reader, &step, search->form, name);
	compare(search, target, name);
}

/* rest: "[12]…" or "['key']…" */
static uint64_t look_up(struct search *search, const char *rest, size_t *length)
{
	struct object_reader *reader = &search->objects->reader;
	enum object_kind kind = reader->types->items[search->object.type].kind;
	uint64_t address = search->object.address, count = 0, items = 0, target = 0;
	char key[OBJECT_NAME_BYTES];

	if (rest[1] == '\'') {
		const char *end = strstr(rest + 2, "']");

		if (!end || kind != KIND_DICT)
			return 0;
		*length = (size_t)(end - rest) + 2;
		memcpy(key, rest + 2, (size_t)(end - rest) - 2);
		key[end - rest - 2] = '\0';
		return dict_find(reader->view, reader->structs, reader->layout, address, key);
	}
	size_t digits = strspn(rest + 1, "0123456789");
	if (rest[1 + digits] != ']' || digits > INDEX_DIGITS)
		return 0;
	*length = digits + 2;
	uint64_t index = strtoull(rest + 1, NULL, 10);
	view_u64(reader->view, address + OBJECT_SIZE, &count);
	if (kind == KIND_LIST)
		view_u64(reader->view, address + LIST_ITEMS, &items);
	else if (kind == KIND_TUPLE)
		items = address + reader->structs->tuple_items;
	if (items && index < count)
		view_u64(reader->view, items + 8 * index, &target);
	return target;
}

static void follow_entry(struct search *search)
{
	size_t length = 0;
	uint64_t target = look_up(search, search->text + search->at.length, &length);
	struct object object;
	char name[OBJECT_NAME_BYTES];

	if (!target || !object_at(search, target, &object))
		return;
	memcpy(name, search->text, search->at.length + length);
	name[search->at.length + length] = '\0';
	compare(search, target, name);
}

static void follow_places(struct search *search)
{
	while (search->place_count && !search->failed) {
		search->at = search->places[--search->place_count];
		if (!object_at(search, search->at.address, &search->object))
			continue;
		search->object.is_namespace = search->at.is_namespace;
		if (is_looked_up(search))
			follow_entry(search);
		object_references(&search->objects->reader, &search->object, follow_reference, NULL,
				  search);
	}
}

static void begin_at_root(void *context, uint64_t address, uint32_t label)
{
	struct search *search = context;
	const struct name_step step = {.label = label, .target = address};
	char name[OBJECT_NAME_BYTES] = "";

	name_append(&search->objects->reader, &step, search->form, name);
	if (!label_is_namespace(label))
		compare(search, address, name);
	else if (!strncmp(name, search->text, strlen(name)))
		go_on(search, address, strlen(name), true);
}

/* Roots, and variables of closures, whose names begin anew. */
static void begin(struct search *search)
{
	const struct graph *graph = search->graph;
	char name[OBJECT_NAME_BYTES];

	for (size_t i = 0; i < graph->order_count && !search->failed; i++) {
		uint32_t node = graph->order[i], label = graph->labels[node];
		bool is_root = graph->parents[node] == node;

		if (!is_root && label_kind(label) != LABEL_VARIABLE)
			continue;
		if (is_root && label_is_namespace(label))
			begin_at_root(search, graph_address(graph, node), label);
		else if (name_of_node(graph, node, search->form, name))
			compare(search, graph_address(graph, node), name);
	}
}

static void compare_variable(void *context, uint64_t target, uint32_t label)
{
	struct search *search = context;
	const struct name_step step = {label, search->object.type, search->object.address, target};
	char name[OBJECT_NAME_BYTES] = "";

	if (label_kind(label) != LABEL_VARIABLE)
		return;
	name_append(&search->objects->reader, &step, search->form, name);
	compare(search, target, name);
}

/* An object_fn: variables of what runs or has a closure. */
static void begin_at_object(void *context, uint64_t address, uint32_t type)
{
	struct search *search = context;
	enum object_kind kind = search->objects->types.items[type].kind;

	if (kind != KIND_FUNCTION && kind != KIND_GENERATOR && kind != KIND_FRAME)
		return;
	search->object = object_make(&search->objects->reader, address, type);
	object_references(&search->objects->reader, &search->object, compare_variable, NULL,
			  search);
}

static void begin_streamed(struct search *search)
{
	struct objects *objects = search->objects;

	view_clear(objects->view, &objects->regions);
	roots_visit(&objects->reader, objects->interpreter, begin_at_root, search);
	if (!strncmp(search->text, VARIABLE, strlen(VARIABLE)))
		stream_each(objects, begin_at_object, search);
	view_clear(objects->view, &objects->regions);
}

static void find_name(struct search *search)
{
	search->form = strstr(search->text, "[*]") ? NAME_GENERIC : 0;
	if (strlen(search->text) >= OBJECT_NAME_BYTES)
		return;
	if (search->graph)
		begin(search);
	else
		begin_streamed(search);
	follow_places(search);
	free(search->places);
}

static bool is_called(const struct python_type *type, const char *text)
{
	const char *last = strrchr(type->name ? type->name : "", '.');

	return type->name && (!strcmp(type->name, text) || (last && !strcmp(last + 1, text)));
}

/* By index: whether a type is called so; the caller's. NULL: no memory. */
static bool *types_called(const struct objects *objects, const char *text, bool *any)
{
	bool *wanted = calloc(objects->types.count, sizeof(*wanted));

	*any = false;
	for (size_t i = 1; wanted && i < objects->types.count; i++)
		*any |= wanted[i] = is_called(&objects->types.items[i], text);
	return wanted;
}

static int find_type(struct search *search)
{
	const struct graph *graph = search->graph;
	bool any, *wanted = types_called(search->objects, search->text, &any);

	if (!wanted)
		return -ENOMEM;
	for (uint32_t node = 1; any && node < graph->count && !search->failed; node++) {
		bool known = node < graph->pool_nodes || graph_reached(graph, node) ||
			     graph_is_left_out(graph, node);

		if (known && wanted[graph_type(graph, node)])
			found(search, node);
	}
	search->asked->by_type = search->asked->count;
	free(wanted);
	return 0;
}

static bool find_address(struct search *search)
{
	char *end;
	uint64_t address = strtoull(search->text, &end, 16);
	struct object object;

	if (strncmp(search->text, "0x", 2) || *end || end == search->text + 2)
		return false;
	if (object_at(search, address, &object))
		found_at(search, address);
	return true;
}

int asked_find(const struct objects *objects, const char *text, struct asked *asked)
{
	struct search search = {
		.objects = (struct objects *)objects,
		.graph = &objects->graph,
		.text = text,
		.asked = asked,
		.seen = calloc(objects->graph.count / 8 + 1, 1),
	};
	int error = search.seen ? 0 : -ENOMEM;

	*asked = (struct asked){0};
	if (!error && !find_address(&search)) {
		error = find_type(&search);
		if (!error && !asked->count)
			find_name(&search);
	}
	free(search.seen);
	return search.failed ? -ENOMEM : error;
}

void asked_release(struct asked *asked)
{
	free(asked->nodes);
	*asked = (struct asked){0};
}

static void see_wanted(void *context, uint64_t address, uint32_t type)
{
	struct asked_streamed *asked = context;

	if (type < asked->type_count && asked->types[type])
		sampler_see(&asked->sampler, address, type);
}

static int find_type_streamed(struct search *search)
{
	struct asked_streamed *asked = search->streamed;
	bool any;

	asked->types = types_called(search->objects, search->text, &any);
	asked->type_count = search->objects->types.count;
	if (!asked->types)
		return -ENOMEM;
	return any ? stream_each(search->objects, see_wanted, asked) : 0;
}

int asked_find_streamed(struct objects *objects, const char *text, size_t max,
			struct asked_streamed *asked)
{
	struct search search = {.objects = objects, .text = text, .streamed = asked};
	int error;

	*asked = (struct asked_streamed){0};
	error = sampler_init(&asked->sampler, max);
	if (!error && !find_address(&search)) {
		error = find_type_streamed(&search);
		if (!error && !asked->sampler.count) {
			free(asked->types);
			asked->types = NULL;
			asked->type_count = 0;
			find_name(&search);
		}
	}
	return search.failed ? -ENOMEM : error;
}

void asked_streamed_release(struct asked_streamed *asked)
{
	sampler_release(&asked->sampler);
	free(asked->types);
	*asked = (struct asked_streamed){0};
}

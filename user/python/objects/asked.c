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

enum {
	PLACES_MAX = 1 << 22,
	STILL_MAX = 4, /* steps that add nothing to a name */
	INDEX_DIGITS = 9,
};

/* A node whose name is the first `length` bytes of the text. */
struct place {
	uint32_t node;
	uint32_t length;
	bool is_namespace;
	uint8_t still;
};

struct search {
	const struct objects *objects;
	const char *text;
	unsigned int form;
	struct place *places;
	size_t place_count;
	size_t place_capacity;
	size_t places_seen;
	struct place at; /* that is being followed */
	struct object object;
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

static void go_on(struct search *search, uint32_t node, size_t length, bool is_namespace)
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
		(struct place){node, (uint32_t)length, is_namespace, still};
}

/* Where a name ends that goes on. */
static bool ends_name(const char *rest)
{
	return strchr(".[{", *rest) || !strncmp(rest, "...", 3);
}

static void compare(struct search *search, uint32_t node, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(name, search->text, length))
		return;
	if (!search->text[length])
		found(search, node);
	else if (ends_name(search->text + length))
		go_on(search, node, length, false);
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
	const struct graph *graph = &search->objects->graph;
	uint32_t node = graph_find(graph, target, false);
	char name[OBJECT_NAME_BYTES];

	if (!node)
		return;
	if (label_is_namespace(label)) {
		go_on(search, node, search->at.length, true);
		return;
	}
	if (label_kind(label) == LABEL_ITEM && is_looked_up(search))
		return;
	struct name_step step = {label, search->object.type, search->object.address, target};
	memcpy(name, search->text, search->at.length);
	name[search->at.length] = '\0';
	name_append(graph->reader, &step, search->form, name);
	compare(search, node, name);
}

/* rest: "[12]…" or "['key']…" */
static uint64_t look_up(const struct search *search, const char *rest, size_t *length)
{
	struct object_reader *reader = search->objects->graph.reader;
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
	uint32_t node = target ? graph_find(&search->objects->graph, target, false) : 0;
	char name[OBJECT_NAME_BYTES];

	if (!node)
		return;
	memcpy(name, search->text, search->at.length + length);
	name[search->at.length + length] = '\0';
	compare(search, node, name);
}

static void follow_places(struct search *search)
{
	const struct graph *graph = &search->objects->graph;

	while (search->place_count && !search->failed) {
		search->at = search->places[--search->place_count];
		if (!graph_object(graph, search->at.node, &search->object))
			continue;
		search->object.is_namespace = search->at.is_namespace;
		if (is_looked_up(search))
			follow_entry(search);
		object_references(graph->reader, &search->object, follow_reference, NULL, search);
	}
}

/* Roots, and variables of closures, whose names begin anew. */
static void begin(struct search *search)
{
	const struct graph *graph = &search->objects->graph;
	char name[OBJECT_NAME_BYTES];

	for (size_t i = 0; i < graph->order_count && !search->failed; i++) {
		uint32_t node = graph->order[i], label = graph->labels[node];
		bool is_root = graph->parents[node] == node;

		if (!is_root && label_kind(label) != LABEL_VARIABLE)
			continue;
		if (is_root && label_is_namespace(label)) {
			name_of_node(graph, node, search->form, name);
			if (!strncmp(name, search->text, strlen(name)))
				go_on(search, node, strlen(name), true);
		} else if (name_of_node(graph, node, search->form, name)) {
			compare(search, node, name);
		}
	}
}

static void find_name(struct search *search)
{
	search->form = strstr(search->text, "[*]") ? NAME_GENERIC : 0;
	if (strlen(search->text) >= OBJECT_NAME_BYTES)
		return;
	begin(search);
	follow_places(search);
	free(search->places);
}

static bool is_called(const struct python_type *type, const char *text)
{
	const char *last = strrchr(type->name ? type->name : "", '.');

	return type->name && (!strcmp(type->name, text) || (last && !strcmp(last + 1, text)));
}

static int find_type(struct search *search)
{
	const struct objects *objects = search->objects;
	const struct graph *graph = &objects->graph;
	bool *wanted = calloc(objects->types.count, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 1; i < objects->types.count; i++)
		wanted[i] = is_called(&objects->types.items[i], search->text);
	for (uint32_t node = 1; node < graph->count && !search->failed; node++) {
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

	if (strncmp(search->text, "0x", 2) || *end || end == search->text + 2)
		return false;
	uint32_t node = graph_find(&search->objects->graph, address, false);
	if (node)
		found(search, node);
	return true;
}

int asked_find(const struct objects *objects, const char *text, struct asked *asked)
{
	struct search search = {
		.objects = objects,
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

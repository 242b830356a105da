/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chain that gets new links at its head runs away from whoever follows it backwards: when a pass
 * asks who holds a link, many others have come in front of it. So chains are looked for from where
 * names begin, as they are now: from modules and variables of functions that run over attributes,
 * classes and short containers, a few steps far and so many objects at most. A link that is met
 * there is a head, and by the links behind it that were not there at the first look it is judged.
 */
#include "heads.h"

#include <string.h>

#include "../../lib/array.h"
#include "growth_streamed.h"
#include "names.h"
#include "sampler.h"
#include "stream.h"

enum {
	WAYS_SHARE = 32, /* of the budget */
	WAYS_MAX = 1 << 16,
	STEPS_MAX = 6,  /* that a name shows: module, variable, attribute, entry, … */
	PARTS_MAX = 16, /* with those that it does not */
	NAMES_MAX = 4096,
	ENTRIES_MAX = 256, /* of a container that is gone through */
	TARGETS_MAX = 1 << 21,
	HEADS_MAX = 64,
	HEADS_TRIED = 1024,
	LABELS_MAX = 4, /* by which a head may lead to its chain */
	LINKS_MAX = 1 << 18,
	ALL_LINKS_MAX = 1 << 20,
	TARGETS_OF_LINK = 8, /* one with more counts as several */
	LINKS_FIRST = 64,
	RENEWALS_MAX = 8, /* of what is mapped: what grows fast has new arenas all the time */
};

#define NEAR_BYTES (UINT64_C(1) << 30)

/* An object on the way from a root. */
struct way {
	uint64_t address;
	uint32_t type;
	uint32_t label;
	uint32_t from; /* number of what leads to it, itself for a root */
	uint8_t steps;
	uint8_t parts;
};

struct target {
	uint64_t address;
	uint32_t label;
};

struct heading {
	struct objects *objects;
	const bool *linked;
	struct chain_heads *heads;
	struct way *ways;
	size_t way_count;
	size_t way_max;
	uint32_t *slots; /* number + 1, by address */
	size_t slot_count;
	uint32_t *classes; /* what they have comes last: of most it is code */
	size_t class_count;
	size_t followed; /* of the ways */
	size_t classes_followed;
	bool frames;                      /* modules are done */
	struct target targets[NAMES_MAX]; /* of the object that is looked at */
	size_t target_count;
	size_t targets_left; /* that may still be looked at, all in all */
	size_t links_left;
	unsigned int heads_left; /* that may be tried */
	unsigned int renewals_left;
};

static void note_target(void *context, uint64_t target, uint32_t label)
{
	struct heading *heading = context;

	if (heading->target_count < NAMES_MAX)
		heading->targets[heading->target_count++] = (struct target){target, label};
}

static void gather(struct heading *heading, uint64_t address, uint32_t type, bool is_namespace)
{
	struct object_reader *reader = &heading->objects->reader;
	struct object object = object_make(reader, address, type);

	object.is_namespace = is_namespace;
	object_references(reader, &object, note_target, NULL, heading);
}

/* With those by a dictionary of its attributes. */
static void gather_links(struct heading *heading, uint64_t address, uint32_t type)
{
	const struct objects *objects = heading->objects;

	stream_spare(heading->objects);
	heading->target_count = 0;
	gather(heading, address, type, false);
	size_t count = heading->target_count;
	for (size_t i = 0; i < count; i++) {
		struct target target = heading->targets[i];
		uint32_t kind = label_is_namespace(target.label)
					? object_type_at(&objects->reader, target.address)
					: TYPE_NONE;

		if (objects->types.items[kind].kind == KIND_DICT)
			gather(heading, target.address, kind, true);
	}
}

/* Whether new memory may be there: next to what is mapped. */
static bool is_near(const struct regions *regions, uint64_t address)
{
	size_t at = regions_from(regions, address);

	return (at < regions->count && regions->items[at].mapping.start - address < NEAR_BYTES) ||
	       (at && address - regions->items[at - 1].mapping.end < NEAR_BYTES);
}

/* What was made after its page was read, or after what is mapped was. */
static bool read_again(struct heading *heading, uint64_t address)
{
	struct objects *objects = heading->objects;

	if (regions_find(&objects->regions, address))
		return !view_refresh(objects->view, address, 2 * sizeof(uint64_t));
	if (!is_near(&objects->regions, address) || !heading->renewals_left)
		return false;
	heading->renewals_left--;
	return !stream_renew(objects);
}

/* Whether a target of a link is one too. */
static bool is_link(const struct heading *heading, const struct target *target, uint64_t from,
		    uint32_t type)
{
	const struct objects *objects = heading->objects;
	uint64_t words[2];

	return target->address != from && !(target->address & 7) &&
	       view_bytes(objects->view, target->address, words, sizeof(words)) &&
	       words[1] == objects->types.items[type].address &&
	       python_refcount_is_plausible(&objects->structs, words[0]);
}

/* Also one that is newer than what was read. */
static bool is_link_now(struct heading *heading, const struct target *target, uint64_t from,
			uint32_t type)
{
	return is_link(heading, target, from, type) ||
	       (read_again(heading, target->address) && is_link(heading, target, from, type));
}

bool object_is_link(struct objects *objects, uint64_t address, uint32_t type)
{
	struct heading *heading = calloc(1, sizeof(*heading));
	bool found = false;

	if (!heading)
		return false;
	heading->objects = objects;
	gather_links(heading, address, type);
	for (size_t i = 0; i < heading->target_count && !found; i++)
		found = is_link(heading, &heading->targets[i], address, type);
	free(heading);
	return found;
}

static uint64_t next_link(struct heading *heading, uint64_t address, uint32_t type, uint32_t label)
{
	gather_links(heading, address, type);
	size_t work = 1 + heading->target_count / TARGETS_OF_LINK;
	heading->links_left -= work < heading->links_left ? work : heading->links_left;
	for (size_t i = 0; i < heading->target_count; i++)
		if (heading->targets[i].label == label &&
		    is_link(heading, &heading->targets[i], address, type))
			return heading->targets[i].address;
	return 0;
}

/* How many links are new, up to where the chain ends or comes back to where it was. */
static uint64_t count_new(struct heading *heading, uint64_t head, uint32_t type, uint32_t label)
{
	uint64_t count = 0, before = head, at = head;

	for (size_t links = 1, mark = LINKS_FIRST; links <= LINKS_MAX && heading->links_left;
	     links++) {
		count += newcomers_is_new(&heading->objects->newcomers, at, type);
		at = next_link(heading, at, type, label);
		if (!at || at == before || at == head)
			break;
		if (links == mark) {
			before = at;
			mark *= 2;
		}
	}
	return count;
}

static size_t list_labels(struct heading *heading, uint64_t head, uint32_t type,
			  uint32_t labels[LABELS_MAX])
{
	size_t count = 0;

	gather_links(heading, head, type);
	for (size_t i = 0; i < heading->target_count && count < LABELS_MAX; i++) {
		uint32_t label = heading->targets[i].label;
		bool known = !is_link(heading, &heading->targets[i], head, type);

		for (size_t at = 0; at < count; at++)
			known |= labels[at] == label;
		if (!known)
			labels[count++] = label;
	}
	return count;
}

/* The way to a head as steps; its own comes last. */
static size_t list_steps(const struct heading *heading, const struct way *last,
			 struct chain_step steps[PARTS_MAX + 2])
{
	size_t count = last->parts + 1u;
	const struct way *way = last;

	for (size_t i = count; i--;) {
		const struct way *from = &heading->ways[way->from];

		steps[i] = (struct chain_step){
			.label = way->label,
			.holder_type = i ? from->type : TYPE_NONE,
			.holder = i ? from->address : 0,
			.target = way->address,
			.target_type = way->type,
			.index = CHAIN_NO_INDEX,
		};
		way = from;
	}
	return count;
}

/* Whether the way leads through a container that is told already. */
static bool is_told(const struct heading *heading, const struct chain_step *steps, size_t count)
{
	const struct containers *containers = &heading->objects->containers;

	for (size_t i = 1; i < count; i++) {
		const struct container *container = containers_find(containers, steps[i].holder);

		if (container && container_grew(containers, container, false))
			return true;
	}
	return false;
}

/* Where a step leads now; 0: it is not there any more. To a head, which is another one all the
 * time, it leads by any link. */
static uint64_t step_now(struct heading *heading, const struct chain_step *step, bool is_namespace,
			 bool is_last)
{
	stream_spare(heading->objects);
	if (object_type_at(&heading->objects->reader, step->holder) != step->holder_type)
		return 0;
	heading->target_count = 0;
	gather(heading, step->holder, step->holder_type, is_namespace);
	for (size_t i = 0; i < heading->target_count; i++) {
		const struct target *target = &heading->targets[i];

		if (target->label != step->label)
			continue;
		if (is_last ? is_link_now(heading, target, step->holder, step->target_type)
			    : target->address == step->target)
			return target->address;
	}
	return heading->target_count == NAMES_MAX ? step->target : 0;
}

/* The head as it is now; 0: the way is gone. What was freed while it was followed leads to
 * what came into its place. */
static uint64_t head_now(struct heading *heading, const struct chain_step *steps, size_t count)
{
	uint64_t head = steps[count - 1].target;

	view_clear(heading->objects->view, &heading->objects->regions);
	for (size_t i = 1; i < count && head; i++)
		head = step_now(heading, &steps[i], label_is_namespace(steps[i - 1].label),
				i + 1 == count);
	return head;
}

/* Of one link, without the others. */
static uint64_t weigh_link(struct heading *heading, uint64_t address, uint32_t type)
{
	struct objects *objects = heading->objects;
	const struct chains apart = {
		.apart = heading->linked,
		.apart_count = TYPES_MAX + 1,
	};
	struct chain chain = {.address = address, .type = type};

	view_clear(objects->view, &objects->regions);
	chain_measure(&apart, &objects->reader, &chain);
	return chain.bytes;
}

static void add_head(struct heading *heading, const struct chain_step *steps, size_t count,
		     uint64_t new_links)
{
	struct objects *objects = heading->objects;
	const struct chain_step *last = &steps[count - 1];
	struct chain_head head = {.type = last->target_type, .new_links = new_links};
	char name[OBJECT_NAME_BYTES];

	head.bytes = weigh_link(heading, last->holder, last->holder_type);
	chain_steps_name(&objects->reader, steps, count - 1, NAME_GENERIC, name);
	head.name = strdup(name);
	chain_steps_name(&objects->reader, steps, count, NAME_GENERIC, name);
	head.links_name = strdup(name);
	if (head.name && head.links_name &&
	    array_append(&heading->heads->items, &heading->heads->count, head))
		return;
	free(head.name);
	free(head.links_name);
}

static bool has_head(const struct chain_heads *heads, uint32_t type)
{
	for (size_t i = 0; i < heads->count; i++)
		if (heads->items[i].type == type)
			return true;
	return false;
}

/* By the label by which most new links hang on it. */
static void take_head(struct heading *heading, const struct way *way)
{
	struct chain_step steps[PARTS_MAX + 2];
	uint32_t labels[LABELS_MAX], best = 0;
	uint64_t most = 0;
	size_t count = list_steps(heading, way, steps);

	if (!heading->heads_left || heading->heads->count == HEADS_MAX ||
	    is_told(heading, steps, count) ||
	    (heading->frames && has_head(heading->heads, way->type)))
		return;
	heading->heads_left--;
	uint64_t head = head_now(heading, steps, count);
	size_t label_count = head ? list_labels(heading, head, way->type, labels) : 0;
	for (size_t i = 0; i < label_count; i++) {
		uint64_t found = count_new(heading, head, way->type, labels[i]);

		best = found > most ? labels[i] : best;
		most = found > most ? found : most;
	}
	if (!most)
		return;
	steps[count] = (struct chain_step){
		.label = best,
		.holder_type = way->type,
		.holder = head,
		.target_type = way->type,
		.index = CHAIN_NO_INDEX,
	};
	add_head(heading, steps, count + 1, most);
}

/* Whether there must be an object, not only what looks like the address of one. */
static bool is_reference(const struct heading *heading, uint32_t from, uint32_t label)
{
	const struct python_object_types *types = &heading->objects->types;
	const struct python_type *holder =
		&types->items[from < heading->way_count ? heading->ways[from].type : TYPE_NONE];

	switch (label_kind(label)) {
	case LABEL_ROOT:
	case LABEL_NAME:
	case LABEL_VARIABLE:
	case LABEL_ITEM:
		return true;
	case LABEL_FIELD: /* __slots__ */
		return holder->flags & TYPE_HEAP && holder->kind == KIND_PLAIN &&
		       label_value(label) < holder->basic_bytes;
	default:
		return false;
	}
}

static uint32_t type_now(struct heading *heading, uint32_t from, const struct target *target)
{
	struct objects *objects = heading->objects;
	uint64_t words[2];

	if (target->address & 7 || target->address < VIEW_PAGE_BYTES)
		return TYPE_NONE;
	for (int i = 0; i < 2; i++) {
		uint32_t type = TYPE_NONE;

		if (view_bytes(objects->view, target->address, words, sizeof(words)) &&
		    python_refcount_is_plausible(&objects->structs, words[0]))
			type = python_types_find(&objects->types, objects->view, words[1]);
		if (type || !is_reference(heading, from, target->label) ||
		    !read_again(heading, target->address))
			return type;
	}
	return TYPE_NONE;
}

/* Kinds that may lead to a chain, and are gone through. */
static bool leads_on(struct heading *heading, const struct way *way)
{
	const struct object_reader *reader = &heading->objects->reader;

	switch ((enum object_kind)reader->types->items[way->type].kind) {
	case KIND_DICT:
		return label_is_namespace(way->label) ||
		       object_word(reader, way->address + DICT_USED) <= ENTRIES_MAX;
	case KIND_SET:
		return object_word(reader, way->address + SET_USED) <= ENTRIES_MAX;
	case KIND_LIST:
	case KIND_TUPLE:
	case KIND_DEQUE:
		return object_word(reader, way->address + OBJECT_SIZE) <= ENTRIES_MAX;
	case KIND_MODULE: /* others refer to it too */
		return way->steps <= 1;
	case KIND_PLAIN:
	case KIND_TYPE:
		return true;
	default:
		return false;
	}
}

/* Where the number of the way to an object is, or a free place. */
static uint32_t *find_slot(const struct heading *heading, uint64_t address)
{
	size_t at = sampler_hash(address) & (heading->slot_count - 1);

	while (heading->slots[at] && heading->ways[heading->slots[at] - 1].address != address)
		at = (at + 1) & (heading->slot_count - 1);
	return &heading->slots[at];
}

/* `from`: a number, or that of the next way where it is a root. */
static void take_target(struct heading *heading, uint32_t from, const struct target *target)
{
	const struct objects *objects = heading->objects;
	struct way way = {.address = target->address, .label = target->label, .from = from};

	if (heading->way_count == heading->way_max || *find_slot(heading, way.address))
		return;
	way.type = type_now(heading, from, target);
	if (from < heading->way_count) {
		way.steps = heading->ways[from].steps;
		way.parts = heading->ways[from].parts + 1;
	}
	way.steps += !label_is_namespace(way.label);
	bool is_head = heading->linked[way.type];
	if (!way.type || way.parts == PARTS_MAX || way.steps > STEPS_MAX ||
	    (!is_head && !leads_on(heading, &way)))
		return;
	*find_slot(heading, way.address) = (uint32_t)heading->way_count + 1;
	heading->ways[heading->way_count] = way;
	if (!is_head && objects->types.items[way.type].kind == KIND_TYPE)
		heading->classes[heading->class_count++] = (uint32_t)heading->way_count;
	heading->way_count++;
}

static void take_root(void *context, uint64_t address, uint32_t label)
{
	struct heading *heading = context;
	const char *text = labels_text(&heading->objects->labels, label_value(label));
	bool is_variable = label_kind(label) == LABEL_ROOT &&
			   strncmp(text, ROOT_OF_FRAME, strlen(ROOT_OF_FRAME));

	if (heading->frames ? !is_variable : !label_is_namespace(label))
		return;
	const struct target target = {address, label};
	take_target(heading, (uint32_t)heading->way_count, &target);
}

/* Whether a target of an object on the way is worth a look: of classes and modules what they have
 * names for, of others no key, and no word that is not the object's own. */
static bool may_lead(const struct heading *heading, const struct way *way, uint32_t label)
{
	const struct python_type *type = &heading->objects->types.items[way->type];

	if (type->kind == KIND_TYPE || type->kind == KIND_MODULE)
		return label_is_namespace(label);
	if (label_kind(label) == LABEL_FIELD)
		return label_value(label) < type->basic_bytes;
	return label_kind(label) != LABEL_KEY;
}

static void follow_way(struct heading *heading, uint32_t number)
{
	const struct way way = heading->ways[number];

	stream_spare(heading->objects);
	heading->target_count = 0;
	gather(heading, way.address, way.type, label_is_namespace(way.label));
	for (size_t i = 0; i < heading->target_count && heading->targets_left; i++) {
		heading->targets_left--;
		stream_spare(heading->objects);
		if (may_lead(heading, &way, heading->targets[i].label))
			take_target(heading, number, &heading->targets[i]);
	}
}

static void follow_all(struct heading *heading)
{
	while (heading->followed < heading->way_count ||
	       heading->classes_followed < heading->class_count) {
		if (heading->followed == heading->way_count) {
			follow_way(heading, heading->classes[heading->classes_followed++]);
			continue;
		}
		uint32_t number = (uint32_t)heading->followed++;
		const struct way *way = &heading->ways[number];
		if (heading->linked[way->type])
			take_head(heading, way);
		else if (heading->objects->types.items[way->type].kind != KIND_TYPE)
			follow_way(heading, number);
	}
}

/* What modules lead to first: functions that run mostly have from there what they hold. */
static void follow_roots(struct heading *heading)
{
	struct objects *objects = heading->objects;
	size_t all = heading->way_max;

	heading->way_max = all / 4 * 3;
	roots_visit(&objects->reader, objects->interpreter, take_root, heading);
	follow_all(heading);
	if (objects->looks < LOOKS_OF_FRAMES)
		return;
	heading->way_max = all;
	heading->frames = true;
	stream_spare(objects);
	roots_visit(&objects->reader, objects->interpreter, take_root, heading);
	follow_all(heading);
}

static bool heading_init(struct heading *heading)
{
	uint64_t bytes = sizeof(*heading->ways) + 5 * sizeof(uint32_t);

	heading->way_max = heading->objects->budget_bytes / WAYS_SHARE / bytes;
	heading->way_max = heading->way_max < WAYS_MAX ? heading->way_max : WAYS_MAX;
	heading->slot_count = 64;
	while (heading->slot_count < 2 * heading->way_max)
		heading->slot_count *= 2;
	heading->targets_left = TARGETS_MAX;
	heading->links_left = ALL_LINKS_MAX;
	heading->heads_left = HEADS_TRIED;
	heading->renewals_left = RENEWALS_MAX;
	heading->ways = calloc(heading->way_max + 1, sizeof(*heading->ways));
	heading->slots = calloc(heading->slot_count, sizeof(*heading->slots));
	heading->classes = calloc(heading->way_max + 1, sizeof(*heading->classes));
	return heading->ways && heading->slots && heading->classes;
}

void chain_heads_find(struct chain_heads *heads, struct objects *objects, const bool *linked)
{
	struct heading *heading = calloc(1, sizeof(*heading));

	*heads = (struct chain_heads){0};
	if (!heading)
		return;
	heading->objects = objects;
	heading->linked = linked;
	heading->heads = heads;
	if (heading_init(heading) && !stream_renew(objects))
		follow_roots(heading);
	free(heading->ways);
	free(heading->slots);
	free(heading->classes);
	free(heading);
}

void chain_heads_release(struct chain_heads *heads)
{
	for (size_t i = 0; i < heads->count; i++) {
		free(heads->items[i].name);
		free(heads->items[i].links_name);
	}
	free(heads->items);
	*heads = (struct chain_heads){0};
}

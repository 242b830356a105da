/* SPDX-License-Identifier: BSD-2-Clause */
#include "containers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dicts.h"

enum {
	SLOTS_MIN = 1 << 14,
	FALL_FORGIVEN = 10,
	FIRST_SEARCHED = 4,
	LENGTHS_SHARE = 16,
	LOOKS_OF_HALVES = 4
};

#define LENGTH_MIN_MAX (UINT64_C(1) << 40)

int containers_init(struct containers *containers, struct object_reader *reader, size_t max)
{
	*containers = (struct containers){
		.reader = reader,
		.max = max,
		.slot_count = SLOTS_MIN,
		.slots = calloc(SLOTS_MIN, sizeof(*containers->slots)),
	};
	return containers->slots ? 0 : -ENOMEM;
}

void containers_release(struct containers *containers)
{
	for (size_t i = 0; i < containers->count; i++)
		free(containers->items[i].lengths);
	free(containers->items);
	free(containers->slots);
	*containers = (struct containers){0};
}

static void drop_lengths(struct containers *containers, struct container *container)
{
	containers->with_lengths -= container->lengths != NULL;
	free(container->lengths);
	container->lengths = NULL;
}

static uint32_t *find_slot(const struct containers *containers, uint64_t address)
{
	size_t at = (size_t)((address >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 32) &
		    (containers->slot_count - 1);

	while (containers->slots[at] &&
	       containers->items[containers->slots[at] - 1].address != address)
		at = (at + 1) & (containers->slot_count - 1);
	return &containers->slots[at];
}

const struct container *containers_find(const struct containers *containers, uint64_t address)
{
	uint32_t number = *find_slot(containers, address);

	return number ? &containers->items[number - 1] : NULL;
}

static void rehash(struct containers *containers)
{
	memset(containers->slots, 0, containers->slot_count * sizeof(*containers->slots));
	for (size_t i = 0; i < containers->count; i++)
		*find_slot(containers, containers->items[i].address) = (uint32_t)i + 1;
}

static bool make_room(struct containers *containers)
{
	if (containers->count == containers->capacity) {
		size_t larger = containers->capacity ? containers->capacity * 2 : 4096;
		void *items = reallocarray(containers->items, larger, sizeof(*containers->items));

		if (!items)
			return false;
		containers->items = items;
		containers->capacity = larger;
	}
	if (containers->count * 2 < containers->slot_count)
		return true;
	uint32_t *slots =
		reallocarray(containers->slots, containers->slot_count * 2, sizeof(*slots));
	if (!slots)
		return false;
	containers->slots = slots;
	containers->slot_count *= 2;
	rehash(containers);
	return true;
}

/* Those that were gone for more than a look make place for others. */
static void drop_gone(struct containers *containers)
{
	size_t kept = 0;

	for (size_t i = 0; i < containers->count; i++) {
		struct container *container = &containers->items[i];

		if (container->look + 2 < containers->looks) {
			drop_lengths(containers, container);
			continue;
		}
		containers->items[kept++] = *container;
	}
	containers->count = kept;
	rehash(containers);
}

/* Leaves room for others: only what is twice as long as was followed so far. */
static void drop_short(struct containers *containers)
{
	size_t kept = 0, before = containers->count;

	containers->length_min = containers->length_min ? 2 * containers->length_min : 2;
	for (size_t i = 0; i < containers->count; i++) {
		struct container *container = &containers->items[i];

		if (container->length < containers->length_min) {
			drop_lengths(containers, container);
			continue;
		}
		containers->items[kept++] = *container;
	}
	containers->count = kept;
	rehash(containers);
	containers->refused += before - kept;
}

static void thin_lengths(struct container *container, uint16_t kept)
{
	container->ups = container->downs = 0;
	for (size_t look = 1; look < kept; look++) {
		container->lengths[look] = container->lengths[2 * look];
		container->ups += container->lengths[look] > container->lengths[look - 1];
		container->downs += container->lengths[look] < container->lengths[look - 1];
	}
}

static void thin_out(struct containers *containers)
{
	uint16_t kept = 1;

	for (size_t look = 2; look < CONTAINER_LOOKS; look += 2)
		containers->times[kept++] = containers->times[look];
	for (size_t i = 0; i < containers->count; i++) {
		struct container *container = &containers->items[i];

		if (container->lengths)
			thin_lengths(container, kept);
		container->look0 /= 2;
		container->look = (uint16_t)(container->look + 1) / 2;
	}
	containers->looks = kept;
}

void containers_begin(struct containers *containers, double time)
{
	if (containers->looks == CONTAINER_LOOKS)
		thin_out(containers);
	if (containers->looks > 1)
		drop_gone(containers);
	containers->refused = 0;
	containers->times[containers->looks++] = time;
}

/* Dictionaries and lists are told from others in their place by their first entry; 0: not known.
 * Where a list's items were moved while it was copied, what lies there is something else. */
static uint64_t first_entry(const struct containers *containers, uint64_t address, uint32_t type)
{
	struct object_reader *reader = containers->reader;
	enum object_kind kind = reader->types->items[type].kind;
	uint64_t words[2], key = 0, value = 0, items;
	struct dict_keys keys;

	if (kind == KIND_LIST && view_u64(reader->view, address + LIST_ITEMS, &items)) {
		view_u64(reader->view, items, &value);
		return object_type_at(reader, value) ? value : 0;
	}
	if (kind != KIND_DICT ||
	    !view_bytes(reader->view, address + DICT_KEYS, words, sizeof(words)) ||
	    !dict_keys_read(reader->view, reader->structs, words[0], &keys))
		return 0;
	for (uint64_t i = 0; i < keys.used && i < FIRST_SEARCHED && !key; i++)
		dict_keys_entry(reader->view, &keys, i, &key, &value);
	return key;
}

static void add(struct containers *containers, uint64_t address, uint32_t type, uint64_t length)
{
	uint16_t look = containers->looks - 1;

	while (containers->count >= containers->max && length >= containers->length_min &&
	       containers->length_min < LENGTH_MIN_MAX)
		drop_short(containers);
	if (length < containers->length_min || containers->count >= containers->max ||
	    !make_room(containers)) {
		containers->refused++;
		return;
	}
	containers->items[containers->count++] = (struct container){
		.address = address,
		.type = type,
		.length0 = length,
		.length = length,
		.look0 = look,
		.look = look,
	};
	*find_slot(containers, address) = (uint32_t)containers->count;
}

/* A list of lengths, as far as there is room, where all that it had so far is the same. */
static void begin_lengths(struct containers *containers, struct container *container)
{
	if (containers->with_lengths > containers->max / LENGTHS_SHARE)
		return;
	container->lengths = calloc(CONTAINER_LOOKS, sizeof(*container->lengths));
	containers->with_lengths += container->lengths != NULL;
	for (uint16_t i = 0; container->lengths && i + 1 < containers->looks; i++)
		container->lengths[i] = container->length0;
}

static void replace(struct containers *containers, struct container *container, uint32_t type,
		    uint64_t length)
{
	uint16_t look = containers->looks - 1;

	drop_lengths(containers, container);
	*container = (struct container){
		.address = container->address,
		.type = type,
		.length0 = length,
		.length = length,
		.look0 = look,
		.look = look,
	};
}

/* Lists fill at their end. From dictionaries the oldest may be taken out while they grow. */
static bool is_another(const struct containers *containers, const struct container *container,
		       uint64_t length, uint64_t first)
{
	enum object_kind kind = containers->reader->types->items[container->type].kind;

	return container->first && first && first != container->first &&
	       (kind == KIND_LIST || length <= container->length);
}

static void compare(struct containers *containers, struct container *container, uint32_t type,
		    uint64_t length)
{
	uint16_t look = containers->looks - 1;
	uint64_t first = 0;

	if (length != container->length)
		first = first_entry(containers, container->address, type);
	if (type != container->type || is_another(containers, container, length, first)) {
		replace(containers, container, type, length);
		return;
	}
	if (length != container->length && !container->lengths)
		begin_lengths(containers, container);
	if (length != container->length) {
		container->turns |= container->first && first != container->first;
		container->first = first ? first : container->first;
	}
	container->ups += length > container->length;
	container->downs += length < container->length;
	for (uint16_t i = container->look + 1; container->lengths && i < look; i++)
		container->lengths[i] = container->length;
	if (container->lengths)
		container->lengths[look] = length;
	container->length = length;
	container->look = look;
}

void containers_see(void *context, uint64_t address, uint32_t type)
{
	struct containers *containers = context;
	enum object_kind kind = containers->reader->types->items[type].kind;
	uint64_t length;

	if ((!object_kind_is_container(kind) && kind != KIND_CACHE) ||
	    !object_length_read(containers->reader, address, type, &length))
		return;
	uint32_t number = *find_slot(containers, address);
	if (number)
		compare(containers, &containers->items[number - 1], type, length);
	else
		add(containers, address, type, length);
}

/* By how much it became shorter, all in all; 0 where there was no room to note it. */
static uint64_t fallen(const struct containers *containers, const struct container *container)
{
	uint64_t sum = 0;

	for (uint16_t i = container->look0 + 1;
	     container->downs && container->lengths && i < containers->looks; i++)
		if (container->lengths[i] < container->lengths[i - 1])
			sum += container->lengths[i - 1] - container->lengths[i];
	return sum;
}

bool container_was_seen(const struct containers *containers, const struct container *container)
{
	return container->look + 1 == containers->looks;
}

bool container_grew_surely(const struct containers *containers, const struct container *container)
{
	unsigned int steps = containers->looks - 1;

	return container->ups >= (steps < SURE_UPS ? steps : SURE_UPS) &&
	       (!container->downs || steps >= 2 * SURE_UPS);
}

bool container_stands_still(const struct containers *containers, const struct container *container)
{
	return containers->looks >= LOOKS_OF_HALVES && container->lengths &&
	       container->length <= container->lengths[containers->looks / 2];
}

bool container_grew(const struct containers *containers, const struct container *container,
		    bool forgiving)
{
	unsigned int steps = containers->looks - 1;

	if (container->length <= container->length0 || container->look + 2 < containers->looks)
		return false;
	if (forgiving)
		return container->ups > container->downs;
	if (container->turns && !container_grew_surely(containers, container))
		return false;
	return container->ups * 2 >= steps && fallen(containers, container) * FALL_FORGIVEN <=
						      container->length - container->length0;
}

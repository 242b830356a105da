/* SPDX-License-Identifier: BSD-2-Clause */
#include "subjects.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../python/objects/entry_bytes.h"
#include "../python/objects/names.h"
#include "../python/objects/report.h"
#include "../python/objects/value_now.h"
#include "examples.h"
#include "replaced.h"
#include "subject_history.h"
#include "subject_parts.h"

enum {
	KEY_BYTES = 2 * OBJECT_NAME_BYTES,
	MOVES_MANY = 3,
	WATCHES_MOST = 3, /* where those that fill it for good were not seen so far */
	TRIES = 3,
};

#define BROUGHT_LEAST 0.75 /* of the mean; less is the first look's error more likely */

void subjects_init(struct subjects *subjects)
{
	*subjects = (struct subjects){.zone = zone_new()};
	subjects->items = zone_alloc(subjects->zone, SUBJECTS_MAX, sizeof(*subjects->items));
}

void subjects_release(struct subjects *subjects)
{
	zone_free(subjects->zone);
	*subjects = (struct subjects){0};
}

/* --- samples --- */

/* Where there is no room for another, every second one goes, but the first stays. */
void subject_add_sample(struct subject *subject, double at_s, uint64_t length, uint64_t bytes)
{
	struct container_sample *samples = subject->samples;

	if (subject->sample_count == SUBJECT_SAMPLES)
		subject->sample_count = array_thin(samples, SUBJECT_SAMPLES, sizeof(*samples));
	samples[subject->sample_count++] = (struct container_sample){
		.at_s = at_s,
		.length = length,
		.bytes = bytes,
		.hits = subject->container.hits,
		.misses = subject->container.misses,
	};
}

/* What is replaced now and then gets longer where it is; what is replaced all the time lies in
 * turn where others lay, and what these did is not to be told of it. */
static void watch_place(struct subject *subject)
{
	subject->words[0] = (struct word){.address = subject->slot_address, .kind = WORD_SLOT};
	subject->words[1] = (struct word){.address = subject->length_address, .kind = WORD_LENGTH};
	subject->word_count = ++subject->moves < MOVES_MANY ? 2 : 1;
	if (subject->moves != MOVES_MANY)
		return;
	subject->replaced = true;
	subject->fills = (struct fills){0};
	subject->grown = subject->shrunk = 0;
	subject->watched_s = 0;
}

/* Where its holder has got another one of its type instead, that is the one from now on. */
static void follow_slot(struct subject *subject, const struct memory *memory)
{
	uint64_t address = 0, type = 0, length_offset;

	if (!subject->slot_address || memory_read_u64(memory, subject->slot_address, &address) ||
	    address == subject->container.address ||
	    memory_read_u64(memory, address + OBJECT_TYPE, &type) || type != subject->type_address)
		return;
	length_offset = subject->length_address - subject->container.address;
	subject->container.address = address;
	subject->length_address = address + length_offset;
	subject->gone = false;
	watch_place(subject);
}

/* What cannot be read twice is free too; once, its process may have ended. */
static bool is_gone(struct subject *subject, const struct memory *memory)
{
	bool was_unread = subject->unread;
	uint64_t words[2];

	subject->unread = memory_read(memory, subject->container.address, words, sizeof(words));
	if (subject->unread)
		return was_unread;
	return is_free_of_type(words, subject->type_address);
}

/* What lies in its place when it is replaced may be another one's already. */
static bool has_left(const struct subject *subject, const struct memory *memory)
{
	uint64_t address;

	return subject->slot_address && !memory_read_u64(memory, subject->slot_address, &address) &&
	       address != subject->container.address;
}

static void poll_length(struct subject *subject, const struct memory *memory, double now_s)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t length;

		follow_slot(subject, memory);
		bool gone = subject->gone || is_gone(subject, memory);
		bool known = !gone && !memory_read_u64(memory, subject->length_address, &length);
		if (has_left(subject, memory))
			continue;
		subject->gone = gone;
		if (known)
			subject_add_sample(subject, now_s, length, LOOK_UNKNOWN);
		return;
	}
}

void subjects_poll(struct subjects *subjects, const struct memory *memory, double now_s)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = &subjects->items[i];

		if (subject->value.known)
			replaced_poll(subject, memory, now_s);
		examples_poll(subject, memory, now_s);
		if (!subject->length_address)
			continue;
		poll_length(subject, memory, now_s);
	}
}

void subjects_end(struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = &subjects->items[i];
		size_t count = subject->sample_count;

		if (count > 1 &&
		    subject->samples[count - 1].length < subject->samples[count - 2].length)
			subject->sample_count--;
	}
}

/* --- taking up --- */

/* What it is called among the subjects; false where it has no name. Several may have the same one:
 * then those of one type are alike. */
static bool make_key(const struct objects *objects, uint32_t node, const char *known,
		     char key[KEY_BYTES])
{
	char name[OBJECT_NAME_BYTES];
	const char *type;

	if (!objects->has_graph || !node ||
	    (!known && !name_of_node(&objects->graph, node, NAME_GENERIC, name)))
		return false;
	type = objects->types.items[graph_type(&objects->graph, node)].name;
	snprintf(key, KEY_BYTES, "%s %s", type ? type : "", known ? known : name);
	return true;
}

struct subject *subjects_find(struct subjects *subjects, const char *key, uint64_t address)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = &subjects->items[i];

		if (address && subject->container.address == address)
			return subject;
		if (key && subject->key && !strcmp(subject->key, key))
			return subject;
	}
	return NULL;
}

/* How much it grew so far, in bytes. */
static double growth_of(const struct subject *subject)
{
	if (!subject->sample_count || replaced_is_doubtful(subject))
		return 0;
	return ((double)subject->samples[subject->sample_count - 1].length -
		(double)subject->samples[0].length) *
	       subject->bytes_per_entry;
}

/* The one that grew least makes place for one that grew more. */
static struct subject *add_subject(struct subjects *subjects, double growth)
{
	struct subject *subject = &subjects->items[0];

	if (subjects->count < SUBJECTS_MAX) {
		subject = &subjects->items[subjects->count++];
	} else {
		for (size_t i = 1; i < subjects->count; i++)
			if (growth_of(&subjects->items[i]) < growth_of(subject))
				subject = &subjects->items[i];
		if (growth_of(subject) >= growth)
			return NULL;
	}
	*subject = (struct subject){0};
	return subject;
}

struct subject *subjects_get(struct subjects *subjects, const char *key, double growth)
{
	struct subject *subject = subjects_find(subjects, key, 0);

	if (!subject && (subject = add_subject(subjects, growth)))
		subject->key = zone_strdup(subjects->zone, key);
	return subject;
}

static uint64_t below_of(const struct objects *objects, const struct grown *grown)
{
	if (grown->alike <= 1 && !grown->tree && grown->node && objects->below)
		return objects->below[grown->node];
	if (grown->entries > 0 && grown->bytes > 0)
		return (uint64_t)((double)grown->length * (double)grown->bytes /
				  (double)grown->entries);
	return 0;
}

/*
 * What entries bring, from one look to the last; what else hangs on a container, once and however
 * long it is, is not theirs. Not more than the mean, as the first look may have missed some, nor
 * far less, as it may have taken in what others hold. `mean`: of all, or of the newest.
 */
static double bytes_of_entry(struct subject *subject, uint64_t length, uint64_t bytes, double mean)
{
	if (!subject->first_length) {
		subject->first_length = length;
		subject->first_bytes = bytes;
	}
	if (length < 2 * subject->first_length)
		return mean;
	double brought = ((double)bytes - (double)subject->first_bytes) /
			 (double)(length - subject->first_length);
	return fmax(fmin(brought, mean), mean * BROUGHT_LEAST);
}

static double entry_bytes(const struct objects *objects, const struct grown *grown, uint64_t bytes)
{
	uint64_t entries = grown->entries > 0 ? (uint64_t)grown->entries : 0;

	return objects_entry_bytes(objects, grown->node, bytes, grown->length, entries);
}

static void describe(struct subjects *subjects, struct subject *subject,
		     const struct objects *objects, const struct grown *grown)
{
	struct look place = {.zone = subjects->zone};
	uint64_t bytes = below_of(objects, grown);

	if (objects->has_graph && grown->node)
		objects_describe(objects, grown->node, bytes, subject->alike ? NAME_GENERIC : 0,
				 &place, &subject->container);
	if (grown->name)
		subject->container.name = zone_strdup(subjects->zone, grown->name);
	subject->weak = objects_hold_weakly(objects, grown->node);
	subject->container.length = grown->length;
	subject->container.bytes = bytes;
	if (subject->alike) {
		subject->container.address = 0;
		subject->container.bound = grown->bound;
	}
	if (grown->type)
		subject->of = zone_strdup(subjects->zone, objects->types.items[grown->type].name);
	else if (subject->container.of_count)
		subject->of = subject->container.of[0].name;
	if (!subject->alike && bytes)
		subject->bytes_per_entry = bytes_of_entry(subject, grown->length, bytes,
							  entry_bytes(objects, grown, bytes));
	else if (grown->entries > 0)
		subject->bytes_per_entry = (double)grown->bytes / (double)grown->entries;
}

/* The word that points to it. A cache's length is not in the cache itself. */
static uint64_t find_slot(const struct objects *objects, uint64_t address)
{
	uint32_t node = objects->has_graph ? graph_find(&objects->graph, address, false) : 0;

	if (!node || objects->types.items[graph_type(&objects->graph, node)].kind == KIND_CACHE)
		return 0;
	return graph_slot(&objects->graph, node);
}

static void follow(struct subject *subject, struct objects *objects, uint64_t address,
		   uint32_t type)
{
	subject->sample_count = 0;
	subject->gone = false;
	subject->container.address = address;
	subject->type_address = objects->types.items[type].address;
	subject->length_address = object_length_word(&objects->reader, address, type);
	subject->slot_address = find_slot(objects, address);
}

/* One container, of which each look finds another one under the same name: it is replaced. */
static bool is_replaced(const struct objects *objects, const struct grown *grown)
{
	enum object_kind kind;

	if (grown->container || grown->tree || grown->alike > 1 || !objects->has_graph ||
	    !grown->node)
		return false;
	kind = objects->types.items[graph_type(&objects->graph, grown->node)].kind;
	return object_kind_is_container(kind) && kind != KIND_CACHE;
}

/* Else the word that refers to it is in what is free soon, and then in another one. */
static bool has_holder_that_stays(const struct objects *objects, uint32_t node)
{
	const struct patterns *patterns = &objects->patterns;
	uint32_t holder = patterns->items[patterns_of(patterns, node)].parent;

	return !holder || pattern_is_steady(&patterns->items[holder]);
}

/* As it is now: each one that takes its place has a table or items of its own, beside what is in
 * it. False where it cannot be read, as it is replaced too often. */
static bool weigh_replaced(struct subject *subject, struct objects *objects,
			   const struct grown *grown)
{
	uint32_t type = graph_type(&objects->graph, grown->node);
	double entries_bytes =
		grown->entries > 0 ? (double)grown->bytes / (double)grown->entries : 0;
	struct value_now now;

	if (!value_read(&objects->reader, subject->slot_address, type, &now) || !now.length)
		return false;
	subject->container.length = now.length;
	subject->container.bytes = now.bytes + (uint64_t)(entries_bytes * (double)now.length);
	subject->bytes_per_entry = entries_bytes + now.entry_bytes;
	return true;
}

/* Starts to poll the length of a container that is replaced. False where nothing tells when. */
static bool follow_replaced(struct subject *subject, struct objects *objects,
			    const struct grown *grown)
{
	uint64_t address = graph_address(&objects->graph, grown->node);

	if (!has_holder_that_stays(objects, grown->node))
		return false;
	follow(subject, objects, address, graph_type(&objects->graph, grown->node));
	if (!subject->slot_address || !subject->length_address ||
	    !weigh_replaced(subject, objects, grown)) {
		subject->length_address = subject->container.address = 0;
		return false;
	}
	subject->alike = false;
	subject->replaced = true;
	subject_add_sample(subject, objects->last_time, subject->container.length, LOOK_UNKNOWN);
	return true;
}

static void begin_alike(struct subject *subject, const struct objects *objects,
			const struct grown *grown)
{
	uint32_t type = grown->node ? graph_type(&objects->graph, grown->node) : TYPE_NONE;

	subject->length_address = subject->container.address = 0;
	subject->gone = false;
	/* the pattern is that of containers that get longer, or of what is in them, or there are
	 * more of it, containers or not */
	subject->tree = grown->tree;
	subject->of_lengths = grown->alike > 1 && !grown->tree && !grown->counted &&
			      patterns_of(&objects->patterns, grown->node) == grown->pattern &&
			      object_kind_is_container(objects->types.items[type].kind);
	history_of_many(subject, objects);
}

static void weigh_again(struct subject *subject, struct objects *objects, const struct grown *grown)
{
	uint64_t bytes = below_of(objects, grown), length;

	if (is_replaced(objects, grown)) {
		if (subject->slot_address)
			weigh_replaced(subject, objects, grown);
	} else if (subject->sample_count && bytes) {
		length = subject->samples[subject->sample_count - 1].length;
		subject->container.length = length;
		subject->container.bytes = bytes;
	}
}

static void take_up(struct subjects *subjects, struct objects *objects, const struct grown *grown)
{
	const struct container *container =
		grown->container ? &objects->containers.items[grown->container - 1] : NULL;
	uint64_t address = container ? container->address : 0;
	char name[KEY_BYTES];
	const char *key = make_key(objects, grown->node, grown->name, name)
				  ? zone_strdup(subjects->zone, name)
				  : NULL;

	if (grown->value) {
		replaced_take_up(subjects, objects, grown, key);
		return;
	}
	struct subject *subject = subjects_find(subjects, key, address);
	bool is_new = !subject;

	if (is_new && !(subject = add_subject(subjects, (double)grown->bytes)))
		return;
	if (!is_new && subject->length_address && !subject->gone && !container) {
		weigh_again(subject, objects, grown);
		return; /* it is followed word by word already */
	}
	/* what holds it was replaced too: looks alone can tell how long it is */
	bool lost = !is_new && subject->length_address && !container;
	if (!is_new && subject->length_address && container &&
	    subject->container.address != address)
		return; /* another one of that name */
	subject->key = key ? key : subject->key;
	subject->pattern = grown->pattern;
	subject->alike = !container;
	subject->stays = container && container_stays(container);
	describe(subjects, subject, objects, grown);
	subject->alike_count = grown->alike;
	if (is_new || !subject->watches || examples_are_over(subject)) {
		subject->word_count = grown_words(objects, grown, subject->words, SUBJECT_WORDS);
		examples_begin(subject);
	}
	if (container && (is_new || !subject->length_address)) {
		follow(subject, objects, address, container->type);
		if (grown->name) /* the way to it was torn */
			subject->slot_address = 0;
		history_of_container(subject, objects, container);
	}
	if (container && container_was_seen(&objects->containers, container))
		subject_add_sample(subject, objects->last_time, container->length,
				   subject->container.bytes);
	else if (container)
		return; /* as long as at the look before, of which words have told more since */
	else if (!lost && is_replaced(objects, grown) && follow_replaced(subject, objects, grown))
		return;
	else
		begin_alike(subject, objects, grown);
}

/* What is counted at looks alone is counted at those too at which it does not grow any more. */
static void follow_alike(struct subjects *subjects, const struct objects *objects)
{
	for (size_t i = 0; i < subjects->count && objects->has_graph; i++) {
		struct subject *subject = &subjects->items[i];

		if (subject->alike && subject->pattern && subject->looked_s < objects->last_time)
			history_of_many(subject, objects);
	}
}

/* Tables of attributes move when they grow. What lies where the container was may be another
 * one, if that was replaced. */
static void renew_slots(struct subjects *subjects, const struct objects *objects)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = &subjects->items[i];
		uint64_t address = subject->container.address;
		char key[KEY_BYTES];

		if (subject->length_address && !subject->gone && objects->has_graph &&
		    make_key(objects, graph_find(&objects->graph, address, false), NULL, key) &&
		    subject->key && !strcmp(key, subject->key))
			subject->slot_address = find_slot(objects, address);
	}
}

/* What nothing leads to is garbage, or will be told as lost. */
static bool is_held(const struct objects *objects, const struct grown *grown)
{
	return grown->pattern || (grown->node && graph_reached(&objects->graph, grown->node));
}

void subjects_update(struct subjects *subjects, struct patient *patient)
{
	struct objects *objects = &patient->objects;
	size_t count;

	renew_slots(subjects, objects);
	subject_parts_mark(subjects, &objects->patterns);
	struct grown *grown = objects_grown(objects, &count);

	for (size_t i = 0; i < count; i++)
		if (!objects->has_graph || is_held(objects, &grown[i]))
			take_up(subjects, objects, &grown[i]);
	free(grown);
	follow_alike(subjects, objects);
	replaced_end_look(subjects, objects);
	subject_parts_find(subjects, objects);
}

/* --- what a watch found --- */

/* A class's own references come and go with its instances: they say who makes instances only where
 * nothing better was seen, and only where most of what was made stays. */
static bool tells_nothing_new(const struct subject *subject, enum word_kind kind,
			      const struct watch_result *result)
{
	return kind == WORD_REFCOUNT &&
	       (subject->fills.grow_count || result->net * 2 < (int64_t)result->grew / 2);
}

/* Its length is not that of what was put in its place meanwhile. */
static bool is_of_another(const struct subject *subject, const struct word *word)
{
	return word->kind == WORD_LENGTH && subject->length_address && !subject->alike &&
	       (word->address != subject->length_address || subject->moves >= MOVES_MANY);
}

bool subject_take_result(struct subjects *subjects, struct subject *subject,
			 const struct word *word, const struct watch_result *result)
{
	enum word_kind kind = word->kind;

	subject->cost_s += result->cost_s;
	if (subject->gone || is_of_another(subject, word) || examples_are_over(subject) ||
	    tells_nothing_new(subject, kind, result))
		return false;
	subject->grown += fills_entries(kind, result);
	subject->shrunk += kind == WORD_LENGTH ? result->shrank : 0;
	fills_take(&subject->fills, subjects->zone, kind, result);
	return true;
}

/* Entries that came while it was watched, and are still there. What is under way at an end of a
 * watch says little where that is counted all the time. */
static double stayed_of(const struct subject *subject)
{
	const struct container_sample *samples = subject->samples;
	size_t last = subject->sample_count - 1;

	if (subject->alike || subject->sample_count < 2 || samples[last].at_s <= samples[0].at_s)
		return (double)subject->grown - (double)subject->shrunk;
	return ((double)samples[last].length - (double)samples[0].length) /
	       (samples[last].at_s - samples[0].at_s) * subject->watched_s;
}

void subject_order_fills(struct subject *subject)
{
	fills_put_first(&subject->fills, stayed_of(subject));
}

bool subject_is_told(const struct subject *subject)
{
	return fills_tell(&subject->fills, stayed_of(subject)) ||
	       (subject->fills.grow_count && subject->watches >= WATCHES_MOST);
}

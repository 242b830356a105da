/* SPDX-License-Identifier: BSD-2-Clause */
#include "growth.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/saturate.h"

static const enum look_part_id live_parts[] = {PART_PYTHON_LIVE, PART_MALLOC_LIVE, PART_ANONYMOUS};

#define LIVE_COUNT (sizeof(live_parts) / sizeof(live_parts[0]))

int64_t look_growth_live(const struct look_growth *growth)
{
	int64_t sum = 0;

	for (size_t i = 0; i < LIVE_COUNT; i++)
		if (__builtin_add_overflow(sum, growth->parts[live_parts[i]], &sum))
			return sum < 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

uint64_t look_live_bytes(const struct look *look)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LIVE_COUNT; i++)
		sum = saturating_add(sum, look->parts[live_parts[i]].bytes);
	return sum;
}

static int64_t difference(uint64_t before, uint64_t after)
{
	if (after >= before)
		return after - before > INT64_MAX ? INT64_MAX : (int64_t)(after - before);
	return before - after > INT64_MAX ? INT64_MIN : -(int64_t)(before - after);
}

/* By name, then language: one kind of C++ and one of Python may share a name. */
static int compare_types(const void *left, const void *right)
{
	const struct look_type *a = *(const struct look_type *const *)left;
	const struct look_type *b = *(const struct look_type *const *)right;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->language, b->language);
}

/* Pointers to the elements of an array, sorted; NULL for none. */
static void *sorted_pointers(const void *elements, size_t count, size_t size,
			     int (*compare)(const void *, const void *), struct zone *zone)
{
	const void **pointers = zone_alloc(zone, count, sizeof(*pointers));

	for (size_t i = 0; i < count; i++)
		pointers[i] = (const char *)elements + i * size;
	qsort(pointers, count, sizeof(*pointers), compare);
	return pointers;
}

static int compare_counts(const void *left, const void *right)
{
	const struct look_count *a = left, *b = right;
	int64_t bytes_a = (int64_t)a->bytes, bytes_b = (int64_t)b->bytes;

	if (bytes_a != bytes_b)
		return bytes_a < bytes_b ? 1 : -1;
	return strcmp(a->name, b->name);
}

static void add_type(struct look_growth *growth, struct look_count *types, struct zone *zone,
		     const struct look_type *before, const struct look_type *after)
{
	int64_t count = difference(before ? before->count : 0, after ? after->count : 0);
	int64_t bytes = difference(before ? before->bytes : 0, after ? after->bytes : 0);

	if (!count && !bytes)
		return;
	types[growth->type_count++] = (struct look_count){
		.name = after ? after->name : zone_strdup(zone, before->name),
		.count = (uint64_t)count,
		.bytes = (uint64_t)bytes,
	};
}

/* The types of a look that are of one language, sorted. */
struct type_list {
	const struct look_type **items;
	size_t count;
};

static struct type_list list_types(const struct look *look, const char *language, struct zone *zone)
{
	struct type_list list = {zone_alloc(zone, look->type_count, sizeof(*list.items)), 0};

	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].language, language))
			list.items[list.count++] = &look->types[i];
	qsort(list.items, list.count, sizeof(*list.items), compare_types);
	return list;
}

/* A look that counted none of a language, as those of `why` none of C++,
 * says nothing of its growth. */
static bool has_types(const struct look *look, const char *language)
{
	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].language, language))
			return true;
	return false;
}

/* Both lists sorted, walked as one; adds to what the growth has. */
static void diff_types(struct look_growth *growth, const struct look *before,
		       const struct look *after, const char *language, struct zone *zone)
{
	struct zone *scratch = zone_new();
	struct type_list old = list_types(before, language, scratch);
	struct type_list new = list_types(after, language, scratch);
	struct look_count *types =
		zone_alloc(zone, growth->type_count + old.count + new.count, sizeof(*types));

	if (growth->type_count)
		memcpy(types, growth->types, growth->type_count * sizeof(*types));
	for (size_t i = 0, j = 0; i < old.count || j < new.count;) {
		int order = i == old.count   ? 1
			    : j == new.count ? -1
					     : compare_types(&old.items[i], &new.items[j]);

		add_type(growth, types, zone, order <= 0 ? old.items[i] : NULL,
			 order >= 0 ? new.items[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	qsort(types, growth->type_count, sizeof(*types), compare_counts);
	growth->types = types;
	zone_free(scratch);
}

void look_diff_classes(const struct look *before, const struct look *after, struct zone *zone,
		       struct look_growth *growth)
{
	diff_types(growth, before, after, "c++", zone);
}

static int compare_addresses(const void *left, const void *right)
{
	const struct look_container *a = *(const struct look_container *const *)left;
	const struct look_container *b = *(const struct look_container *const *)right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(a->type, b->type);
}

static int compare_names(const void *left, const void *right)
{
	const struct look_container *a = *(const struct look_container *const *)left;
	const struct look_container *b = *(const struct look_container *const *)right;
	int order = strcmp(a->name ? a->name : "", b->name ? b->name : "");

	return order ? order : strcmp(a->type, b->type);
}

/*
 * The containers of a look in an order in which they are found. Of those that compare equal, the
 * first `passed` (kept at the first of them) are known to be taken, so that many alike cost no
 * more.
 */
struct index {
	const struct look_container **pointers;
	size_t *passed;
	size_t count;
	int (*compare)(const void *, const void *);
};

static struct index index_make(const struct look *look, struct zone *zone,
			       int (*compare)(const void *, const void *))
{
	return (struct index){
		.pointers = sorted_pointers(look->containers, look->container_count,
					    sizeof(*look->containers), compare, zone),
		.passed = zone_alloc(zone, look->container_count, sizeof(size_t)),
		.count = look->container_count,
		.compare = compare,
	};
}

/* The first of equals that `taken` (by place in the look) leaves; NULL where there is none. */
static const struct look_container *index_take(const struct index *index, const struct look *look,
					       bool *taken, const struct look_container *wanted)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->compare(&index->pointers[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t first = low; low < index->count; index->passed[first]++) {
		size_t next = first + index->passed[first];

		if (next >= index->count || index->compare(&index->pointers[next], &wanted))
			break;
		bool *is_taken = &taken[index->pointers[next] - look->containers];

		if (!*is_taken) {
			*is_taken = true;
			return index->pointers[next];
		}
	}
	return NULL;
}

static uint64_t entries_of(const struct look_container *container, const char *type)
{
	for (size_t i = 0; container && i < container->of_count; i++)
		if (!strcmp(container->of[i].name, type))
			return container->of[i].count;
	return 0;
}

/* The type of which most entries came; of one that only shrank, that of most of its entries. */
static const char *type_of_new(const struct look_container *before,
			       const struct look_container *after)
{
	const char *best = after->of_count ? after->of[0].name : NULL;
	int64_t most = 0;

	for (size_t i = 0; i < after->of_count; i++) {
		int64_t grown =
			difference(entries_of(before, after->of[i].name), after->of[i].count);

		if (grown > most) {
			most = grown;
			best = after->of[i].name;
		}
	}
	return best;
}

static void add_container(struct look_growth *growth, struct look_grown *grown,
			  const struct look_container *before, const struct look_container *after)
{
	int64_t entries = difference(before ? before->length : 0, after->length);
	int64_t bytes = difference(before ? before->bytes : 0, after->bytes);

	if (!entries && !bytes)
		return;
	grown[growth->container_count++] = (struct look_grown){
		.name = after->name,
		.type = after->type,
		.of = type_of_new(before, after),
		.address = after->address,
		.containers = 1,
		.length = after->length,
		.grown = entries,
		.bytes = bytes,
	};
}

static int compare_grown(const void *left, const void *right)
{
	const struct look_grown *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return (a->grown < b->grown) - (a->grown > b->grown);
}

static uint64_t smallest_listed(const struct look *look)
{
	uint64_t smallest = UINT64_MAX;

	for (size_t i = 0; i < look->container_count; i++)
		if (look->containers[i].bytes < smallest)
			smallest = look->containers[i].bytes;
	return look->container_count ? smallest : 0;
}

static bool is_same_process(const struct look *before, const struct look *after)
{
	return before->pid == after->pid && before->start_time == after->start_time;
}

/* First all by address, so that a name does not take what belongs to another. */
static void diff_containers(struct look_growth *growth, const struct look *before,
			    struct look *after, struct zone *scratch)
{
	struct index by_address = index_make(before, scratch, compare_addresses);
	struct index by_name = index_make(before, scratch, compare_names);
	bool *taken = zone_alloc(scratch, before->container_count, sizeof(*taken));
	const struct look_container **old =
		zone_alloc(scratch, after->container_count, sizeof(*old));
	struct look_grown *grown = zone_alloc(after->zone, after->container_count, sizeof(*grown));
	uint64_t smallest = smallest_listed(before);

	for (size_t i = 0; i < after->container_count; i++)
		if (after->containers[i].address && is_same_process(before, after))
			old[i] = index_take(&by_address, before, taken, &after->containers[i]);
	for (size_t i = 0; i < after->container_count; i++) {
		const struct look_container *container = &after->containers[i];

		if (!old[i] && container->name)
			old[i] = index_take(&by_name, before, taken, container);
		if (old[i] || container->bytes > smallest)
			add_container(growth, grown, old[i], container);
	}
	qsort(grown, growth->container_count, sizeof(*grown), compare_grown);
	growth->containers = grown;
}

static bool is_collected_between(const struct look_gc *before, const struct look_gc *after)
{
	size_t oldest = after->generation_count - 1;

	return before->known && after->known && after->generation_count &&
	       before->generation_count == after->generation_count &&
	       after->generations[oldest].collections > before->generations[oldest].collections;
}

static int compare_chunk_growth(const void *left, const void *right)
{
	const struct look_chunks *a = left, *b = right;

	if (a->bytes != b->bytes)
		return (int64_t)a->bytes < (int64_t)b->bytes ? 1 : -1;
	return a->least < b->least ? -1 : a->least > b->least;
}

/* Both lists go up by size. Without one of them nothing is known. */
static void diff_chunks(const struct look *before, const struct look *after, struct zone *zone,
			struct look_growth *growth)
{
	size_t room = before->chunk_class_count + after->chunk_class_count, i = 0, j = 0, count = 0;
	struct look_chunks *changes = zone_alloc(zone, room, sizeof(*changes));

	if (!before->chunk_class_count || !after->chunk_class_count)
		return;
	while (i < before->chunk_class_count || j < after->chunk_class_count) {
		const struct look_chunks none = {0}, *was = &none, *is = &none;
		uint64_t old = i < before->chunk_class_count ? before->chunks[i].least : UINT64_MAX;
		uint64_t new = j < after->chunk_class_count ? after->chunks[j].least : UINT64_MAX;

		if (old <= new)
			was = &before->chunks[i++];
		if (new <= old)
			is = &after->chunks[j++];
		if (was->count != is->count || was->bytes != is->bytes)
			changes[count++] = (struct look_chunks){
				old < new ? old : new, (uint64_t)difference(was->count, is->count),
				(uint64_t)difference(was->bytes, is->bytes)};
	}
	qsort(changes, count, sizeof(*changes), compare_chunk_growth);
	growth->chunks = changes;
	growth->chunk_count = count;
}

/* What is mapped of stacks, files and shared memory takes nothing before it is touched. */
static uint64_t amount_of(const struct look *look, size_t part)
{
	switch (part) {
	case PART_STACKS:
	case PART_FILES:
	case PART_SHARED:
	case PART_OTHER:
		return look->parts[part].resident_bytes;
	default:
		return look->parts[part].bytes;
	}
}

void look_diff_memory(const struct look *before, const struct look *after, struct zone *zone,
		      struct look_growth *growth)
{
	growth->resident_bytes = difference(before->resident_bytes, after->resident_bytes);
	for (size_t i = 0; i < PART_COUNT && before->parts_known && after->parts_known; i++)
		growth->parts[i] = difference(amount_of(before, i), amount_of(after, i));
	diff_chunks(before, after, zone, growth);
}

struct look_growth *look_diff(const struct look *before, struct look *after)
{
	static const char *const languages[] = {"python", "c++"};
	struct look_growth *growth = zone_alloc(after->zone, 1, sizeof(*growth));
	struct zone *scratch = zone_new();
	int64_t elapsed_ns;

	if (__builtin_sub_overflow(after->taken_at_ns, before->taken_at_ns, &elapsed_ns))
		elapsed_ns = 0;
	growth->looks = 2;
	growth->seconds = elapsed_ns > 0 ? (double)elapsed_ns / 1e9 : 0;
	look_diff_memory(before, after, after->zone, growth);
	growth->collected =
		is_same_process(before, after) && is_collected_between(&before->gc, &after->gc);
	for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++)
		if (has_types(before, languages[i]))
			diff_types(growth, before, after, languages[i], after->zone);
	diff_containers(growth, before, after, scratch);
	zone_free(scratch);
	return growth;
}

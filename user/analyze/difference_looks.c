/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two looks. Containers are matched by address and type where it is one process, what is left by
 * name and type; types by name and language. Looks list their largest containers: of one that one
 * side lacks, and that is no larger than the smallest one listed there, nothing can be told.
 */
#include "difference_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../look/growth.h"

static bool are_of_one_process(const struct look *before, const struct look *after)
{
	return before->pid == after->pid && before->start_time == after->start_time &&
	       before->start_time;
}

static struct difference_side side_of(uint64_t bytes, uint64_t count)
{
	return (struct difference_side){.there = true, .bytes = bytes, .count = count};
}

/* To be freed; aborts on out of memory. Both may hold anything but a zero. */
static char *key_of(char kind, const char *name, const char *type, uint64_t address, size_t *size)
{
	char *key = NULL;
	FILE *file = open_memstream(&key, size);

	if (!file)
		abort();
	fprintf(file, "%c%s", kind, name ? name : "");
	putc('\0', file);
	fputs(type, file);
	fwrite(&address, sizeof(address), 1, file);
	if (fclose(file))
		abort();
	return key;
}

static void add_side(struct difference_entry *entry, bool is_after, struct difference_side side)
{
	side_add(is_after ? &entry->after : &entry->before, &side);
}

static void add_types(struct difference_builder *builder, const struct look *look, bool is_after)
{
	struct difference *difference = builder->difference;

	for (size_t i = 0; i < look->type_count; i++) {
		const struct look_type *type = &look->types[i];
		size_t size;
		char *key = key_of('t', type->name, type->language, 0, &size);
		struct difference_entry *entry = builder_entry(builder, ENTRY_TYPE, key, size);

		free(key);
		if (!entry->name) {
			entry->name = difference_string(difference, type->name);
			entry->type = difference_string(difference, type->language);
		}
		add_side(entry, is_after, side_of(type->bytes, type->count));
	}
}

static void add_containers(struct difference_builder *builder, const struct look *look,
			   bool by_address, bool is_after)
{
	struct difference *difference = builder->difference;

	for (size_t i = 0; i < look->container_count; i++) {
		const struct look_container *container = &look->containers[i];
		bool at_address = by_address && container->address;
		size_t size;
		char *key = key_of('c', at_address ? NULL : container->name, container->type,
				   at_address ? container->address : 0, &size);
		struct difference_entry *entry = builder_entry(builder, ENTRY_CONTAINER, key, size);

		free(key);
		if (!entry->type)
			entry->type = difference_string(difference, container->type);
		if (!entry->name)
			entry->name = difference_string(difference, container->name);
		add_side(entry, is_after, side_of(container->bytes, container->length));
	}
}

static void add_parts(struct difference_builder *builder, const struct look *look, bool is_after)
{
	for (size_t i = 0; look->parts_known && i < PART_COUNT; i++) {
		const struct look_part *part = &look->parts[i];
		const char *name = look_part_name(i);
		struct difference_entry *entry;

		if (!part->bytes && !part->resident_bytes)
			continue;
		entry = builder_entry(builder, ENTRY_PART, name, strlen(name));
		entry->name = name;
		add_side(entry, is_after, side_of(part->bytes, 0));
	}
}

static uint64_t smallest(const struct look *look)
{
	uint64_t bytes = UINT64_MAX;

	for (size_t i = 0; i < look->container_count; i++)
		if (look->containers[i].bytes < bytes)
			bytes = look->containers[i].bytes;
	return look->container_count ? bytes : 0;
}

static void mark_unlisted(struct difference *difference, const struct look *before,
			  const struct look *after)
{
	uint64_t least_before = smallest(before), least_after = smallest(after);

	for (size_t i = 0; i < difference->entry_count; i++) {
		struct difference_entry *entry = &difference->entries[i];

		if (entry->kind != ENTRY_CONTAINER)
			continue;
		if ((!entry->before.there && entry->after.bytes <= least_before) ||
		    (!entry->after.there && entry->before.bytes <= least_after))
			entry->outcome = OUTCOME_UNSURE;
	}
}

static struct difference_origin origin_of(struct difference *difference, const struct look *look)
{
	return (struct difference_origin){
		.comm = difference_string(difference, look->comm),
		.pid = (uint32_t)look->pid,
		.processes = 1,
		.at_ns = look->taken_at_ns,
	};
}

struct difference *difference_of_looks(const struct look *before, const struct look *after)
{
	bool same = are_of_one_process(before, after);
	struct difference_builder builder;
	struct difference *difference;

	builder_init(&builder, DIFFERENCE_LOOKS);
	difference = builder.difference;
	difference->before = origin_of(difference, before);
	difference->after = origin_of(difference, after);
	if (same && after->taken_at_ns > before->taken_at_ns)
		difference->seconds =
			((double)after->taken_at_ns - (double)before->taken_at_ns) / NS_PER_S;
	difference->total.before = side_of(look_live_bytes(before), 0);
	difference->total.after = side_of(look_live_bytes(after), 0);
	for (int is_after = 1; is_after >= 0; is_after--) {
		const struct look *look = is_after ? after : before;

		add_containers(&builder, look, same, is_after);
		add_types(&builder, look, is_after);
		add_parts(&builder, look, is_after);
	}
	mark_unlisted(difference, before, after);
	return builder_finish(&builder);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "extents.h"
#include "tables.h"

#define CHUNK_MASK (UNWIND_CHUNK_WORDS - 1)

/* Word 0 stands for every page without rules. */
#define WORDS_RESERVED 1

struct table {
	struct unwind_key key;
	struct elf_segment segments[CODE_SEGMENTS_MAX];
	uint32_t segment_count;
	uint32_t users; /* lists and holders */
	bool used;      /* else the slot is free */
	bool published; /* under `id` */
	struct unwind_file_id id;
	uint64_t base;
	uint32_t page_count;
	uint32_t first; /* word */
	uint32_t size;  /* words; 0 without a table */
};

/* A space's list, and the files that it holds (one number a mapping). */
struct list {
	uint32_t first;
	uint32_t count;
	int *files;
};

/* An extent that readers may still use. */
struct retired {
	struct extents *extents;
	struct extent extent;
};

struct unwind_tables {
	struct unwind_memory memory;
	struct extents words;
	struct extents mappings;
	struct table *tables;
	size_t table_count;
	struct list *lists; /* UNWIND_SPACES of them */
	struct retired *retired;
	size_t retired_count;
	size_t retired_room;
	uint32_t rule_count;
	uint32_t *rule_slots; /* rule + 1; 0: empty */
	uint32_t rule_mask;
	uint16_t generation; /* of the list published last */
};

const struct unwind_key unwind_key_vdso = {.device = UINT64_MAX};

struct unwind_key unwind_key_of(const struct stat *stat)
{
	return (struct unwind_key){
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.size = stat->st_size,
		.changed_ns = stat->st_ctim.tv_sec * 1000000000ll + stat->st_ctim.tv_nsec,
	};
}

void unwind_wait_for_programs(void *context)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};

	(void)context;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

struct unwind_tables *unwind_tables_new(const struct unwind_memory *memory)
{
	struct unwind_tables *tables = calloc(1, sizeof(*tables));
	uint32_t words = memory->chunk_count << UNWIND_CHUNK_SHIFT;

	if (!tables)
		return NULL;
	tables->memory = *memory;
	tables->rule_mask = 2 * UNWIND_RULES_MAX - 1;
	tables->rule_slots = calloc(tables->rule_mask + 1, sizeof(*tables->rule_slots));
	tables->lists = calloc(UNWIND_SPACES, sizeof(*tables->lists));
	tables->rule_count = 1;
	if (!tables->rule_slots || !tables->lists ||
	    extents_init(&tables->words, words, WORDS_RESERVED) ||
	    extents_init(&tables->mappings, memory->mapping_count, 0)) {
		unwind_tables_free(tables);
		errno = ENOMEM;
		return NULL;
	}
	return tables;
}

void unwind_tables_free(struct unwind_tables *tables)
{
	if (!tables)
		return;
	for (size_t i = 0; tables->lists && i < UNWIND_SPACES; i++)
		free(tables->lists[i].files);
	free(tables->lists);
	free(tables->rule_slots);
	free(tables->tables);
	free(tables->retired);
	extents_release(&tables->words);
	extents_release(&tables->mappings);
	free(tables);
}

static void retired_reclaim(struct unwind_tables *tables)
{
	if (!tables->retired_count)
		return;
	tables->memory.wait_for_readers(tables->memory.context);
	while (tables->retired_count) {
		struct retired *retired = &tables->retired[--tables->retired_count];

		extents_give(retired->extents, retired->extent.start, retired->extent.size);
	}
}

/* So many are noted until they are waited for, all at once. */
#define RETIRED_MAX 1024

static int retired_reserve(struct unwind_tables *tables)
{
	size_t room = tables->retired_room * 2 + 16;
	struct retired *retired;

	if (tables->retired_count == RETIRED_MAX)
		retired_reclaim(tables);
	if (tables->retired_count < tables->retired_room)
		return 0;
	retired = reallocarray(tables->retired, room, sizeof(*retired));
	if (!retired)
		return -ENOMEM;
	tables->retired = retired;
	tables->retired_room = room;
	return 0;
}

/* Without memory for the note the wait is done at once. */
static void extent_retire(struct unwind_tables *tables, struct extents *extents, uint32_t start,
			  uint32_t size)
{
	if (!size)
		return;
	if (retired_reserve(tables)) {
		tables->memory.wait_for_readers(tables->memory.context);
		extents_give(extents, start, size);
		return;
	}
	tables->retired[tables->retired_count++] =
		(struct retired){extents, (struct extent){start, size}};
}

/* NULL: no longer. */
static void publish(const struct unwind_tables *tables, const struct unwind_file_id *id,
		    const struct unwind_file_table *shown)
{
	if (tables->memory.publish)
		tables->memory.publish(tables->memory.context, id, shown);
}

static void table_drop(struct unwind_tables *tables, struct table *table)
{
	if (table->published)
		publish(tables, &table->id, NULL);
	extent_retire(tables, &tables->words, table->first, table->size);
	*table = (struct table){};
}

static void tables_evict(struct unwind_tables *tables)
{
	for (size_t i = 0; i < tables->table_count; i++)
		if (tables->tables[i].used && !tables->tables[i].users)
			table_drop(tables, &tables->tables[i]);
}

/* Takes room, after making some where there is none. */
static int64_t extent_take(struct unwind_tables *tables, struct extents *extents, uint32_t size,
			   uint32_t block)
{
	int64_t start = extents_take(extents, size, block);

	if (start != -ENOSPC)
		return start;
	retired_reclaim(tables);
	start = extents_take(extents, size, block);
	if (start != -ENOSPC || extents != &tables->words)
		return start;
	tables_evict(tables);
	retired_reclaim(tables);
	return extents_take(extents, size, block);
}

static uint32_t rule_hash(const struct unwind_rule *rule)
{
	uint64_t words[2];

	memcpy(words, rule, sizeof(words));
	words[0] = (words[0] ^ words[1] * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(words[0] >> 32);
}

/* The rule's number in the map; where that is full, the one that says so. */
static uint32_t rule_intern(struct unwind_tables *tables, const struct unwind_rule *rule)
{
	static const struct unwind_rule none,
		full = {.cfa = UNWIND_UNSUPPORTED, .addend = UNWIND_RULES_FULL};
	struct unwind_rule *rules = tables->memory.rules;
	uint32_t slot;

	if (!memcmp(rule, &none, sizeof(none)))
		return 0;
	if (tables->rule_count >= tables->memory.rule_count - 1)
		rule = &full;
	for (slot = rule_hash(rule); tables->rule_slots[slot & tables->rule_mask]; slot++) {
		uint32_t index = tables->rule_slots[slot & tables->rule_mask] - 1;

		if (!memcmp(&rules[index], rule, sizeof(*rule)))
			return index;
	}
	if (tables->rule_count == tables->memory.rule_count)
		return 0;
	rules[tables->rule_count] = *rule;
	tables->rule_slots[slot & tables->rule_mask] = tables->rule_count + 1;
	return tables->rule_count++;
}

/* Where the rows of a page go: on, but not across the end of a chunk. */
static uint32_t rows_align(uint32_t word, uint32_t rows)
{
	if ((word & CHUNK_MASK) + rows > UNWIND_CHUNK_WORDS)
		word = (word | CHUNK_MASK) + 1;
	return word;
}

/* Words that a file takes from a chunk's start on; 0 where it refers to what is not there. */
static uint64_t file_words(const struct unwind_file *file)
{
	uint64_t word = file->page_count;

	for (uint32_t i = 0; i < file->row_count; i++)
		if (UNWIND_ROW_RULE(file->rows[i]) >= file->rule_count)
			return 0;
	for (uint32_t page = 0; page < file->page_count; page++) {
		uint32_t first = file->pages[page];
		uint32_t rows;

		if (first >= file->row_count)
			return 0;
		rows = UNWIND_ROW_OFFSET(file->rows[first]) + 1;
		if (rows > file->row_count - first)
			return 0;
		word = first ? rows_align(word, rows) + (uint64_t)rows : word;
		if (word > INT32_MAX)
			return 0;
	}
	return word;
}

static void words_write(struct unwind_tables *tables, const struct unwind_file *file,
			const uint32_t *rules, uint32_t start)
{
	uint32_t *words = tables->memory.chunks->words;
	uint32_t word = start + file->page_count;

	for (uint32_t page = 0; page < file->page_count; page++) {
		const uint32_t *rows = &file->rows[file->pages[page]];
		uint32_t count = UNWIND_ROW_OFFSET(rows[0]) + 1;

		if (!file->pages[page]) {
			words[start + page] = 0;
			continue;
		}
		word = rows_align(word, count);
		words[start + page] = word;
		for (uint32_t i = 0; i < count; i++)
			words[word++] = UNWIND_ROW(UNWIND_ROW_OFFSET(rows[i]),
						   rules[UNWIND_ROW_RULE(rows[i])]);
	}
}

static int table_fill(struct unwind_tables *tables, struct table *table,
		      const struct unwind_file *file)
{
	uint64_t size = file_words(file);
	uint32_t *rules;
	int64_t start;

	if (!file->page_count)
		return 0;
	if (!size)
		return -EPROTO;
	rules = calloc(file->rule_count, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	start = extent_take(tables, &tables->words, size, UNWIND_CHUNK_WORDS);
	if (start >= 0) {
		for (uint32_t i = 0; i < file->rule_count; i++)
			rules[i] = rule_intern(tables, &file->rules[i]);
		words_write(tables, file, rules, start);
		table->first = start;
		table->size = size;
		table->base = file->base;
		table->page_count = file->page_count;
	}
	free(rules);
	return start < 0 ? (int)start : 0;
}

static struct table *table_slot(struct unwind_tables *tables)
{
	struct table *slots;
	size_t room;

	for (size_t i = 0; i < tables->table_count; i++)
		if (!tables->tables[i].used)
			return &tables->tables[i];
	room = tables->table_count * 2 + 64;
	slots = reallocarray(tables->tables, room, sizeof(*slots));
	if (!slots)
		return NULL;
	memset(slots + tables->table_count, 0, (room - tables->table_count) * sizeof(*slots));
	tables->tables = slots;
	slots += tables->table_count;
	tables->table_count = room;
	return slots;
}

int unwind_tables_find(struct unwind_tables *tables, const struct unwind_key *key)
{
	for (size_t i = 0; i < tables->table_count; i++) {
		struct table *table = &tables->tables[i];

		if (table->used && !memcmp(&table->key, key, sizeof(*key))) {
			table->users++;
			return (int)i;
		}
	}
	return -ENOENT;
}

int unwind_tables_add(struct unwind_tables *tables, const struct unwind_key *key,
		      const struct unwind_file *file)
{
	struct table *slot, table = {.key = *key, .used = true, .users = 1};
	int error;

	if (file->segment_count > CODE_SEGMENTS_MAX)
		return -EPROTO;
	memcpy(table.segments, file->segments, sizeof(table.segments));
	table.segment_count = file->segment_count;
	slot = table_slot(tables);
	error = slot ? table_fill(tables, &table, file) : -ENOMEM;
	if (error)
		return error;
	*slot = table;
	return (int)(slot - tables->tables);
}

void unwind_tables_put(struct unwind_tables *tables, int file)
{
	if (file >= 0 && (size_t)file < tables->table_count && tables->tables[file].users)
		tables->tables[file].users--;
}

static uint64_t segment_base(const struct table *table, const struct elf_segment *segment)
{
	return segment->offset - segment->address + table->base;
}

void unwind_tables_publish(struct unwind_tables *tables, int file, const struct unwind_file_id *id)
{
	struct unwind_file_table shown = {.read = 1};

	if (file < 0 || (size_t)file >= tables->table_count)
		return;
	struct table *table = &tables->tables[file];

	if (table->published && !memcmp(&table->id, id, sizeof(*id)))
		return;
	if (table->published)
		publish(tables, &table->id, NULL);
	table->published = true;
	table->id = *id;
	if (table->page_count && table->segment_count <= UNWIND_FILE_SEGMENTS) {
		shown.pages = table->first;
		shown.page_count = table->page_count;
		shown.segment_count = table->segment_count;
	}
	for (uint32_t i = 0; i < shown.segment_count; i++)
		shown.segments[i] = (struct unwind_file_segment){
			.offset = table->segments[i].offset,
			.size = table->segments[i].size,
			.base = segment_base(table, &table->segments[i]),
		};
	publish(tables, id, &shown);
}

void unwind_tables_forget(struct unwind_tables *tables, const struct unwind_file_id *id)
{
	for (size_t i = 0; i < tables->table_count; i++) {
		struct table *table = &tables->tables[i];

		if (table->used && !table->users && table->published &&
		    !memcmp(&table->id, id, sizeof(*id)))
			table_drop(tables, table);
	}
}

/* Where the table's first page lies in this mapping's address space. */
static bool placement_base(const struct table *table, const struct unwind_placement *placement,
			   __u64 *base)
{
	uint64_t end = placement->file_offset + (placement->end - placement->start);

	for (uint32_t i = 0; i < table->segment_count; i++) {
		const struct elf_segment *segment = &table->segments[i];

		if (segment->offset >= end ||
		    segment->offset + segment->size <= placement->file_offset)
			continue;
		*base = placement->start - placement->file_offset + segment_base(table, segment);
		return true;
	}
	return false;
}

static bool mapping_make(const struct unwind_tables *tables,
			 const struct unwind_placement *placement, struct unwind_mapping *mapping)
{
	const struct table *table;

	*mapping = (struct unwind_mapping){.start = placement->start,
					   .end = placement->end,
					   .base = placement->mark,
					   .stays = placement->stays};
	if (placement->file == UNWIND_NO_FILE)
		return true;
	if (placement->file < 0 || (size_t)placement->file >= tables->table_count)
		return false;
	table = &tables->tables[placement->file];
	if (!table->used)
		return false;
	if (table->page_count && placement_base(table, placement, &mapping->base)) {
		mapping->pages = table->first;
		mapping->page_count = table->page_count;
	}
	return true;
}

static int list_write(struct unwind_tables *tables, const struct unwind_placement *placements,
		      size_t count, struct list *list)
{
	uint64_t end = 0;

	for (size_t i = 0; i < count; i++) {
		struct unwind_mapping *mapping = &tables->memory.mappings[list->first + i];

		if (placements[i].start < end || placements[i].end <= placements[i].start ||
		    !mapping_make(tables, &placements[i], mapping))
			return -EINVAL;
		end = placements[i].end;
		list->files[i] = placements[i].file;
	}
	return 0;
}

static int list_make(struct unwind_tables *tables, const struct unwind_placement *placements,
		     size_t count, struct list *list)
{
	int64_t first;
	int error;

	*list = (struct list){};
	if (!count)
		return 0;
	list->files = calloc(count, sizeof(*list->files));
	if (!list->files)
		return -ENOMEM;
	first = extent_take(tables, &tables->mappings, count, 1u << 31);
	error = first < 0 ? (int)first : 0;
	if (!error) {
		list->first = first;
		list->count = count;
		error = list_write(tables, placements, count, list);
		if (error)
			extents_give(&tables->mappings, list->first, list->count);
	}
	if (error)
		free(list->files);
	return error;
}

static void list_publish(struct unwind_tables *tables, uint32_t space, struct list list)
{
	struct list old = tables->lists[space];

	for (uint32_t i = 0; i < list.count; i++)
		if (list.files[i] != UNWIND_NO_FILE)
			tables->tables[list.files[i]].users++;
	tables->lists[space] = list;
	__atomic_store_n(&tables->memory.spaces[space],
			 list.count ? UNWIND_LIST(list.first, list.count, ++tables->generation) : 0,
			 __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < old.count; i++)
		unwind_tables_put(tables, old.files[i]);
	extent_retire(tables, &tables->mappings, old.first, old.count);
	free(old.files);
}

int unwind_tables_set_mappings(struct unwind_tables *tables, uint32_t space,
			       const struct unwind_placement *placements, size_t count)
{
	struct list list;
	int error;

	if (count > UNWIND_MAPPINGS_A_SPACE)
		return -E2BIG;
	if (space >= UNWIND_SPACES)
		return -EINVAL;
	error = list_make(tables, placements, count, &list);
	if (!error)
		list_publish(tables, space, list);
	return error;
}

void unwind_tables_drop_space(struct unwind_tables *tables, uint32_t space)
{
	if (space < UNWIND_SPACES)
		list_publish(tables, space, (struct list){});
}

struct unwind_usage unwind_tables_usage(const struct unwind_tables *tables)
{
	struct unwind_usage usage = {
		.rules = tables->rule_count,
		.words = (uint64_t)tables->memory.chunk_count << UNWIND_CHUNK_SHIFT,
		.words_free = extents_free_total(&tables->words),
		.mappings_free = extents_free_total(&tables->mappings),
	};

	for (size_t i = 0; i < tables->table_count; i++) {
		usage.files += tables->tables[i].used;
		usage.files_unused += tables->tables[i].used && !tables->tables[i].users;
	}
	return usage;
}

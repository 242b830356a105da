/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object of a class with virtual functions begins with a pointer into its class's virtual table,
 * which lies in memory of the module that is not written after it was loaded. In front of where it
 * points stand, by the Itanium C++ ABI, the offset to the object's beginning (0, as that is where
 * the chunk begins) and a pointer to the type information, whose second word points to the mangled
 * name. Type information is an object itself, of a class in __cxxabiv1: which the same way tells,
 * so that nothing else is taken for one. A program that was built with -fno-rtti has a 0 there, and
 * a name only by the symbol of its table.
 *
 * Only pages that the process has in memory are read in it. One of a file that it does not have was
 * never written: the file tells what it holds.
 *
 * A chunk counts once, with all its bytes: a vector's buffer counts as one object of its elements'
 * class. Objects without a virtual table have no name.
 */
#include "classes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../symbolize/class_names.h"

enum {
	SLOTS = 1 << 16, /* of the table: a power of two */
	WORDS_MAX = SLOTS / 2,
	INFO_TABLES = 16, /* virtual tables of type information that are remembered */
};

struct range {
	uint64_t start;
	uint64_t end;
};

struct class
{
	uint64_t word; /* that its objects begin with; 0: an empty slot */
	uint64_t count;
	uint64_t bytes;
	const char *name; /* NULL: none, or not asked yet */
	bool asked;
};

struct classes {
	const struct procfs *procfs;
	struct confined *confined;
	pid_t pid;
	const struct regions *regions;
	struct pages *pages;
	struct zone *names;
	struct range *ranges; /* where virtual tables may be, by address */
	size_t range_count;
	const struct range *last;
	struct class *slots;
	size_t word_count;
	uint64_t beyond; /* chunks whose word found no room */
	uint64_t info_tables[INFO_TABLES];
	size_t info_table_count;
	const struct region *open; /* whose file `fd` is; NULL: none */
	int fd;
	int any_fd; /* a regular file, for what needs one */
};

/* --- which chunks --- */

/* Virtual tables are written, if at all, before their pages are closed to writing. */
static bool may_hold_tables(const struct region *region)
{
	return region->mapping.inode && region_may_be_read(region) && !region->mapping.writable &&
	       !region->mapping.executable && !(region->flags & REGION_SHARED);
}

static bool find_ranges(struct classes *classes)
{
	for (size_t i = 0; i < classes->regions->count; i++) {
		const struct region *region = &classes->regions->items[i];
		struct range range = {region->mapping.start, region->mapping.end};

		if (may_hold_tables(region) &&
		    !array_append(&classes->ranges, &classes->range_count, range))
			return false;
	}
	return true;
}

static bool is_in_range(struct classes *classes, uint64_t word)
{
	size_t low = 0, high = classes->range_count;

	if (!high || word & 7 || word < classes->ranges[0].start ||
	    word >= classes->ranges[high - 1].end)
		return false;
	if (classes->last && word >= classes->last->start && word < classes->last->end)
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (classes->ranges[middle].end <= word)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == classes->range_count || classes->ranges[low].start > word)
		return false;
	classes->last = &classes->ranges[low];
	return true;
}

/* NULL where there is no room. */
static struct class *find_class(struct classes *classes, uint64_t word)
{
	size_t at = (word * UINT64_C(0x9e3779b97f4a7c15)) >> 48 & (SLOTS - 1);

	while (classes->slots[at].word && classes->slots[at].word != word)
		at = (at + 1) & (SLOTS - 1);
	if (classes->slots[at].word)
		return &classes->slots[at];
	if (classes->word_count == WORDS_MAX)
		return NULL;
	classes->word_count++;
	classes->slots[at].word = word;
	return &classes->slots[at];
}

void classes_add(void *context, const struct chunk *chunk)
{
	struct classes *classes = context;
	uint64_t word = 0;

	if ((chunk->state != CHUNK_LIVE && chunk->state != CHUNK_MMAPPED) || chunk->clipped)
		return;
	if (chunk->at_hand >= sizeof(word))
		memcpy(&word, chunk->content, sizeof(word));
	else if (pages_read(classes->pages, chunk->block, &word, sizeof(word)))
		return;
	if (!is_in_range(classes, word))
		return;
	struct class *class = find_class(classes, word);
	if (!class) {
		classes->beyond++;
		return;
	}
	class->count++;
	class->bytes += chunk_usable(chunk);
}

/* --- reading modules --- */

/* The file behind a region, kept open until another's is asked for; negative: none. */
static int open_file(struct classes *classes, const struct region *region)
{
	if (classes->open == region)
		return classes->fd;
	if (classes->fd >= 0)
		close(classes->fd);
	classes->open = region;
	classes->fd = mapping_open(classes->procfs, classes->pid, &region->mapping);
	return classes->fd;
}

/* As far as the region goes: returns how many bytes, 0 where they cannot be read. */
static size_t read_module(struct classes *classes, uint64_t address, void *buffer, size_t size)
{
	size_t index = regions_from(classes->regions, address);
	const struct region *region = &classes->regions->items[index];

	if (index == classes->regions->count || region->mapping.start > address ||
	    !region_may_be_read(region) ||
	    !(may_hold_tables(region) || region_is_module_data(classes->regions, index)))
		return 0;
	if (size > region->mapping.end - address)
		size = region->mapping.end - address;
	int error = pages_read(classes->pages, address, buffer, size);
	if (!error)
		return size;
	if (error != -EFAULT || !region->mapping.inode || open_file(classes, region) < 0)
		return 0;
	uint64_t offset = region->mapping.file_offset + (address - region->mapping.start);
	return class_file_read(classes->confined, classes->fd, offset, buffer, size) ? 0 : size;
}

static bool read_words(struct classes *classes, uint64_t address, uint64_t words[2])
{
	return !(address & 7) && read_module(classes, address, words, 16) == 16;
}

/* Printable and no longer than it may be; a leading star says that names are not unique. */
static bool read_mangled(struct classes *classes, uint64_t address, char name[CLASS_NAME_MAX])
{
	const struct region *region = regions_find(classes->regions, address);
	size_t size = CLASS_NAME_MAX;

	if (!region || !may_hold_tables(region))
		return false;
	/* What lies behind the end of the page may not be there: most names need it not. */
	size_t here = PAGES_BYTES - (address & (PAGES_BYTES - 1));
	size_t got = read_module(classes, address, name, here < size ? here : size);
	if (here < size && got == here && !memchr(name, '\0', got))
		got += read_module(classes, address + here, name + here, size - here);
	if (!memchr(name, '\0', got))
		return false;
	if (*name == '*')
		memmove(name, name + 1, strlen(name));
	for (const char *at = name; *at; at++)
		if (*at < '!' || *at > '~')
			return false;
	return *name != '\0';
}

/* --- names --- */

/* The words in front of where an object points: offset to top, type information. */
static bool read_head(struct classes *classes, uint64_t table, uint64_t head[2])
{
	return table >= 16 && read_words(classes, table - 16, head) && !head[0];
}

/* Whether type information begins with a word: it is of a class in __cxxabiv1. */
static bool is_info_table(struct classes *classes, uint64_t table)
{
	char name[CLASS_NAME_MAX];
	uint64_t head[2], info[2];

	for (size_t i = 0; i < classes->info_table_count; i++)
		if (classes->info_tables[i] == table)
			return true;
	if (!read_head(classes, table, head) || !read_words(classes, head[1], info) ||
	    !read_mangled(classes, info[1], name) || !strstr(name, "__cxxabiv1"))
		return false;
	if (classes->info_table_count < INFO_TABLES)
		classes->info_tables[classes->info_table_count++] = table;
	return true;
}

static bool name_by_info(struct classes *classes, uint64_t address, char name[CLASS_NAME_MAX])
{
	char mangled[CLASS_NAME_MAX];
	uint64_t info[2];

	return read_words(classes, address, info) && read_mangled(classes, info[1], mangled) &&
	       is_info_table(classes, info[0]) &&
	       !class_name_demangle(classes->confined, classes->any_fd, mangled, name);
}

static bool is_code(const struct classes *classes, uint64_t address)
{
	const struct region *region = regions_find(classes->regions, address);

	return region && region->mapping.inode && region->mapping.executable;
}

static bool name_by_symbol(struct classes *classes, uint64_t table, char name[CLASS_NAME_MAX])
{
	const struct region *region = regions_find(classes->regions, table);
	uint64_t functions[2];

	if (!read_words(classes, table, functions) || !is_code(classes, functions[0]) ||
	    open_file(classes, region) < 0)
		return false;
	uint64_t offset = region->mapping.file_offset + (table - region->mapping.start);
	return !class_name_of_table(classes->confined, classes->fd, offset, name);
}

static void ask_name(struct classes *classes, struct class *class)
{
	char name[CLASS_NAME_MAX];
	uint64_t head[2];

	if (class->asked)
		return;
	class->asked = true;
	if (!read_head(classes, class->word, head))
		return;
	if (head[1] ? name_by_info(classes, head[1], name)
		    : name_by_symbol(classes, class->word, name))
		class->name = zone_strdup(classes->names, name);
}

const char *classes_name(struct classes *classes, uint64_t word)
{
	struct class *class = is_in_range(classes, word) ? find_class(classes, word) : NULL;

	if (!class)
		return NULL;
	ask_name(classes, class);
	return class->name;
}

/* --- a look's types --- */

static int compare_names(const void *left, const void *right)
{
	const struct look_type *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int compare_bytes(const void *left, const void *right)
{
	const struct look_type *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* Those of one name, such as a template's in two modules, become one. */
static size_t merge_names(struct look_type *types, size_t count)
{
	size_t kept = 0;

	qsort(types, count, sizeof(*types), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (kept && !strcmp(types[kept - 1].name, types[i].name)) {
			types[kept - 1].count += types[i].count;
			types[kept - 1].bytes += types[i].bytes;
			continue;
		}
		types[kept++] = types[i];
	}
	return kept;
}

static size_t list_classes(struct classes *classes, struct look *look, struct look_type *types)
{
	size_t count = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct class *class = &classes->slots[i];

		if (!class->count)
			continue;
		ask_name(classes, class);
		if (class->name)
			types[count++] = (struct look_type){zone_strdup(look->zone, class->name),
							    "c++", class->count, class->bytes};
	}
	return merge_names(types, count);
}

void classes_report(struct classes *classes, struct look *look)
{
	struct look_type *types =
		zone_alloc(look->zone, look->type_count + classes->word_count, sizeof(*types));
	size_t count = list_classes(classes, look, types);

	look->uncertain[UNCERTAIN_TYPES_FULL] += classes->beyond;
	if (look->type_count)
		memcpy(types + count, look->types, look->type_count * sizeof(*types));
	look->type_count += count;
	qsort(types, look->type_count, sizeof(*types), compare_bytes);
	look->types = types;
}

/* --- life --- */

struct classes *classes_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
			    const struct regions *regions)
{
	struct classes *classes = calloc(1, sizeof(*classes));

	if (!classes)
		return NULL;
	*classes = (struct classes){.procfs = procfs,
				    .confined = confined,
				    .pid = pid,
				    .regions = regions,
				    .names = zone_new(),
				    .fd = -1,
				    .any_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
	classes->slots = calloc(SLOTS, sizeof(*classes->slots));
	errno = ENOMEM;
	bool ok = classes->slots && find_ranges(classes) &&
		  (classes->pages = pages_new(pid, regions));
	if (ok)
		return classes;
	int error = errno;
	classes_free(classes);
	errno = error;
	return NULL;
}

void classes_free(struct classes *classes)
{
	if (!classes)
		return;
	if (classes->fd >= 0)
		close(classes->fd);
	if (classes->any_fd >= 0)
		close(classes->any_fd);
	pages_free(classes->pages);
	zone_free(classes->names);
	free(classes->ranges);
	free(classes->slots);
	free(classes);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: virtual tables, type information and names of C++ classes, of which words were
 * overwritten and pages are absent, and chunks of malloc that begin with anything. What is found
 * must have been there: as many objects and bytes as chunks, names of bounded length.
 *
 * Each 11 bytes of input are a change: what, where, and a value. Names are made readable in this
 * process.
 */
#include <errno.h>

#include "look/classes.h"
#include "made_tree.h"
#include "symbolize/class_names.h"

#define TABLES UINT64_C(0x7f0000000000)
#define CODE   UINT64_C(0x7f0000010000)
#define DATA   UINT64_C(0x7f0000020000)

enum {
	CHANGE_BYTES = 11,
	PAGES = 4, /* of each of the three */
	REGION_BYTES = PAGES * PAGES_BYTES,
	SPACE_BYTES = 3 * REGION_BYTES,
	CLASSES = 8,
	CHUNKS = 64,
	CHUNK_BYTES = 48,
	PID = 77,
	/* in TABLES */
	INFO_TABLE = 0x110,
	INFO_OF_INFO = 0x200,
	TABLES_AT = 0x400,
	INFOS_AT = 0x1000,
	NAMES_AT = 0x2000,
};

struct pages {
	const struct regions *regions;
};

static struct space {
	_Alignas(8) uint8_t bytes[SPACE_BYTES];
	bool absent[3 * PAGES];
	uint64_t words[CHUNKS]; /* that chunks begin with */
} pristine, space;

static struct region regions_of_space[3];
static const struct regions regions = {regions_of_space, 3};
static struct procfs procfs = {tree_root};

/* --- the process --- */

/* Where an address is in the space; SPACE_BYTES: nowhere. */
static size_t place(uint64_t address)
{
	for (size_t i = 0; i < regions.count; i++)
		if (address >= regions.items[i].mapping.start &&
		    address < regions.items[i].mapping.end)
			return i * REGION_BYTES + (address - regions.items[i].mapping.start);
	return SPACE_BYTES;
}

struct pages *pages_new(pid_t pid, const struct regions *of)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	(void)pid;
	pages->regions = of;
	return pages;
}

void pages_free(struct pages *pages)
{
	free(pages);
}

int pages_read(struct pages *pages, uint64_t address, void *buffer, size_t size)
{
	(void)pages;
	for (size_t i = 0; i < size; i++) {
		size_t at = place(address + i);

		if (at == SPACE_BYTES || space.absent[at / PAGES_BYTES])
			return -EFAULT;
		((uint8_t *)buffer)[i] = space.bytes[at];
	}
	return 0;
}

int confined_call(struct confined *confined, const struct confined_call *call,
		  struct confined_answer *answer)
{
	(void)confined;
	*answer = (struct confined_answer){0};
	return call->function(call->fd, call->input, call->length, answer);
}

int confined_reject(struct confined *confined, enum confined_need need)
{
	(void)confined;
	(void)need;
	abort(); /* we answered ourselves */
}

/* --- what it holds --- */

static void put(size_t at, uint64_t value)
{
	memcpy(pristine.bytes + at, &value, sizeof(value));
}

static void put_class(size_t number, const char *mangled)
{
	size_t table = TABLES_AT + number * 0x40, info = INFOS_AT + number * 0x20;
	size_t name = NAMES_AT + number * 0x40;

	put(table + 8, TABLES + info);
	put(table + 16, CODE + 0x40 * number);
	put(info, TABLES + INFO_TABLE);
	put(info + 8, TABLES + name);
	strcpy((char *)pristine.bytes + name, mangled);
}

static void make_pristine(void)
{
	static const char *const names[CLASSES] = {
		"N4shop6CircleE",
		"N4shop5CacheIjLm16EEE",
		"*N12_GLOBAL__N_16HiddenE",
		"St9exception",
		"7Session",
		"N4shop6CircleE",
		"3Row",
		"N1aN1bE",
	};
	const char *self = "N10__cxxabiv117__class_type_infoE";

	put(INFO_TABLE - 8, TABLES + INFO_OF_INFO);
	put(INFO_OF_INFO, TABLES + INFO_TABLE);
	put(INFO_OF_INFO + 8, TABLES + NAMES_AT + 0xf00);
	strcpy((char *)pristine.bytes + NAMES_AT + 0xf00, self);
	for (size_t i = 0; i < CLASSES; i++)
		put_class(i, names[i]);
	for (size_t i = 0; i < CHUNKS; i++)
		pristine.words[i] = TABLES + TABLES_AT + i % CLASSES * 0x40 + 16;
}

/* The file behind all of it has what is pristine. */
static void make_files(void)
{
	static char path[] = "/srv/libshop.so";
	static const uint64_t starts[] = {TABLES, CODE, DATA};
	char file[128], name[128];
	struct stat status;

	tree_make("/tmp/fuzz_classes");
	tree_write_bytes("file", pristine.bytes, sizeof(pristine.bytes));
	snprintf(file, sizeof(file), "%s/file", tree_root);
	stat(file, &status);
	for (size_t i = 0; i < 3; i++) {
		regions_of_space[i].mapping = (struct mapping){.start = starts[i],
							       .end = starts[i] + REGION_BYTES,
							       .file_offset = i * REGION_BYTES,
							       .inode = status.st_ino,
							       .readable = true,
							       .executable = starts[i] == CODE,
							       .writable = starts[i] == DATA,
							       .path = path};
		snprintf(name, sizeof(name), "%d/map_files/%llx-%llx", PID,
			 (unsigned long long)starts[i],
			 (unsigned long long)starts[i] + REGION_BYTES);
		tree_link(name, file);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	make_pristine();
	make_files();
	atexit(tree_remove);
	return 0;
}

/* --- one run --- */

static void change(const uint8_t *input)
{
	uint64_t value;
	size_t where = (size_t)(input[1] | input[2] << 8);

	memcpy(&value, input + 3, sizeof(value));
	if (input[0] & 1)
		value = regions.items[input[0] >> 1 & 1 ? 2 : 0].mapping.start +
			value % REGION_BYTES;
	if (input[0] & 4)
		value &= ~UINT64_C(7);
	if (input[0] & 8)
		space.words[where % CHUNKS] = value;
	else if (input[0] & 16)
		space.absent[where % (3 * PAGES)] = true;
	else if (input[0] & 32)
		space.bytes[where % SPACE_BYTES] = (uint8_t)value;
	else
		memcpy(space.bytes + where % (SPACE_BYTES / 8) * 8, &value, sizeof(value));
}

static void check(const struct look *look)
{
	uint64_t count = 0, bytes = 0;

	for (size_t i = 0; i < look->type_count; i++) {
		if (!*look->types[i].name || strlen(look->types[i].name) >= CLASS_NAME_MAX ||
		    strcmp(look->types[i].language, "c++") ||
		    (i && look->types[i].bytes > look->types[i - 1].bytes))
			abort();
		count += look->types[i].count;
		bytes += look->types[i].bytes;
	}
	if (count > CHUNKS || bytes != count * (CHUNK_BYTES - 8))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct look *look = look_new();

	space = pristine;
	for (; size >= CHANGE_BYTES; bytes += CHANGE_BYTES, size -= CHANGE_BYTES)
		change(bytes);
	struct classes *classes = classes_new(&procfs, NULL, PID, &regions);
	for (size_t i = 0; i < CHUNKS; i++) {
		struct chunk chunk = {.state = i % 7 == 6 ? CHUNK_FREE : CHUNK_LIVE,
				      .size = CHUNK_BYTES,
				      .block = DATA + i * CHUNK_BYTES,
				      .content = (const uint8_t *)&space.words[i],
				      .at_hand = i % 5 ? sizeof(space.words[i]) : 0};

		classes_add(classes, &chunk);
		classes_name(classes, space.words[i]);
	}
	classes_report(classes, look);
	check(look);
	classes_free(classes);
	look_free(look);
	return 0;
}

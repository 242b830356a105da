/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: lost blocks of a heap of glibc's malloc in which words and states of pages were
 * overwritten, between two looks too. Whatever they say, looks end, each block is reached once, and
 * what is called lost lies in the heap, in order, and was not reached.
 *
 * Each 11 bytes of input are a change, as in fuzz_arenas.c; of those whose first byte is odd,
 * before the second look.
 */
#include "heap_space.h"

#include "made_tree.h"
#include "memory/reach.h"

/* What a look can do with at all: what it reads again and again does not fit. */
enum { CHANGE_BYTES = 11, LOOKS = 2, PID = 77, BUDGET = 16 << 20 };
enum { REACHED_MAX = SPACE_PAGES * (PAGES_BYTES / 16) };

static const struct procfs procfs = {tree_root};
static struct pages *current; /* what every reader sees */

/* Nobody changes this process: nothing is gained by waiting. */
int usleep(useconds_t time)
{
	(void)time;
	return 0;
}

struct pages *pages_new(pid_t pid, const struct regions *regions)
{
	struct pages *copy = malloc(sizeof(*copy));

	(void)pid;
	(void)regions;
	*copy = *current;
	copy->regions.items = copy->items;
	return copy;
}

static void make_procfs(const struct pages *space)
{
	char text[1024];
	size_t used = 0;

	tree_make("/tmp/fuzz_lost");
	for (size_t i = 0; i < SPACE_REGIONS; i++) {
		const struct mapping *mapping = &space->items[i].mapping;
		uint64_t kb = (mapping->end - mapping->start) / 1024;

		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"%llx-%llx rw-p 00000000 08:01 %llu %s\nRss: %llu kB\nAnonymous: %llu kB\n",
			(unsigned long long)mapping->start, (unsigned long long)mapping->end,
			(unsigned long long)mapping->inode, mapping->path, (unsigned long long)kb,
			(unsigned long long)kb);
	}
	tree_write("77/smaps", text);
	snprintf(text, sizeof(text), "0 0x0 0x%llx 0x3 0x4 0x5 0x6 0x%llx 0x400000\n",
		 (unsigned long long)SPACE_HEAP + 0x1010, (unsigned long long)SPACE_LIBC + 0x1800);
	tree_write("77/task/77/syscall", text);
	tree_write("77/fdinfo/3", "pos:\t0\ntfd:        5 events: 1 data: 555500000030\n");
	tree_write("77/timers", "ID: 0\nsignal: 34/0000555500000100\n");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct pages *space = space_new();

	(void)argc;
	(void)argv;
	make_procfs(space);
	pages_free(space);
	atexit(tree_remove);
	return 0;
}

static void change(struct pages *space, const uint8_t *input)
{
	uint16_t where;
	uint64_t what;

	memcpy(&where, input + 1, sizeof(where));
	memcpy(&what, input + 3, sizeof(what));
	if (input[0] >= 0xf0)
		space->states[where % SPACE_PAGES] = what % PAGE_STATE_COUNT;
	else
		((uint64_t *)space->bytes)[where % (sizeof(space->bytes) / 8)] =
			what + (input[0] / 2 % 8 < SPACE_REGIONS
					? space->items[input[0] / 2 % 8].mapping.start
					: 0);
}

/* --- what a look reached --- */

static uint64_t reached[REACHED_MAX];
static size_t reached_count;

static void take_reached(void *context, uint64_t block, const struct reach_path *path)
{
	(void)context;
	if (reached_count == REACHED_MAX || REACH_ROOT_KIND(path->root) > REACH_BLOCKS ||
	    space_page(current, block) == SPACE_PAGES)
		abort();
	reached[reached_count++] = block;
}

static int compare_words(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static void check_reached(void)
{
	qsort(reached, reached_count, sizeof(*reached), compare_words);
	for (size_t i = 1; i < reached_count; i++)
		if (reached[i] == reached[i - 1])
			abort();
}

/* A variable that refers to the first large block in use, which has pointers into all of the
 * heap. */
static struct pages *linked_space(void)
{
	struct pages *space = space_new();
	uint64_t table = SPACE_HEAP + 32 + 48 + 1040 + 64 + 16;

	*space_word(space, SPACE_LIBC + 0x1400) = table;
	for (size_t i = 0; i < SPACE_HEAP_PAGES - 4; i++)
		*space_word(space, table + 8 * i) = SPACE_HEAP + 0x40 + PAGES_BYTES * i;
	return space;
}

static void look_once(struct reach *reach)
{
	struct pages *pages = pages_new(PID, NULL);
	struct walk_numbers numbers;
	struct arenas arenas;

	reached_count = 0;
	if (!arenas_find(pages, &arenas) && !*arenas.problem) {
		reach_begin(reach, &arenas);
		if (!arenas_walk(pages, &arenas, reach_add, reach, &numbers))
			reach_finish(reach);
	}
	arenas_release(&arenas);
	pages_free(pages);
	check_reached();
}

static void check(const struct lost_blocks *lost)
{
	uint64_t end = 0;

	if (*lost->problem)
		return;
	for (size_t i = 0; i < lost->count; i++) {
		const struct lost_block *block = &lost->items[i];

		if (block->address < end || block->bytes > sizeof(current->bytes) ||
		    space_page(current, block->address) == SPACE_PAGES ||
		    bsearch(&block->address, reached, reached_count, sizeof(*reached),
			    compare_words))
			abort();
		end = block->address + block->bytes;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct reach *reach = reach_new(&procfs, PID, BUDGET);

	reach_watch(reach, take_reached, NULL);
	current = linked_space();
	for (int look = 0; look < LOOKS; look++) {
		for (size_t at = 0; at + CHANGE_BYTES <= size; at += CHANGE_BYTES)
			if ((bytes[at] & 1) == look)
				change(current, bytes + at);
		look_once(reach);
	}
	struct lost_blocks lost = reach_lost(reach);
	check(&lost);
	reach_free(reach);
	pages_free(current);
	return 0;
}

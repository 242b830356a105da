/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables as laid out for the kernel give what the file says; files are shared, dropped and
 * replaced without a reader ever seeing half of a change; hostile input is refused.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "unwind_host.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"

static const struct unwind_key first_key = {.inode = 1}, second_key = {.inode = 2};

static bool file_open(const char *path, struct unwind_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	assert_int_equal(unwind_file_build(fd, file), 0);
	close(fd);
	return true;
}

static void cfi_open(const char *path, struct cfi_table *cfi)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct frame_sections sections;
	struct elf_file file;

	assert_int_equal(elf_file_open(&file, fd), 0);
	assert_int_equal(frame_sections_read(&file, &sections), 0);
	assert_int_equal(cfi_table_build(sections.cfi, sections.cfi_count, 0, UINT64_MAX, cfi), 0);
	elf_file_close(&file);
	close(fd);
}

static void assert_same_rule(const struct cfi_table *cfi, struct unwind_state *state,
			     uint64_t address)
{
	static const struct unwind_rule none;
	const struct unwind_rule *expected = cfi_table_find(cfi, address);
	const struct unwind_rule *rule = unwind_rule_at(unwind_lookup(state, address));

	if (memcmp(rule, expected ? expected : &none, sizeof(*rule)))
		fail_msg("differs at %#lx", address);
}

/* Mapped so that addresses are the file's own. */
static void compare_lookups(const char *path)
{
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	struct unwind_state *state = calloc(1, sizeof(*state));
	struct unwind_file file;
	struct cfi_table cfi;
	struct unwind_placement placement;

	if (file_open(path, &file)) {
		const struct elf_segment *segment = &file.segments[0];

		cfi_open(path, &cfi);
		placement = (struct unwind_placement){
			segment->address, segment->address + segment->size, segment->offset,
			unwind_tables_add(tables, &first_key, &file)};
		assert_true(placement.file >= 0);
		assert_int_equal(unwind_tables_set_mappings(tables, 1, &placement, 1), 0);
		state->list = host_memory.spaces[1];
		assert_int_equal(unwind_map(state, placement.start), 0);
		for (size_t i = 0; i < cfi.row_count; i++) {
			assert_same_rule(&cfi, state, cfi.rows[i].address - 1);
			assert_same_rule(&cfi, state, cfi.rows[i].address);
			assert_same_rule(&cfi, state, cfi.rows[i].address + 1);
		}
		assert_true(file.row_count < cfi.row_count * 3 / 2);
		cfi_table_release(&cfi);
		unwind_file_release(&file);
	}
	free(state);
	unwind_tables_free(tables);
}

static void test_lookups_give_what_the_file_says(void **state)
{
	(void)state;
	compare_lookups("/lib64/ld-linux-x86-64.so.2");
	compare_lookups(LIBC);
	compare_lookups("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
	compare_lookups("/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1");
}

static void test_every_mapping_is_found(void **state)
{
	enum { COUNT = 8191 };
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	struct unwind_placement *placements = calloc(COUNT + 1, sizeof(*placements));
	struct unwind_state *walk = calloc(1, sizeof(*walk));

	(void)state;
	for (uint64_t i = 0; i <= COUNT; i++)
		placements[i] = (struct unwind_placement){i * 0x3000 + 0x1000, i * 0x3000 + 0x2000,
							  0, UNWIND_NO_FILE};
	assert_int_equal(unwind_tables_set_mappings(tables, 1, placements, COUNT + 1), -E2BIG);
	for (size_t count = 0; count <= COUNT; count = count * 2 + 1) {
		assert_int_equal(unwind_tables_set_mappings(tables, 1, placements, count), 0);
		walk->list = host_memory.spaces[1];
		for (size_t i = 0; i < count; i++) {
			uint64_t start = placements[i].start;

			memset(&walk->mapping, 0, sizeof(walk->mapping));
			assert_int_equal(unwind_map(walk, start), 0);
			assert_int_equal(walk->mapping.start, start);
			assert_int_equal(unwind_map(walk, start + 0xfff), 0);
			assert_int_not_equal(unwind_map(walk, start + 0x1000), 0);
			assert_int_not_equal(unwind_map(walk, start - 1), 0);
		}
	}
	free(walk);
	free(placements);
	unwind_tables_free(tables);
}

static void test_unsorted_mappings_are_refused(void **state)
{
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	const struct unwind_placement overlapping[] = {{0x1000, 0x3000, 0, UNWIND_NO_FILE},
						       {0x2000, 0x4000, 0, UNWIND_NO_FILE}};
	const struct unwind_placement unknown = {0x1000, 0x3000, 0, 7};
	uint64_t list;

	(void)state;
	assert_int_equal(unwind_tables_set_mappings(tables, 1, overlapping, 1), 0);
	list = host_memory.spaces[1];
	assert_int_equal(unwind_tables_set_mappings(tables, 1, overlapping, 2), -EINVAL);
	assert_int_equal(unwind_tables_set_mappings(tables, 1, &unknown, 1), -EINVAL);
	assert_int_equal(host_memory.spaces[1], list);
	unwind_tables_drop_space(tables, 1);
	assert_int_equal(host_memory.spaces[1], 0);
	unwind_tables_free(tables);
}

/* A process that loads and unloads a library for ever. */
static void test_no_growth(void **state)
{
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	struct unwind_usage before, after;
	struct unwind_placement placement = {0x10000, 0x20000, 0, UNWIND_NO_FILE};
	struct unwind_file file;

	(void)state;
	assert_true(file_open(LIBC, &file));
	before = unwind_tables_usage(tables);
	host_waits = 0;
	for (uint64_t i = 0; i < 5000; i++) {
		const struct unwind_key key = {.inode = 10 + i};

		placement.file = unwind_tables_find(tables, &key);
		assert_int_equal(placement.file, -ENOENT);
		placement.file = unwind_tables_add(tables, &key, &file);
		assert_true(placement.file >= 0);
		assert_int_equal(unwind_tables_set_mappings(tables, 1, &placement, 1), 0);
		unwind_tables_put(tables, placement.file);
		assert_int_equal(unwind_tables_find(tables, &key), placement.file);
		unwind_tables_put(tables, placement.file);
		unwind_tables_drop_space(tables, 1);
	}
	after = unwind_tables_usage(tables);
	assert_int_equal(before.words, after.words);
	assert_true(after.files < 1000 && after.files_unused == after.files);
	assert_true(host_waits > 0 && host_waits < 1000);
	unwind_file_release(&file);
	unwind_tables_free(tables);
}

/* What a list refers to is not evicted, and a full arena says so. */
static void test_used_files_stay(void **state)
{
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	struct unwind_placement placement = {0x10000, 0x20000, 0, UNWIND_NO_FILE};
	struct unwind_file file;
	uint64_t inode = 10;
	int added;

	(void)state;
	assert_true(file_open(LIBC, &file));
	placement.file = unwind_tables_add(tables, &first_key, &file);
	assert_int_equal(unwind_tables_set_mappings(tables, 1, &placement, 1), 0);
	unwind_tables_put(tables, placement.file);
	do {
		const struct unwind_key key = {.inode = inode++};

		added = unwind_tables_add(tables, &key, &file);
	} while (added >= 0);
	assert_int_equal(added, -ENOSPC);
	assert_int_equal(unwind_tables_find(tables, &first_key), placement.file);
	unwind_file_release(&file);
	unwind_tables_free(tables);
}

static void test_hostile_files_are_refused(void **state)
{
	struct unwind_tables *tables = unwind_tables_new(&host_memory);
	struct unwind_rule rules[2] = {{}, {.cfa = 200, .fp = 77}};
	uint32_t rows[3] = {0, UNWIND_ROW(1, 1), UNWIND_ROW(5, 1)}, pages[1] = {1};
	struct unwind_file file = {.page_count = 1,
				   .row_count = 3,
				   .rule_count = 2,
				   .pages = pages,
				   .rows = rows,
				   .rules = rules};

	(void)state;
	assert_true(unwind_tables_add(tables, &first_key, &file) >= 0);
	pages[0] = 3;
	assert_int_equal(unwind_tables_add(tables, &second_key, &file), -EPROTO);
	pages[0] = 2;
	assert_int_equal(unwind_tables_add(tables, &second_key, &file), -EPROTO);
	pages[0] = 1;
	rows[1] = UNWIND_ROW(1, 2);
	assert_int_equal(unwind_tables_add(tables, &second_key, &file), -EPROTO);
	unwind_tables_free(tables);
}

static void check_same(const struct unwind_file *file, const struct unwind_file *expected)
{
	assert_int_equal(file->segment_count, expected->segment_count);
	assert_memory_equal(file->segments, expected->segments, sizeof(file->segments));
	assert_int_equal(file->base, expected->base);
	assert_int_equal(file->page_count, expected->page_count);
	assert_int_equal(file->row_count, expected->row_count);
	assert_int_equal(file->rule_count, expected->rule_count);
	assert_memory_equal(file->pages, expected->pages, file->page_count * 4);
	assert_memory_equal(file->rows, expected->rows, file->row_count * 4);
	assert_memory_equal(file->rules, expected->rules, file->rule_count * sizeof(*file->rules));
}

static void test_a_file_travels(void **state)
{
	struct unwind_file sent, received;
	struct confined_answer answer, damaged;

	(void)state;
	assert_true(file_open(LIBC, &sent));
	assert_int_equal(unwind_file_encode(&sent, &answer), 0);
	assert_int_equal(unwind_file_decode(&answer, &received), 0);
	check_same(&received, &sent);
	unwind_file_release(&received);
	for (size_t cut = 0; cut < answer.length; cut += cut < 512 ? 1 : answer.length / 7) {
		damaged = (struct confined_answer){answer.data, cut};
		assert_int_equal(unwind_file_decode(&damaged, &received), -EPROTO);
		assert_null(received.rows);
	}
	memset((char *)answer.data + answer.length - 16, 0xff, 1);
	assert_int_equal(unwind_file_decode(&answer, &received), -EPROTO);
	free(answer.data);
	unwind_file_release(&sent);
}

static void test_a_file_is_read_elsewhere(void **state)
{
	struct confined *confined = confined_new();
	struct unwind_file here, there;
	int fd = open(LIBC, O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_non_null(confined);
	if (fd < 0)
		skip();
	assert_int_equal(unwind_file_build(fd, &here), 0);
	assert_int_equal(unwind_file_request(confined, fd, &there), 0);
	check_same(&there, &here);
	unwind_file_release(&there);
	unwind_file_release(&here);
	close(fd);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unwind_file_request(confined, fd, &there), -ENOEXEC);
	close(fd);
	confined_free(confined);
}

/* What walks find by a file's numbers. */
struct shelf {
	size_t published;
	size_t withdrawn;
	struct unwind_file_table last;
};

static void shelve(void *context, const struct unwind_file_id *id,
		   const struct unwind_file_table *table)
{
	struct shelf *shelf = context;

	(void)id;
	if (!table) {
		shelf->withdrawn++;
		return;
	}
	shelf->published++;
	shelf->last = *table;
}

/* A table is found by its file's numbers wherever it is mapped, as long as its room is its own. */
static void test_a_file_is_found_by_its_numbers(void **state)
{
	struct shelf shelf = {0};
	struct unwind_placement placement = {0x10000, 0x20000, 0, UNWIND_NO_FILE};
	struct unwind_tables *tables;
	struct unwind_file file;
	uint64_t inode = 10;

	(void)state;
	host_memory.publish = shelve;
	host_memory.context = &shelf;
	tables = unwind_tables_new(&host_memory);
	assert_true(file_open(LIBC, &file));
	placement.file_offset = file.segments[0].offset;
	while (!shelf.withdrawn) {
		const struct unwind_key key = {.inode = inode};
		const struct unwind_file_id id = {.inode = inode++};

		placement.file = unwind_tables_add(tables, &key, &file);
		assert_true(placement.file >= 0);
		unwind_tables_publish(tables, placement.file, &id);
		unwind_tables_publish(tables, placement.file, &id);
		assert_int_equal(shelf.published, inode - 10);
		unwind_tables_put(tables, placement.file);
	}
	assert_int_equal(unwind_tables_set_mappings(tables, 1, &placement, 1), 0);
	assert_true(shelf.last.read && shelf.last.segment_count == file.segment_count);
	assert_int_equal(host_memory.mappings[0].pages, shelf.last.pages);
	assert_int_equal(host_memory.mappings[0].page_count, shelf.last.page_count);
	assert_int_equal(host_memory.mappings[0].base,
			 placement.start - placement.file_offset + shelf.last.segments[0].base);
	unwind_file_release(&file);
	unwind_tables_free(tables);
}

/* Its numbers may become another file's. One that a list has stays, under whatever name. */
static void test_a_file_is_forgotten(void **state)
{
	const struct unwind_file_id id = {.inode = 10}, other = {.inode = 11};
	const struct unwind_key key = {.inode = 10};
	struct unwind_placement placement = {0x10000, 0x20000, 0, UNWIND_NO_FILE};
	struct shelf shelf = {0};
	struct unwind_tables *tables;
	struct unwind_file file;

	(void)state;
	host_memory.publish = shelve;
	host_memory.context = &shelf;
	tables = unwind_tables_new(&host_memory);
	assert_true(file_open(LIBC, &file));
	placement.file_offset = file.segments[0].offset;
	placement.file = unwind_tables_add(tables, &key, &file);
	unwind_tables_publish(tables, placement.file, &id);
	assert_int_equal(unwind_tables_set_mappings(tables, 1, &placement, 1), 0);
	unwind_tables_put(tables, placement.file);
	unwind_tables_forget(tables, &id);
	assert_int_equal(shelf.withdrawn, 0);
	unwind_tables_drop_space(tables, 1);
	unwind_tables_forget(tables, &other);
	assert_int_equal(unwind_tables_usage(tables).files_unused, 1);
	unwind_tables_forget(tables, &id);
	assert_int_equal(shelf.withdrawn, 1);
	assert_int_equal(unwind_tables_usage(tables).files, 0);
	assert_int_equal(unwind_tables_find(tables, &key), -ENOENT);
	unwind_file_release(&file);
	unwind_tables_free(tables);
}

static void test_the_vdso_has_a_table(void **state)
{
	struct unwind_file file;

	(void)state;
	assert_int_equal(unwind_file_build_vdso(&file), 0);
	assert_true(file.page_count > 0);
	unwind_file_release(&file);
}

static int memory_init(void **state)
{
	(void)state;
	host_memory_init(128, 16384);
	return 0;
}

static int memory_release(void **state)
{
	(void)state;
	host_memory_release();
	return 0;
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, memory_init, memory_release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MEMORY(test_lookups_give_what_the_file_says),
		WITH_MEMORY(test_every_mapping_is_found),
		WITH_MEMORY(test_unsorted_mappings_are_refused),
		WITH_MEMORY(test_no_growth),
		WITH_MEMORY(test_used_files_stay),
		WITH_MEMORY(test_a_file_is_found_by_its_numbers),
		WITH_MEMORY(test_hostile_files_are_refused),
		cmocka_unit_test(test_a_file_travels),
		cmocka_unit_test(test_a_file_is_read_elsewhere),
		WITH_MEMORY(test_a_file_is_forgotten),
		cmocka_unit_test(test_the_vdso_has_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

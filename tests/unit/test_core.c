/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_space.h"
#include "memory/pages.h"
#include "memory/regions.h"
#include "process/core.h"

#define PROGRAM UINT64_C(0x555555554000)
#define HEAP    UINT64_C(0x555555600000)
#define STACK   UINT64_C(0x7ffffffde000)

enum { PAGE = CORE_PAGE_BYTES };

static uint8_t program[2 * PAGE]; /* the beginning of this test's own file */
static char program_path[4096];
static uint8_t heap[4 * PAGE], stack[PAGE];

static int setup(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t length = readlink("/proc/self/exe", program_path, sizeof(program_path) - 1);
	bool ok = fd >= 0 && length > 0 && read(fd, program, sizeof(program)) == sizeof(program);

	(void)state;
	close(fd);
	memset(heap, 'h', PAGE);
	memset(heap + 2 * PAGE, 'k', 2 * PAGE);
	memset(stack, 's', sizeof(stack));
	return ok ? 0 : -1;
}

/* A program of which the first page is in the core and the second is not, a heap whose second page
 * was never there, a stack, and the kernel's page. */
static void make(struct core_space *space)
{
	const uint64_t auxv[] = {AT_ENTRY, PROGRAM + 0x100, AT_RANDOM, STACK + 64, AT_NULL, 0};

	core_space_init(space);
	core_space_process(space, 4321, "worker");
	core_space_thread(space, 4321, STACK + 0x200);
	core_space_thread(space, 4322, HEAP + PAGE);
	core_space_note(space, NT_AUXV, auxv, sizeof(auxv));
	core_space_file(space, PROGRAM, PROGRAM + 2 * PAGE, 0, PAGE, program_path);
	core_space_part(space, PROGRAM, PF_R, program, PAGE, 2 * PAGE);
	core_space_part(space, HEAP, PF_R | PF_W, heap, sizeof(heap), sizeof(heap) + PAGE);
	core_space_part(space, STACK, PF_R | PF_W, stack, sizeof(stack), sizeof(stack));
	core_space_part(space, UINT64_C(0xffffffffff600000), PF_X, stack, PAGE, PAGE);
}

static int open_bytes(const uint8_t *bytes, size_t size, struct core **core,
		      struct failure *failure)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	char path[64];

	assert_int_equal(write(fd, bytes, size), size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int error = core_open(path, NULL, core, failure);
	close(fd);
	return error;
}

static struct core *open_space(struct core_space *space)
{
	struct core *core = NULL;
	struct failure failure = {0};
	size_t size;
	uint8_t *bytes = core_space_bytes(space, &size);

	if (open_bytes(bytes, size, &core, &failure))
		fail_msg("%s", failure.text);
	free(bytes);
	return core;
}

static void assert_refused(struct core_space *space, const char *part)
{
	struct core *core = NULL;
	struct failure failure = {0};
	size_t size;
	uint8_t *bytes = core_space_bytes(space, &size);

	assert_int_equal(open_bytes(bytes, size, &core, &failure), -1);
	assert_int_equal(failure.status, STATUS_TARGET);
	if (!strstr(failure.text, part))
		fail_msg("%s", failure.text);
	free(bytes);
}

static void test_what_it_tells(void **state)
{
	struct core_space space;

	(void)state;
	for (int in_section = 0; in_section < 2; in_section++) {
		make(&space);
		space.counts_in_section = in_section;
		struct core *core = open_space(&space);
		struct core_about about = core_about(core);

		assert_int_equal(about.pid, 4321);
		assert_string_equal(about.comm, "worker");
		assert_string_equal(about.exe, program_path);
		assert_int_equal(about.missing_bytes, 0);
		assert_int_equal(about.missing_stacks, 1); /* of 4322: a page of zeroes */
		assert_int_equal(about.changed_files, 0);
		assert_false(about.has_no_notes);
		assert_int_equal(core_mapping_count(core), 3);
		core_free(core);
	}
}

static void test_as_a_process(void **state)
{
	struct procfs procfs = {.root = "/nonexistent"};
	struct process_status status;
	struct core_space space;
	struct regions regions;
	char line[128], expected[64];

	(void)state;
	make(&space);
	procfs.core = open_space(&space);
	assert_int_equal(procfs_read_status(&procfs, 4321, &status), 0);
	assert_string_equal(status.comm, "worker");
	assert_int_equal(status.threads, 2);
	FILE *file = procfs_open_of_thread(&procfs, 4321, 4321, "syscall");
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	snprintf(expected, sizeof(expected), "-1 0x%llx 0x0\n", (unsigned long long)STACK + 0x200);
	assert_string_equal(line, expected);

	assert_int_equal(regions_read(&procfs, 4321, &regions), 0);
	assert_int_equal(regions.count, 3);
	assert_true(regions.items[0].mapping.inode);
	assert_string_equal(regions.items[0].mapping.path, program_path);
	assert_string_equal(regions.items[1].mapping.path, "[heap]");
	assert_string_equal(regions.items[2].mapping.path, "[stack]");
	assert_int_equal(regions.items[1].resident_bytes, 3 * PAGE);
	assert_true(regions.items[2].flags & REGION_STACK);
	regions_release(&regions);
	core_free(procfs.core);
}

static void test_pages(void **state)
{
	struct procfs procfs = {.root = "/nonexistent"};
	uint8_t states[6], buffer[2 * PAGE];
	struct core_space space;
	struct regions regions;

	(void)state;
	make(&space);
	procfs.core = open_space(&space);
	assert_int_equal(regions_read(&procfs, 4321, &regions), 0);
	struct pages *pages = pages_new(4321, &regions);
	assert_non_null(pages);
	assert_int_equal(pages_states(pages, HEAP - PAGE, 6, states), 0);
	assert_int_equal(states[0], PAGE_ABSENT);
	assert_int_equal(states[1], PAGE_RESIDENT);
	assert_int_equal(states[2], PAGE_ZERO);
	assert_int_equal(states[3], PAGE_RESIDENT);
	assert_int_equal(states[5],
			 PAGE_ABSENT); /* the core says it is mapped, and holds nothing */
	assert_int_equal(pages_read(pages, HEAP + PAGE - 8, buffer, 16), 0);
	assert_memory_equal(buffer, "hhhhhhhh\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(pages_read(pages, HEAP + 4 * PAGE - 8, buffer, 16), -EFAULT);
	assert_int_equal(core_read(procfs.core, PROGRAM, buffer, sizeof(buffer)), sizeof(buffer));
	assert_memory_equal(buffer, program, sizeof(buffer));
	assert_int_equal(core_read(procfs.core, HEAP - 1, buffer, 1), -1);
	pages_free(pages);
	regions_release(&regions);
	core_free(procfs.core);
}

/* gcore counts offsets in bytes, and leaves out what nobody wrote to. */
static void test_a_file_that_has_no_part(void **state)
{
	struct core_space space;
	uint8_t buffer[PAGE], states[2];

	(void)state;
	core_space_init(&space);
	core_space_part(&space, PROGRAM, PF_R, program, PAGE, PAGE);
	core_space_file(&space, PROGRAM, PROGRAM + PAGE, 0, 1, program_path);
	struct core *core = open_space(&space);
	assert_int_equal(core_mapping_count(core), 1);
	core_free(core);

	core_space_init(&space);
	const uint64_t words[] = {
		2, 1, PROGRAM, PROGRAM + PAGE, 0, PROGRAM + PAGE, PROGRAM + 2 * PAGE, PAGE};
	uint8_t body[2 * 4096];
	size_t size = sizeof(words);
	memcpy(body, words, size);
	for (int i = 0; i < 2; i++) {
		strcpy((char *)body + size, program_path);
		size += strlen(program_path) + 1;
	}
	core_space_note(&space, NT_FILE, body, size);
	core_space_part(&space, PROGRAM, PF_R, program, PAGE, PAGE);
	core = open_space(&space);
	assert_int_equal(core_mapping_count(core), 2);
	core_page_states(core, PROGRAM, 2, states);
	assert_int_equal(states[0], CORE_PAGE_HELD);
	assert_int_equal(states[1], CORE_PAGE_FILE);
	assert_int_equal(core_read(core, PROGRAM + PAGE, buffer, PAGE), PAGE);
	assert_memory_equal(buffer, program + PAGE, PAGE);
	core_free(core);
}

/* A build id that is not the file's: a page that is not in the core is not to be had. */
static void test_a_file_that_is_another(void **state)
{
	static uint8_t other[PAGE];
	const struct mapping mapping = {.inode = 1};
	struct core_space space;
	uint8_t buffer[PAGE];

	(void)state;
	memcpy(other, program, PAGE);
	uint8_t *id = memmem(other, PAGE, "\x03\0\0\0GNU", 8);
	assert_non_null(id);
	id[8] ^= 1;
	make(&space);
	space.contents[1] = other;
	struct core *core = open_space(&space);
	assert_int_equal(core_about(core).changed_files, 1);
	assert_string_equal(core_about(core).changed_file, program_path);
	assert_int_equal(core_read(core, PROGRAM + PAGE, buffer, PAGE), -1);
	assert_int_equal(core_open_file(core, &mapping), -ESTALE);
	core_free(core);
}

static void test_cut_short(void **state)
{
	struct core_space space;
	struct failure failure;
	uint8_t states[4];
	size_t size;

	(void)state;
	make(&space);
	uint8_t *bytes = core_space_bytes(&space, &size);
	size_t held = space.parts[2].p_offset + 2 * PAGE + 100;
	for (size_t length = 0; length < held; length += 61) {
		struct core *core = NULL;

		if (!open_bytes(bytes, length, &core, &failure)) {
			assert_true(core_about(core).missing_bytes > 0);
			core_free(core);
		}
	}
	struct core *core = NULL;
	assert_int_equal(open_bytes(bytes, held, &core, &failure), 0);
	core_page_states(core, HEAP, 4, states);
	assert_int_equal(states[0], CORE_PAGE_HELD);
	assert_int_equal(states[2], CORE_PAGE_ABSENT);
	assert_int_equal(core_about(core).missing_bytes, 3 * PAGE);
	core_free(core);
	free(bytes);
}

static void test_damage(void **state)
{
	struct core_space space;

	(void)state;
	make(&space);
	space.head.e_machine = EM_AARCH64;
	assert_refused(&space, "processor 183");
	make(&space);
	space.head.e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(&space, "32-bit");
	make(&space);
	space.parts[3].p_vaddr = HEAP;
	assert_refused(&space, "damaged");
	make(&space);
	space.head.e_phentsize = 1;
	assert_refused(&space, "damaged");
	make(&space);
	memcpy(space.head.e_ident, "\x1f\x8b\x08", 4);
	assert_refused(&space, "compressed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_tells),
		cmocka_unit_test(test_as_a_process),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_a_file_that_has_no_part),
		cmocka_unit_test(test_a_file_that_is_another),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

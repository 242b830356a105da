/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of this very process: which are there, and what a stretch of them comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/pages.h"

enum { COUNT = 8, BYTES = COUNT * PAGES_BYTES };

static const struct procfs procfs = {"/proc"};
static uint8_t *memory;
static struct regions regions;
static struct pages *pages;

/* The first, the third and the fourth are written to. */
static int setup(void **state)
{
	(void)state;
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(madvise(memory, BYTES, MADV_NOHUGEPAGE), 0);
	memory[0] = memory[2 * PAGES_BYTES] = memory[3 * PAGES_BYTES + 9] = 1;
	assert_int_equal(regions_read(&procfs, getpid(), &regions), 0);
	pages = pages_new(getpid(), &regions);
	assert_non_null(pages);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pages_free(pages);
	regions_release(&regions);
	munmap(memory, BYTES);
	return 0;
}

static uint64_t resident(uint64_t from, uint64_t to)
{
	const struct page_bytes bytes = pages_count(pages, (uint64_t)(uintptr_t)memory + from,
						    (uint64_t)(uintptr_t)memory + to);

	assert_int_equal(bytes.swapped, 0);
	return bytes.resident;
}

static void test_counts(void **state)
{
	(void)state;
	assert_int_equal(resident(0, BYTES), 3 * PAGES_BYTES);
	assert_int_equal(resident(100, 200), 100);
	assert_int_equal(resident(PAGES_BYTES, 2 * PAGES_BYTES), 0);
	assert_int_equal(resident(PAGES_BYTES - 10, 2 * PAGES_BYTES + 20), 30);
	assert_int_equal(resident(3 * PAGES_BYTES, BYTES), PAGES_BYTES);
	assert_int_equal(resident(50, 50), 0);
}

static void test_states(void **state)
{
	uint8_t buffer[BYTES], states[COUNT];

	(void)state;
	memset(buffer, 7, sizeof(buffer));
	assert_int_equal(pages_read_some(pages, (uint64_t)(uintptr_t)memory, COUNT, buffer, states),
			 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(states[i] == PAGE_RESIDENT, i == 0 || i == 2 || i == 3);
	assert_memory_equal(buffer, memory, sizeof(buffer));
}

/* As the heap of a thread's arena grows: into what was closed when the regions were listed. */
static void test_reserve_that_opens(void **state)
{
	struct regions known;
	uint8_t buffer[BYTES], states[COUNT];
	uint8_t *heap = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(heap, MAP_FAILED);
	assert_int_equal(mprotect(heap, PAGES_BYTES, PROT_READ | PROT_WRITE), 0);
	memset(heap, 1, PAGES_BYTES);
	assert_int_equal(regions_read(&procfs, getpid(), &known), 0);
	struct pages *of_known = pages_new(getpid(), &known);
	assert_non_null(of_known);
	for (size_t count = 2; count <= COUNT; count++) {
		uint8_t *page = heap + (count - 1) * PAGES_BYTES;

		assert_int_equal(mprotect(page, PAGES_BYTES, PROT_READ | PROT_WRITE), 0);
		memset(page, (int)count, PAGES_BYTES);
		assert_int_equal(
			pages_read_some(of_known, (uint64_t)(uintptr_t)heap, COUNT, buffer, states),
			0);
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(states[i] == PAGE_RESIDENT, i < count);
		assert_memory_equal(buffer, heap, count * PAGES_BYTES);
	}
	/* what is closed again is not read */
	assert_int_equal(mprotect(heap, BYTES, PROT_NONE), 0);
	regions_release(&known);
	pages_free(of_known);
	assert_int_equal(regions_read(&procfs, getpid(), &known), 0);
	of_known = pages_new(getpid(), &known);
	assert_non_null(of_known);
	assert_int_equal(
		pages_read_some(of_known, (uint64_t)(uintptr_t)heap, COUNT, buffer, states), 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(states[i], PAGE_CLOSED);
	pages_free(of_known);
	regions_release(&known);
	munmap(heap, BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_reserve_that_opens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

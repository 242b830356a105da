/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages a process has: of its own, in mappings that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory/page_set.h"

enum { PAGE = 4096, PAGES = 2000 };

static const struct procfs procfs = {"/proc"};

/* No huge pages: each is touched for itself. */
static char *map(int flags)
{
	char *memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			    flags | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	madvise(memory, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

static void unmap(char *memory)
{
	munmap(memory, (size_t)PAGES * PAGE);
}

static void test_touched(void **state)
{
	char *memory = map(MAP_PRIVATE), *shared = map(MAP_SHARED);

	(void)state;
	for (int i = 0; i < PAGES; i += 3)
		memory[i * PAGE] = shared[(i + 1) % PAGES * PAGE] = 1;
	(void)*(volatile char *)&memory[PAGE]; /* the page of zeroes */
	struct page_set *set = page_set_read(&procfs, getpid());
	assert_non_null(set);
	for (int i = 0; i < PAGES; i++) {
		uintptr_t offset = (uintptr_t)i * PAGE;

		if (page_set_has(set, (uintptr_t)memory + offset) != (i % 3 == 0))
			fail_msg("page %d", i);
		if (page_set_has(set, (uintptr_t)shared + offset) != ((i + 2) % 3 == 0 && i))
			fail_msg("shared page %d", i);
	}
	assert_false(page_set_has(set, 0));
	assert_false(page_set_has(set, UINT64_MAX));
	assert_false(page_set_has(NULL, (uintptr_t)memory));
	page_set_free(set);
	unmap(memory);
	unmap(shared);
}

static void test_fates(void **state)
{
	char *memory = map(MAP_PRIVATE);
	const int there[] = {0, 1, 511, 512, 1999}, gone[] = {2, 513, 1000};
	struct page_fate fates[] = {
		{.address = 0x1000, .tag = 7},
		{.address = (uintptr_t)memory},
		{.address = (uintptr_t)memory + 1 * PAGE},
		{.address = (uintptr_t)memory + 2 * PAGE},
		{.address = (uintptr_t)memory + 511 * PAGE},
		{.address = (uintptr_t)memory + 512 * PAGE},
		{.address = (uintptr_t)memory + 513 * PAGE},
		{.address = (uintptr_t)memory + 1000 * PAGE},
		{.address = (uintptr_t)memory + 1999 * PAGE, .tag = 8},
	};
	const bool expected[] = {false, true, true, false, true, true, false, false, true};

	(void)state;
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
		memory[there[i] * PAGE] = 1;
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
		memory[gone[i] * PAGE] = 1;
		madvise(memory + gone[i] * PAGE, PAGE, MADV_DONTNEED);
	}
	assert_int_equal(page_fates_read(getpid(), fates, sizeof(fates) / sizeof(*fates)), 0);
	for (size_t i = 0; i < sizeof(fates) / sizeof(*fates); i++) {
		if (fates[i].there != expected[i])
			fail_msg("page %zu", i);
		assert_false(fates[i].huge);
	}
	assert_int_equal(fates[0].tag, 7);
	assert_int_equal(fates[8].tag, 8);
	unmap(memory);
}

/* A process that has ended has no pages, but it had: nothing is said of them. */
static void test_ended(void **state)
{
	struct page_fate fate = {.address = (uintptr_t)&procfs & ~(uintptr_t)(PAGE - 1)};
	pid_t child = fork();
	siginfo_t ended;

	(void)state;
	if (!child)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(page_fates_read(child, &fate, 1), 0);
	waitpid(child, NULL, 0);
	assert_int_not_equal(page_fates_read(child, &fate, 1), 0);
	assert_null(page_set_read(&procfs, child));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touched),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the data of this program and of its libraries ends, as the dynamic linker knows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/module_end.h"

enum { PAGE = MACHINE_PAGE_BYTES };

static const struct procfs procfs = {.root = "/proc"};
static char zeroes[5 * PAGE]; /* more than the rest of a page of the file */

struct seen {
	struct regions regions;
	struct file_pages files;
	size_t count; /* modules with zeroes in pages of their own */
};

/* Whose pages of zeroes begin behind those of the file. */
static void check_module(struct seen *seen, uint64_t base, const ElfW(Phdr) * segment)
{
	uint64_t file_end = (base + segment->p_vaddr + segment->p_filesz + PAGE - 1) & -PAGE;
	uint64_t end = (base + segment->p_vaddr + segment->p_memsz + PAGE - 1) & -PAGE;
	size_t at = regions_from(&seen->regions, file_end);

	if (end <= file_end)
		return;
	assert_true(region_is_module_data(&seen->regions, at));
	assert_true(module_end(&seen->files, getpid(), &seen->regions, at) == end);
	seen->count++;
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_W))
			check_module(context, info->dlpi_addr, &info->dlpi_phdr[i]);
	return 0;
}

static void test_ends_as_the_linker_has_them(void **state)
{
	struct seen seen = {0};

	(void)state;
	zeroes[0] = 1;
	assert_int_equal(regions_read(&procfs, getpid(), &seen.regions), 0);
	dl_iterate_phdr(visit, &seen);
	assert_true(seen.count >= 2); /* this program, libc */
	file_pages_close(&seen.files);
	regions_release(&seen.regions);
}

/* What lies right behind is one mapping with it to the kernel, and moves no end. */
static void test_a_heap_right_behind(void **state)
{
	struct file_pages files = {0};
	struct regions regions;
	uint64_t end;

	(void)state;
	assert_int_equal(regions_read(&procfs, getpid(), &regions), 0);
	size_t at = regions_from(&regions, (uintptr_t)zeroes + 2 * PAGE);
	end = module_end(&files, getpid(), &regions, at);
	assert_true(end > (uintptr_t)zeroes);
	file_pages_close(&files);
	regions_release(&regions);

	void *heap = mmap((void *)end, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_true(heap == (void *)end || errno == EEXIST);
	assert_int_equal(regions_read(&procfs, getpid(), &regions), 0);
	at = regions_from(&regions, end);
	if (strcmp(regions.items[at].mapping.path, "[heap]")) { /* as without randomization */
		assert_true(region_is_module_data(&regions, at));
		assert_true(module_end(&files, getpid(), &regions, at) == end);
	}
	file_pages_close(&files);
	regions_release(&regions);
	if (heap != MAP_FAILED)
		munmap(heap, 8 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_as_the_linker_has_them),
		cmocka_unit_test(test_a_heap_right_behind),
	};

	return cmocka_run_group_tests_name("module ends", tests, NULL, NULL);
}

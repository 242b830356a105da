/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/regions.h"

static const char recorded[] =
	"55d0c0000000-55d0c0001000 r--p 00000000 fd:01 131    /usr/bin/app: Rss\n"
	"Size:                  4 kB\n"
	"Rss:                   4 kB\n"
	"Pss:                   2 kB\n"
	"Pss_Dirty:             1 kB\n"
	"Private_Clean:         0 kB\n"
	"VmFlags: rd mr mw me \n"
	"55d0c0004000-55d0c0104000 rw-p 00000000 00:00 0      [heap]\n"
	"Rss:                1000 kB\n"
	"Pss:                 900 kB\n"
	"Shared_Dirty:        100 kB\n"
	"Private_Clean:         4 kB\n"
	"Private_Dirty:       896 kB\n"
	"Anonymous:          1000 kB\n"
	"AnonHugePages:       512 kB\n"
	"Swap:                 12 kB\n"
	"SwapPss:              11 kB\n"
	"SomethingNew:         77 kB\n"
	"VmFlags: rd wr mr mw me ac hg sd \n"
	"7f0000000000-7f0000002000 rw-s 00000000 00:05 9      /dev/shm/x (deleted)\n"
	"Rss:                   8 kB\n"
	"VmFlags: rd wr sh mr mw me ms sd\n"
	"7f0000002000-7f0000003000 rw-p 00000000 00:00 0 \n"
	"VmFlags: rd wr mr mw me um ac\n"
	"7f0000003000-7f0000004000 rw-p 00000000 00:06 4      /dev/some\n"
	"VmFlags: rd wr mr mw me io dd\n"
	"7f0000004000-7f0000005000 ---p 00000000 00:00 0 \n"
	"VmFlags: mr mw me\n"
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0      [stack]\n"
	"Rss:                  16 kB\n"
	"VmFlags: rd wr mr mw me gd ac\n";

static void write_smaps(const char *root, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/77", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/77/smaps", root);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_tree(const char *root)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/77/smaps", root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/77", root);
	rmdir(path);
	rmdir(root);
}

static int read_text(const char *text, struct regions *regions)
{
	char root[] = "/tmp/unfreed-smaps-XXXXXX";
	const struct procfs procfs = {mkdtemp(root)};

	write_smaps(root, text);
	int error = regions_read(&procfs, 77, regions);
	remove_tree(root);
	return error;
}

static void test_a_recorded_list(void **state)
{
	struct regions regions;

	(void)state;
	assert_int_equal(read_text(recorded, &regions), 0);
	assert_int_equal(regions.count, 7);
	const struct region *code = &regions.items[0], *heap = &regions.items[1];
	assert_string_equal(code->mapping.path, "/usr/bin/app: Rss");
	assert_int_equal(code->resident_bytes, 4096);
	assert_int_equal(code->proportional_bytes, 2048);
	assert_int_equal(code->private_bytes, 0);
	assert_int_equal(code->flags, 0);
	assert_int_equal(heap->mapping.start, 0x55d0c0004000);
	assert_int_equal(heap->resident_bytes, 1000 * 1024);
	assert_int_equal(heap->proportional_bytes, 900 * 1024);
	assert_int_equal(heap->private_bytes, 900 * 1024);
	assert_int_equal(heap->anonymous_bytes, 1000 * 1024);
	assert_int_equal(heap->huge_bytes, 512 * 1024);
	assert_int_equal(heap->swapped_bytes, 12 * 1024);
	assert_int_equal(heap->flags, REGION_HUGE_ADVISED);
	assert_true(regions.items[2].mapping.deleted);
	assert_int_equal(regions.items[6].flags, REGION_STACK);
	regions_release(&regions);
	assert_null(regions.items);
}

static void test_what_may_be_read(void **state)
{
	static const struct {
		uint64_t address;
		bool read, data;
	} cases[] = {
		{0x55d0c0000000, true, false},  {0x55d0c0004000, true, true},
		{0x7f0000000000, true, false},  {0x7f0000002000, false, false},
		{0x7f0000003000, false, false}, {0x7f0000004000, false, false},
		{0x7ffc00000000, true, true},
	};
	struct regions regions;

	(void)state;
	assert_int_equal(read_text(recorded, &regions), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct region *region = regions_find(&regions, cases[i].address);

		assert_non_null(region);
		assert_int_equal(region_may_be_read(region), cases[i].read);
		assert_int_equal(region_is_data(region), cases[i].data);
	}
	regions_release(&regions);
}

static void test_addresses_are_found(void **state)
{
	struct regions regions;

	(void)state;
	assert_int_equal(read_text(recorded, &regions), 0);
	assert_null(regions_find(&regions, 0));
	assert_null(regions_find(&regions, 0x55d0c0001000));
	assert_ptr_equal(regions_find(&regions, 0x55d0c0103fff), &regions.items[1]);
	assert_null(regions_find(&regions, 0x55d0c0104000));
	assert_null(regions_find(&regions, UINT64_MAX));
	regions_release(&regions);
}

/* What a reader finds in an entry of /proc, one text after another. */
struct told {
	const char *name;
	const char *text;
};

static const char twice[] = "7f0000000000-7f0002000000 rw-p 00000000 00:00 0 \n"
			    "Rss:               32768 kB\n"
			    "7f0010000000-7f0012001000 rw-p 00000000 00:00 0 \n"
			    "Rss:               32772 kB\n",
		  nowhere[] = "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0      [stack]\n"
			      "Rss:                  16 kB\n",
		  once[] = "7f0010000000-7f0012001000 rw-p 00000000 00:00 0 \n"
			   "Rss:               32772 kB\n",
		  status[] = "Tgid:\t77\nState:\tS (sleeping)\nVmRSS:\t   32772 kB\n";

/* A FIFO opens when the reader opens it too, and of two in turns each text is one reading's. */
static void *tell(void *root)
{
	static const struct told told[] = {
		{"smaps", twice},   {"status", status}, {"smaps", nowhere},
		{"status", status}, {"smaps", once},    {"status", status},
	};

	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/77/%s", (const char *)root, told[i].name);
		FILE *file = fopen(path, "w");
		fputs(told[i].text, file);
		fclose(file);
	}
	return NULL;
}

static void make_entries(const char *root)
{
	static const char stat[] = "77 (app) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 0 0 0";
	char path[128];

	snprintf(path, sizeof(path), "%s/77", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/77/smaps", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/77/status", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/77/stat", root);
	FILE *file = fopen(path, "w");
	fputs(stat, file);
	fclose(file);
}

/* A mapping that moves while the list is read is in it twice, or not at all: it is read again. */
static void test_a_list_that_does_not_add_up_is_read_again(void **state)
{
	char root[] = "/tmp/unfreed-smaps-XXXXXX", path[128];
	const struct procfs procfs = {mkdtemp(root)};
	struct regions regions;
	pthread_t teller;

	(void)state;
	make_entries(root);
	assert_int_equal(pthread_create(&teller, NULL, tell, root), 0);
	assert_int_equal(regions_read(&procfs, 77, &regions), 0);
	pthread_join(teller, NULL);
	assert_int_equal(regions.count, 1);
	assert_int_equal(regions.items[0].resident_bytes, 32772 * 1024);
	regions_release(&regions);
	snprintf(path, sizeof(path), "%s/77/status", root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/77/stat", root);
	unlink(path);
	remove_tree(root);
}

static void test_damaged_lists_are_refused(void **state)
{
	static const char *const damaged[] = {"Rss: 4 kB\n", "garbage\n", "1000-2000 rw\n", "\n"};
	struct regions regions;

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		assert_int_equal(read_text(damaged[i], &regions), -EPROTO);
		assert_null(regions.items);
		assert_int_equal(regions.count, 0);
	}
}

static void test_of_this_process(void **state)
{
	const struct procfs procfs = {"/proc"};
	struct regions regions;
	size_t size = 64 * 4096;

	(void)state;
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	madvise(pages, size, MADV_NOHUGEPAGE); /* a mapping of its own, of small pages */
	memset(pages, 1, 5 * 4096);
	assert_int_equal(regions_read(&procfs, getpid(), &regions), 0);
	const struct region *region = regions_find(&regions, (uintptr_t)pages);
	assert_non_null(region);
	assert_int_equal(region->mapping.end - region->mapping.start, size);
	assert_int_equal(region->resident_bytes, 5 * 4096);
	assert_int_equal(region->private_bytes, 5 * 4096);
	assert_true(region_is_data(region));
	/* not a variable's address: GCC 14's sanitizer keeps variables in frames of its own */
	const struct region *stack = regions_find(&regions, (uintptr_t)__builtin_frame_address(0));
	assert_non_null(stack);
	assert_true(stack->flags & REGION_STACK);
	regions_release(&regions);
	munmap(pages, size);
	assert_int_equal(regions_read(&procfs, 0x7ffffff0, &regions), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_recorded_list),
		cmocka_unit_test(test_what_may_be_read),
		cmocka_unit_test(test_addresses_are_found),
		cmocka_unit_test(test_a_list_that_does_not_add_up_is_read_again),
		cmocka_unit_test(test_damaged_lists_are_refused),
		cmocka_unit_test(test_of_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

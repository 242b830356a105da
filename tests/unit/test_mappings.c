/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/mappings.h"

static const struct procfs real = {"/proc"};

static const char recorded[] =
	"55d0c0000000-55d0c0001000 r--p 00000000 fd:01 131 \t/usr/bin/app\n"
	"55d0c0001000-55d0c0003000 r-xp 00001000 fd:01 131                   /usr/bin/app\n"
	"55d0c0003000-55d0c0004000 rw-p 00000000 00:00 0 \n"
	"55d0c0004000-55d0c0005000 rw-p 00000000 00:00 0                     [heap]\n"
	"7f0000000000-7f0000002000 r-xs 0000a000 103:2f 18446744073709551615 /tmp/a\\012b "
	"(deleted)\n"
	"7f0000002000-7f0000003000 r-xp 00000000 00:00 0                     x (deleted)\n"
	"7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0                     [vdso]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0             [vsyscall]\n";

static void write_maps(const char *root, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/77", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/77/maps", root);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_tree(const char *root)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/77/maps", root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/77", root);
	rmdir(path);
	rmdir(root);
}

static void test_a_recorded_list(void **state)
{
	char root[] = "/tmp/unfreed-maps-XXXXXX";
	const struct procfs procfs = {mkdtemp(root)};
	struct mappings mappings;

	(void)state;
	write_maps(root, recorded);
	assert_int_equal(mappings_read(&procfs, 77, &mappings), 0);
	assert_int_equal(mappings.count, 8);
	const struct mapping *code = &mappings.items[1];
	assert_int_equal(code->start, 0x55d0c0001000);
	assert_int_equal(code->end, 0x55d0c0003000);
	assert_int_equal(code->file_offset, 0x1000);
	assert_int_equal(code->device_major, 0xfd);
	assert_int_equal(code->device_minor, 1);
	assert_int_equal(code->inode, 131);
	assert_true(code->readable && code->executable && !code->writable && !code->deleted);
	assert_string_equal(code->path, "/usr/bin/app");
	assert_string_equal(mappings.items[2].path, "");
	assert_string_equal(mappings.items[3].path, "[heap]");
	assert_string_equal(mappings.items[4].path, "/tmp/a\nb");
	assert_true(mappings.items[4].deleted);
	assert_true(mappings.items[4].inode == UINT64_MAX);
	assert_int_equal(mappings.items[4].device_major, 0x103);
	assert_string_equal(mappings.items[5].path, "x (deleted)");
	assert_false(mappings.items[5].deleted);
	mappings_release(&mappings);
	remove_tree(root);
}

static void test_addresses_are_found(void **state)
{
	char root[] = "/tmp/unfreed-maps-XXXXXX";
	const struct procfs procfs = {mkdtemp(root)};
	struct mappings mappings;

	(void)state;
	write_maps(root, recorded);
	assert_int_equal(mappings_read(&procfs, 77, &mappings), 0);
	assert_null(mappings_find(&mappings, 0));
	assert_null(mappings_find(&mappings, 0x55d0bfffffff));
	assert_ptr_equal(mappings_find(&mappings, 0x55d0c0000000), &mappings.items[0]);
	assert_ptr_equal(mappings_find(&mappings, 0x55d0c0001000), &mappings.items[1]);
	assert_ptr_equal(mappings_find(&mappings, 0x55d0c0002fff), &mappings.items[1]);
	assert_null(mappings_find(&mappings, 0x55d0c0005000));
	assert_ptr_equal(mappings_find(&mappings, 0xffffffffff600fff), &mappings.items[7]);
	assert_null(mappings_find(&mappings, UINT64_MAX));
	mappings_release(&mappings);
	remove_tree(root);
}

static void test_damaged_lists_are_refused(void **state)
{
	static const char *const damaged[] = {
		"garbage\n",
		"1000-2000\n",
		"1000-2000 r-x\n",
		"1000-2000 r-xp 0 fd:01\n",
		"1000 2000 r-xp 00000000 fd:01 1 /x\n",
		"\n",
	};
	char root[] = "/tmp/unfreed-maps-XXXXXX";
	const struct procfs procfs = {mkdtemp(root)};
	struct mappings mappings;

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		write_maps(root, damaged[i]);
		assert_int_equal(mappings_read(&procfs, 77, &mappings), -EPROTO);
		assert_int_equal(mappings.count, 0);
		assert_null(mappings.items);
	}
	remove_tree(root);
}

static void test_a_hundred_thousand_lines_are_fast(void **state)
{
	char root[] = "/tmp/unfreed-maps-XXXXXX", path[64];
	const struct procfs procfs = {mkdtemp(root)};
	struct mappings mappings;
	struct timespec before, after;

	(void)state;
	write_maps(root, "");
	snprintf(path, sizeof(path), "%s/77/maps", root);
	FILE *file = fopen(path, "w");
	for (unsigned long i = 1; i <= 100000; i++)
		fprintf(file, "%lx-%lx rw-p 00000000 fd:01 %lu  /usr/lib/lib%lu.so\n", i << 16,
			(i << 16) + 0x1000, i, i);
	fclose(file);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(mappings_read(&procfs, 77, &mappings), 0);
	assert_int_equal(mappings.count, 100000);
	for (uint64_t i = 1; i <= 100000; i++)
		assert_int_equal(mappings_find(&mappings, i << 16)->inode, i);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true(after.tv_sec - before.tv_sec < 2);
	mappings_release(&mappings);
	remove_tree(root);
}

static void test_a_process_that_is_gone(void **state)
{
	struct mappings mappings;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		for (;;)
			pause();
	assert_int_equal(mappings_read(&real, pid, &mappings), 0);
	assert_true(mappings.count > 0);
	mappings_release(&mappings);
	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(mappings_read(&real, pid, &mappings), -ESRCH);
	assert_int_equal(mappings.count, 0);
	waitpid(pid, NULL, 0);
	assert_int_equal(mappings_read(&real, pid, &mappings), -ESRCH);
}

static void test_a_deleted_file_is_opened(void **state)
{
	char path[] = "/tmp/unfreed-mapped-XXXXXX";
	int fd = mkstemp(path);
	struct mappings mappings;
	struct stat written, opened;

	(void)state;
	assert_int_equal(write(fd, "mapped", 6), 6);
	void *address = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(address, MAP_FAILED);
	fstat(fd, &written);
	unlink(path);
	close(fd);
	assert_int_equal(mappings_read(&real, getpid(), &mappings), 0);
	const struct mapping *mapping = mappings_find(&mappings, (uint64_t)(uintptr_t)address);
	assert_non_null(mapping);
	assert_true(mapping->deleted);
	assert_string_equal(mapping->path, path);
	int found = mapping_open(&real, getpid(), mapping);
	if (found == -EPERM) {
		print_message("skipped: map_files needs CAP_SYS_ADMIN\n");
		skip();
	}
	assert_true(found >= 0);
	fstat(found, &opened);
	assert_int_equal(opened.st_ino, written.st_ino);
	assert_int_equal(opened.st_dev, written.st_dev);
	close(found);
	munmap(address, 4096);
	assert_int_equal(mapping_open(&real, getpid(), mapping), -ENOENT);
	mappings_release(&mappings);
}

/* A name that is told says nothing: the file must be the one that the kernel numbered. */
static void test_open_named(void **state)
{
	char path[] = "/tmp/unfreed-mappings-XXXXXX", exe[4096];
	int fd = mkstemp(path);
	struct mapping mapping = {.path = path};
	struct statfs system;
	struct stat status;

	(void)state;
	if (!statfs(path, &system) && system.f_type == OVERLAYFS_SUPER_MAGIC) {
		unlink(path);
		skip(); /* its numbers say nothing */
	}
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	assert_true(fd >= 0 && length > 0 && !fstat(fd, &status));
	exe[length] = '\0';
	mapping.inode = status.st_ino;
	mapping.device_major = major(status.st_dev);
	mapping.device_minor = minor(status.st_dev);
	close(fd);
	fd = mapping_open_named(&real, getpid(), &mapping);
	assert_true(fd >= 0);
	close(fd);
	mapping.inode++;
	assert_int_equal(mapping_open_named(&real, getpid(), &mapping), -ESTALE);
	unlink(path);
	assert_int_equal(mapping_open_named(&real, getpid(), &mapping), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(mapping_open_named(&real, getpid(), &mapping) < 0);
	unlink(path);
	mapping.path = exe;
	assert_int_equal(stat(exe, &status), 0);
	mapping.inode = status.st_ino;
	fd = mapping_open_named(&real, getpid(), &mapping);
	assert_true(fd >= 0);
	close(fd);
	mapping.inode++;
	assert_int_equal(mapping_open_named(&real, getpid(), &mapping), -ESTALE);
	mapping.deleted = true;
	mapping.path = "/none";
	assert_int_equal(mapping_open_named(&real, getpid(), &mapping), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_recorded_list),
		cmocka_unit_test(test_addresses_are_found),
		cmocka_unit_test(test_damaged_lists_are_refused),
		cmocka_unit_test(test_a_hundred_thousand_lines_are_fast),
		cmocka_unit_test(test_a_process_that_is_gone),
		cmocka_unit_test(test_a_deleted_file_is_opened),
		cmocka_unit_test(test_open_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The truth is the note that the kernel mapped with this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf/build_id.h"

static size_t align(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Of the first object, which is this program. */
static int find_own(struct dl_phdr_info *info, size_t size, void *context)
{
	char *text = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const char *at = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		const char *end = at + info->dlpi_phdr[i].p_memsz;

		while (info->dlpi_phdr[i].p_type == PT_NOTE && at < end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const unsigned char *id =
				(const unsigned char *)at + sizeof(*note) + align(note->n_namesz);

			for (size_t j = 0; note->n_type == NT_GNU_BUILD_ID && j < note->n_descsz;
			     j++)
				sprintf(text + 2 * j, "%02x", id[j]);
			at += sizeof(*note) + align(note->n_namesz) + align(note->n_descsz);
		}
	}
	return 1;
}

static void own_build_id_is_found(void **state)
{
	char expected[BUILD_ID_TEXT_MAX] = "", text[BUILD_ID_TEXT_MAX], again[BUILD_ID_TEXT_MAX];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct confined *confined = confined_new();

	(void)state;
	dl_iterate_phdr(find_own, expected);
	assert_int_equal(build_id_of_file(fd, text), 0);
	assert_true(strlen(expected) >= 16);
	assert_string_equal(text, expected);
	assert_int_equal(build_id_read(confined, fd, again), 0);
	assert_string_equal(again, expected);
	confined_free(confined);
	close(fd);
}

static void check_either(int fd)
{
	char text[BUILD_ID_TEXT_MAX];
	bool found = build_id_of_file(fd, text) == 0;

	assert_int_equal(found, text[0] != '\0');
}

/* The program with all bytes of its notes' headers changed, one after the other, and cut. */
static void damaged_files_are_survived(void **state)
{
	enum { SIZE = 4096 };
	int original = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char bytes[SIZE];
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(pread(original, bytes, SIZE, 0), SIZE);
	for (size_t i = 0; i < SIZE; i++) {
		char before = bytes[i];

		bytes[i] ^= (char)0xff;
		assert_int_equal(pwrite(fd, bytes, SIZE, 0), SIZE);
		check_either(fd);
		bytes[i] = before;
	}
	for (off_t size = SIZE; size > 0; size -= 16) {
		assert_int_equal(ftruncate(fd, size), 0);
		check_either(fd);
	}
	close(fd);
	close(original);
}

static void no_program_has_none(void **state)
{
	char text[BUILD_ID_TEXT_MAX] = "before";
	int fd = memfd_create("text", MFD_CLOEXEC);
	struct confined *confined = confined_new();

	(void)state;
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	assert_int_equal(build_id_of_file(fd, text), -ENOEXEC);
	assert_string_equal(text, "");
	assert_int_equal(build_id_read(confined, fd, text), -ENOEXEC);
	confined_free(confined);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_build_id_is_found),
		cmocka_unit_test(damaged_files_are_survived),
		cmocka_unit_test(no_program_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of ELF files on a real library, and on copies of it that were made to harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf/elf_file.h"
#include "elf/vdso.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"

/* A copy of libc that one may damage. */
struct copy {
	int fd;
	size_t size;
	uint8_t *bytes;
	Elf64_Ehdr *header;
	Elf64_Phdr *segments;
	Elf64_Shdr *sections;
};

static void copy_make(struct copy *copy)
{
	static uint8_t bytes[4 << 20];
	int fd = open(LIBC, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, bytes, sizeof(bytes));

	close(fd);
	copy->fd = memfd_create("copy", MFD_CLOEXEC);
	assert_true(size > 0 && (size_t)size < sizeof(bytes));
	assert_int_equal(write(copy->fd, bytes, (size_t)size), size);
	copy->size = (size_t)size;
	copy->bytes = mmap(NULL, copy->size, PROT_READ | PROT_WRITE, MAP_SHARED, copy->fd, 0);
	assert_ptr_not_equal(copy->bytes, MAP_FAILED);
	copy->header = (Elf64_Ehdr *)copy->bytes;
	copy->segments = (Elf64_Phdr *)(copy->bytes + copy->header->e_phoff);
	copy->sections = (Elf64_Shdr *)(copy->bytes + copy->header->e_shoff);
}

static void copy_drop(struct copy *copy)
{
	munmap(copy->bytes, copy->size);
	close(copy->fd);
}

static Elf64_Shdr *copy_section(struct copy *copy, uint32_t type)
{
	for (size_t i = 0; i < copy->header->e_shnum; i++)
		if (copy->sections[i].sh_type == type)
			return &copy->sections[i];
	fail();
	return NULL;
}

static int note_malloc(void *context, const GElf_Sym *symbol, const char *name)
{
	assert_true(symbol->st_shndx != SHN_UNDEF && *name);
	if (!strcmp(name, "malloc"))
		*(uint64_t *)context = symbol->st_value;
	return 0;
}

static int stop(void *context, const GElf_Sym *symbol, const char *name)
{
	(void)symbol, (void)name;
	++*(int *)context;
	return 7;
}

static int note_slot(void *context, uint64_t address, const GElf_Sym *symbol, const char *name)
{
	(void)symbol;
	assert_true(address);
	if (!strcmp(name, "malloc"))
		++*(int *)context;
	return 0;
}

static void test_a_library_is_read(void **state)
{
	struct elf_segment segments[16], segment;
	uint64_t malloc_address = 0, address;
	int calls = 0, slots = 0;
	struct elf_file file;
	struct copy copy;
	GElf_Shdr header;
	Elf_Data *data;

	(void)state;
	copy_make(&copy);
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_check(&file), 0);
	assert_int_equal(elf_file_segments(&file, PF_X, segments, 16), 1);
	assert_true(elf_file_segments(&file, 0, segments, 0) > 1);
	assert_int_equal(elf_file_symbols(&file, note_malloc, &malloc_address), 0);
	assert_false(file.is_damaged);
	assert_true(elf_file_segment_at(&file, malloc_address, &segment));
	assert_int_equal(segment.flags, PF_R | PF_X);
	assert_true(elf_file_address(&file, segment.offset + malloc_address - segment.address,
				     &address));
	assert_int_equal(address, malloc_address);
	assert_false(elf_file_segment_at(&file, UINT64_MAX, &segment));
	assert_false(elf_file_address(&file, copy.size, &address));
	assert_int_equal(elf_file_symbols(&file, stop, &calls), 7);
	assert_int_equal(calls, 1);
	assert_int_equal(elf_file_slots(&file, note_slot, &slots), 0);
	assert_true(slots > 0);
	assert_null(elf_file_section(&file, ".nothing", &header));
	assert_int_equal(elf_file_data(elf_file_section(&file, ".eh_frame", &header), &data), 0);
	assert_int_equal(data->d_size, header.sh_size);
	assert_memory_equal(data->d_buf, copy.bytes + header.sh_offset, data->d_size);
	elf_file_close(&file);
	copy_drop(&copy);
}

static void test_what_is_no_program_is_refused(void **state)
{
	struct elf_file file;
	struct copy copy;
	int fd = memfd_create("text", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "\177ELF", 4), 4);
	assert_int_equal(elf_file_open(&file, fd), -ENOEXEC);
	close(fd);
	assert_int_equal(elf_file_open(&file, -1), -ENOEXEC);
	copy_make(&copy);
	copy.header->e_machine = EM_AARCH64;
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_check(&file), -ENOTSUP);
	elf_file_close(&file);
	copy.header->e_type = ET_CORE;
	assert_int_equal(elf_file_open(&file, copy.fd), -ENOEXEC);
	copy_drop(&copy);
}

static void test_bytes_end_with_the_file(void **state)
{
	struct elf_file file;
	struct copy copy;
	char bytes[16];
	int error;

	(void)state;
	copy_make(&copy);
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_read(&file, copy.size - 16, bytes, 16), 0);
	assert_memory_equal(bytes, copy.bytes + copy.size - 16, 16);
	assert_int_equal(elf_file_read(&file, copy.size - 15, bytes, 16), -ENOEXEC);
	assert_int_equal(elf_file_read(&file, UINT64_MAX, bytes, 16), -ENOEXEC);
	assert_null(elf_file_copy(&file, 0, 0, &error));
	assert_int_equal(error, -ENOEXEC);
	assert_null(elf_file_copy(&file, 0, copy.size + 1, &error));
	assert_int_equal(error, -ENOEXEC);
	assert_null(elf_file_copy(&file, 0, ELF_BYTES_MAX + 1, &error));
	assert_int_equal(error, -EFBIG);
	assert_null(elf_file_piece(&file, copy.size - 8, 9, &error));
	assert_int_equal(error, -ENOEXEC);
	assert_null(elf_file_piece(&file, 0, ELF_BYTES_MAX + 1, &error));
	assert_int_equal(error, -EFBIG);
	elf_file_close(&file);
	copy_drop(&copy);
}

static void test_a_sparse_file_is_not_loaded(void **state)
{
	struct elf_file file;
	struct copy copy;
	Elf_Data *data;

	(void)state;
	copy_make(&copy);
	Elf64_Shdr *symbols = copy_section(&copy, SHT_DYNSYM);
	size_t number = (size_t)(symbols - copy.sections);
	symbols->sh_size = UINT64_C(1) << 40;
	assert_int_equal(ftruncate(copy.fd, INT64_C(1) << 41), 0);
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_data(elf_getscn(file.elf, number), &data), -EFBIG);
	elf_file_close(&file);
	copy_drop(&copy);
}

static void test_a_damaged_table_is_left_out(void **state)
{
	uint64_t address = 0;
	struct elf_file file;
	struct copy copy;

	(void)state;
	copy_make(&copy);
	copy_section(&copy, SHT_DYNSYM)->sh_link = 0;
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_symbols(&file, note_malloc, &address), 0);
	assert_true(file.is_damaged);
	assert_int_equal(address, 0);
	elf_file_close(&file);
	copy_drop(&copy);
}

/* Strings that do not end, and names behind them. */
static void test_names_end_within_their_table(void **state)
{
	uint64_t address = 0;
	struct elf_file file;
	struct copy copy;

	(void)state;
	copy_make(&copy);
	Elf64_Shdr *strings = &copy.sections[copy_section(&copy, SHT_DYNSYM)->sh_link];
	memset(copy.bytes + strings->sh_offset, 'x', strings->sh_size);
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_symbols(&file, note_malloc, &address), 0);
	assert_int_equal(address, 0);
	elf_file_close(&file);
	copy_drop(&copy);
}

static void test_segments_that_wrap_are_left_out(void **state)
{
	struct elf_segment segment;
	struct elf_file file;
	struct copy copy;

	(void)state;
	copy_make(&copy);
	for (size_t i = 0; i < copy.header->e_phnum; i++)
		copy.segments[i].p_vaddr = UINT64_MAX - 8;
	assert_int_equal(elf_file_open(&file, copy.fd), 0);
	assert_int_equal(elf_file_segments(&file, 0, &segment, 1), 0);
	elf_file_close(&file);
	copy_drop(&copy);
}

static void test_compressed_sections_are_inflated(void **state)
{
	struct elf_file file;
	GElf_Shdr header;
	Elf_Data *data;
	char path[] = "/tmp/test_elf_file.XXXXXX", command[256];
	int fd = mkstemp(path);

	(void)state;
	snprintf(command, sizeof(command),
		 "echo 'int x; int main(void){return x;}' | gcc -g -x c - -Wl,"
		 "--compress-debug-sections=zlib -o %s",
		 path);
	assert_int_equal(system(command), 0);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	assert_int_equal(elf_file_open(&file, fd), 0);
	Elf_Scn *section = elf_file_section(&file, ".debug_info", &header);
	assert_non_null(section);
	assert_true(header.sh_flags & SHF_COMPRESSED);
	assert_int_equal(elf_file_data(section, &data), 0);
	assert_int_not_equal(data->d_size, header.sh_size);
	elf_file_close(&file);
	close(fd);
}

static void test_the_vdso_is_a_file(void **state)
{
	int fd = vdso_open();
	struct elf_segment code;
	struct elf_file file;
	GElf_Shdr header;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(elf_file_open(&file, fd), 0);
	assert_int_equal(elf_file_segments(&file, PF_X, &code, 1), 1);
	assert_non_null(elf_file_section(&file, ".eh_frame", &header));
	elf_file_close(&file);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_library_is_read),
		cmocka_unit_test(test_what_is_no_program_is_refused),
		cmocka_unit_test(test_bytes_end_with_the_file),
		cmocka_unit_test(test_a_sparse_file_is_not_loaded),
		cmocka_unit_test(test_a_damaged_table_is_left_out),
		cmocka_unit_test(test_names_end_within_their_table),
		cmocka_unit_test(test_segments_that_wrap_are_left_out),
		cmocka_unit_test(test_compressed_sections_are_inflated),
		cmocka_unit_test(test_the_vdso_is_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

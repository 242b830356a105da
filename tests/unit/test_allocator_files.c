/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files count as allocators, and what is made of damaged ones: bytes of built libraries,
 * looked at as if this process had mapped them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "built_files.h"

static const char library_source[] =
	"#include <stddef.h>\nextern void *grow(size_t);\nextern void shrink(void *);\n"
	"extern void oom(void) __attribute__((noreturn));\n"
	"void *malloc(size_t n) { void *p = grow(n); return p ? p : grow(n + 1); }\n"
	"void free(void *p) { if (p) shrink(p); }\n"
	"void *_Znwm(size_t n) { void *p = grow(n); if (!p) oom(); return p; }\n"
	"void _ZdlPv(void *p) { free(p); }\n"
	"#ifdef AS_LOADER\nint _rtld_global = 1;\n#endif\n";

static const char operators_source[] =
	"#include <stdlib.h>\nvoid *_Znwm(size_t n) { return malloc(n); }\n"
	"void _ZdlPv(void *p) { free(p); }\n";

static int setup(void **state)
{
	(void)state;
	begin();
	write_source("library.c", library_source);
	write_source("operators.c", operators_source);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return end();
}

static uint8_t *read_file(const char *path, size_t *size)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	fstat(fd, &stat);
	uint8_t *bytes = malloc((size_t)stat.st_size);
	assert_int_equal(read(fd, bytes, (size_t)stat.st_size), stat.st_size);
	close(fd);
	*size = (size_t)stat.st_size;
	return bytes;
}

/* Looks at bytes as if they were a library that this process has mapped. */
static size_t find_in_bytes(const uint8_t *bytes, size_t size, char **skipped)
{
	struct mappings all, one = {.count = 1};
	struct allocators allocators;
	int fd = memfd_create("library", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, size), size);
	size_t length = (size | 4095) + 1;
	void *mapped = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	close(fd);
	assert_int_equal(mappings_read(&procfs, getpid(), &all), 0);
	one.items = (struct mapping *)mappings_find(&all, (uint64_t)(uintptr_t)mapped);
	assert_int_equal(allocators_find(&procfs, confined, getpid(), &one, &allocators, skipped),
			 0);
	size_t count = allocators.count;
	allocators_release(&allocators);
	mappings_release(&all);
	munmap(mapped, length);
	return count;
}

static size_t find_in_library(const char *arguments, const char *source)
{
	char path[128], *skipped;
	size_t size;

	build("cc", arguments, source, "library.so");
	snprintf(path, sizeof(path), "%s/library.so", directory);
	uint8_t *bytes = read_file(path, &size);
	size_t count = find_in_bytes(bytes, size, &skipped);
	assert_null(skipped);
	free(bytes);
	return count;
}

static void test_what_counts_as_an_allocator(void **state)
{
	(void)state;
	need_privilege();
	assert_int_equal(find_in_library("-shared -fPIC -fno-builtin", "library.c"), 1);
	assert_int_equal(find_in_library("-shared -fPIC -fno-builtin -DAS_LOADER", "library.c"), 0);
	assert_int_equal(find_in_library("-shared -fPIC -fno-builtin", "operators.c"), 0);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* Half of the damage goes where the structure is: the first and the last pages. */
static size_t choose_byte(uint64_t *seed, size_t size)
{
	size_t edge = size < 2048 ? size : 2048;
	uint64_t random = next_random(seed);

	switch (random % 4) {
	case 0:
		return next_random(seed) % edge;
	case 1:
		return size - 1 - next_random(seed) % edge;
	default:
		return next_random(seed) % size;
	}
}

static void damage(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size);
	uint64_t seed = 1;
	char *skipped;

	for (int round = 0; round < 300; round++) {
		memcpy(copy, bytes, size);
		for (int flips = 0; flips <= round % 8; flips++)
			copy[choose_byte(&seed, size)] ^= (uint8_t)(1 << next_random(&seed) % 8);
		find_in_bytes(copy, size, &skipped);
		free(skipped);
	}
	for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 + cut / 8 : size / 37 + 1) {
		assert_int_equal(find_in_bytes(bytes, cut, &skipped), 0);
		free(skipped);
	}
	free(copy);
}

static void test_damaged_files(void **state)
{
	char path[128], *skipped;
	size_t size;

	(void)state;
	need_privilege();
	build("cc", "-shared -fPIC -fno-builtin", "library.c", "library.so");
	snprintf(path, sizeof(path), "%s/library.so", directory);
	uint8_t *bytes = read_file(path, &size);
	assert_int_equal(find_in_bytes(bytes, size, &skipped), 1);
	assert_null(skipped);
	damage(bytes, size);
	bytes[4] = 1;
	assert_int_equal(find_in_bytes(bytes, size, &skipped), 0);
	assert_non_null(strstr(skipped, "not for 64-bit x86"));
	free(skipped);
	bytes[0] = 0;
	assert_int_equal(find_in_bytes(bytes, size, &skipped), 0);
	assert_null(skipped);
	free(bytes);
	char *installed = installed_library("libmimalloc.so.[23]");
	if (!installed)
		return;
	bytes = read_file(installed, &size);
	free(installed);
	damage(bytes, size);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts_as_an_allocator),
		cmocka_unit_test(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

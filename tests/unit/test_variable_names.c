/* SPDX-License-Identifier: BSD-2-Clause */
/* Which variable lies at an address: asked of this very program. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/mappings.h"
#include "symbolize/variable_names.h"

/* Of sizes that nothing else here has; written, so that they are there. */
int names_global[123];
static short names_static[457];
static int names_constant = 1;
static __thread volatile int names_of_thread[37];
__thread long names_of_thread_too = 5;

static struct confined *confined;
static int program = -1;
static struct mapping code; /* the first executable one of the program; its path is none of ours */
static uint64_t end;        /* of all that is mapped of it */

static int begin(void **state)
{
	static const struct procfs procfs = {"/proc"};
	struct mappings mappings;

	(void)state;
	names_global[1] = names_static[2] = (short)names_constant++;
	names_of_thread[3] = (int)names_of_thread_too++;
	confined = confined_new();
	program = open("/proc/self/exe", O_RDONLY);
	if (!confined || program < 0 || mappings_read(&procfs, getpid(), &mappings))
		return -1;
	for (size_t i = 0; i < mappings.count; i++) {
		const struct mapping *mapping = &mappings.items[i];

		if (!code.end && mapping->executable && mapping->inode)
			code = *mapping;
		if (code.end && mapping->inode == code.inode)
			end = mapping->end;
	}
	mappings_release(&mappings);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	confined_free(confined);
	close(program);
	return 0;
}

static int ask(uint64_t address, bool is_thread_local, struct variable_cover *cover)
{
	const struct variable_place place = {
		.address = address,
		.code_start = code.start,
		.code_file_offset = code.file_offset,
		.is_thread_local = is_thread_local,
	};

	memset(cover, 0, sizeof(*cover));
	return variable_name_at(confined, program, &place, cover);
}

/* The sanitizers make room between variables a part of the one before. */
static void check(const void *variable, size_t size, const char *name)
{
	uint64_t address = (uint64_t)variable, behind;
	struct variable_cover cover;

	assert_int_equal(ask(address, false, &cover), 0);
	assert_string_equal(cover.name, name);
	assert_true(cover.start == address);
	assert_true(cover.end >= address + size);
	behind = cover.end;
	assert_int_equal(ask(address + size - 1, false, &cover), 0);
	assert_string_equal(cover.name, name);
	assert_true(cover.start == address);
	if (!ask(behind, false, &cover))
		assert_string_not_equal(cover.name, name);
	if (!ask(address - 1, false, &cover))
		assert_string_not_equal(cover.name, name);
}

static void test_variables(void **state)
{
	(void)state;
	check(names_global, sizeof(names_global), "names_global");
	check(names_static, sizeof(names_static), "names_static");
	check(&names_constant, sizeof(names_constant), "names_constant");
	check(&end, sizeof(end), "end");
}

static void test_where_no_variable_is(void **state)
{
	struct variable_cover cover;

	(void)state;
	assert_int_equal(ask((uint64_t)test_variables, false, &cover), -ENOENT); /* a function */
	assert_int_equal(ask(code.start, false, &cover), -ENOENT);
	assert_int_equal(ask(end + (1 << 20), false, &cover), -ERANGE);
	assert_int_equal(ask(code.start - (1 << 30), false, &cover), -ERANGE);
	assert_int_equal(ask(1 << 20, true, &cover), -ENOENT);
}

/* What is mapped is not what the file says: it is another file by now. */
static void test_another_file(void **state)
{
	struct variable_cover cover;
	const struct variable_place place = {
		.address = (uint64_t)names_global,
		.code_start = code.start,
		.code_file_offset = code.file_offset + 4096,
	};
	int empty = memfd_create("empty", 0);

	(void)state;
	assert_int_equal(variable_name_at(confined, program, &place, &cover), -ENOEXEC);
	assert_true(variable_name_at(confined, empty, &place, &cover) < 0);
	close(empty);
	check(names_global, sizeof(names_global), "names_global"); /* read again */
}

/* By where they lie in the block that each thread has. */
static size_t count_bytes_of(const struct thread_local_block *block, const char *name)
{
	struct variable_cover cover;
	size_t found = 0;

	for (uint64_t at = 0; at < block->bytes; at++)
		if (!ask(at, true, &cover) && !strcmp(cover.name, name)) {
			assert_true(cover.start <= at && at < cover.end && cover.end <= block->end);
			found++;
		}
	return found;
}

static void test_variables_of_a_thread(void **state)
{
	struct thread_local_block block;

	(void)state;
	assert_int_equal(thread_local_block_read(confined, program, &block), 0);
	assert_true(block.end >= sizeof(names_of_thread) + sizeof(names_of_thread_too));
	assert_true(block.bytes >= block.end && block.bytes < block.end + 4096);
	assert_int_equal(block.bytes % sizeof(long), 0);
	assert_int_equal(count_bytes_of(&block, "names_of_thread"), sizeof(names_of_thread));
	assert_int_equal(count_bytes_of(&block, "names_of_thread_too"),
			 sizeof(names_of_thread_too));
	assert_int_equal(count_bytes_of(&block, "names_global"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_where_no_variable_is),
		cmocka_unit_test(test_another_file),
		cmocka_unit_test(test_variables_of_a_thread),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}

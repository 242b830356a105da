/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbolize/variable.h"

uint64_t exported_counter = 1;
static uint32_t private_counter[3] = {1};
static __thread uint64_t thread_counter = 1;
uint64_t counter_of_class __asm__("_ZN6Engine5countE") = 1;

static const struct procfs procfs = {"/proc"};
static struct confined *confined;
static struct mappings mappings;

static int setup(void **state)
{
	(void)state;
	confined = confined_new();
	return confined ? mappings_read(&procfs, getpid(), &mappings) : -1;
}

static int teardown(void **state)
{
	(void)state;
	mappings_release(&mappings);
	confined_free(confined);
	return 0;
}

static int find(const char *name, struct variable *variable)
{
	*variable = (struct variable){0};
	return variable_find(&procfs, confined, getpid(), &mappings, name, variable);
}

static void assert_found(const char *name, const volatile void *address, uint64_t bytes)
{
	struct variable variable;

	assert_int_equal(find(name, &variable), 0);
	assert_int_equal(variable.address, (uint64_t)(uintptr_t)address);
	assert_int_equal(variable.bytes, bytes);
}

static void test_names(void **state)
{
	static volatile uint16_t inner = 1;

	(void)state;
	inner++;
	thread_counter++;
	assert_found("exported_counter", &exported_counter, 8);
	assert_found("private_counter", private_counter, 12);
	assert_found("Engine::count", &counter_of_class, 8);
	assert_found("_ZN6Engine5countE", &counter_of_class, 8);
	assert_found("inner", &inner, 2);
}

static void test_not_there(void **state)
{
	struct variable variable;
	char name[2 * VARIABLE_NAME_MAX];

	(void)state;
	assert_int_equal(find("no_such_counter", &variable), -ENOENT);
	assert_int_equal(find("thread_counter", &variable), -ENOENT);
	assert_int_equal(find("test_names", &variable), -ENOENT); /* a function */
	assert_int_equal(find("", &variable), -ENOENT);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(find(name, &variable), -ENAMETOOLONG);
}

/* A variable of a library that has it in its dynamic symbols alone. */
static void test_of_a_library(void **state)
{
	struct variable variable;

	(void)state;
	assert_int_equal(find("_IO_2_1_stdout_", &variable), 0);
	assert_int_equal(variable.address, (uint64_t)(uintptr_t)stdout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_of_a_library),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

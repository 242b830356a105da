/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/sites.h"

#define ARGUMENT(op, p, s, c) PROBE_COOKIE(PROBE_##op, DOMAIN_MALLOC, p, s, c)
#define CODE(...)             {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define ENDBR64               0xf3, 0x0f, 0x1e, 0xfa
#define TEST_RDI              0x48, 0x85, 0xff
#define SUB_RSP               0x48, 0x83, 0xec, 0x08
#define MOV_EDI_1             0xbf, 0x01, 0x00, 0x00, 0x00
#define MOV_ESI_1             0xbe, 0x01, 0x00, 0x00, 0x00
#define NOP4                  0x0f, 0x1f, 0x40, 0x00
#define NOP5                  0x0f, 0x1f, 0x44, 0x00, 0x00
#define RET                   0xc3
#define TEN(...)                                                                                   \
	__VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, \
		__VA_ARGS__, __VA_ARGS__, __VA_ARGS__

struct site_case {
	const char *what;
	const char *function;
	uint8_t code[128];
	size_t size;
	uint32_t skipped;
	enum site_kind kind;
	uint64_t cookie; /* 0: the function's own */
};

static const struct site_case site_cases[] = {
	{"free of Debian 12", "free", CODE(TEST_RDI, 0x74, 0x10, 0x55, RET), 3, SITE_EMULATED},
	{"the same, near", "free", CODE(TEST_RDI, 0x0f, 0x84, 0xbf, 0, 0, 0, RET), 3,
	 SITE_EMULATED},
	{"push r12", "malloc", CODE(0x41, 0x54, 0x55, RET), 0, SITE_EMULATED},
	{"push rbp", "malloc", CODE(0x55, RET), 0, SITE_EMULATED},
	{"endbr64, push", "malloc", CODE(ENDBR64, 0x55, RET), 4, SITE_EMULATED},
	{"endbr64, test, je", "free", CODE(ENDBR64, TEST_RDI, 0x74, 0x01, RET), 7, SITE_EMULATED},
	{"short jump", "malloc", CODE(0xeb, 0x00, RET), 0, SITE_EMULATED},
	{"near jump", "malloc", CODE(0xe9, 0, 1, 0, 0), 0, SITE_EMULATED},
	{"bnd jump", "malloc", CODE(0xf2, 0xe9, 0, 1, 0, 0), 0, SITE_EMULATED},
	{"call", "malloc", CODE(0xe8, 0, 1, 0, 0, RET), 0, SITE_EMULATED},
	{"nop", "malloc", CODE(0x90, RET), 0, SITE_EMULATED},
	{"stack moved first", "malloc", CODE(SUB_RSP, 0x55, RET), 0, SITE_STEPPED},
	{"stack written first", "malloc", CODE(0x48, 0x89, 0x3c, 0x24, 0x55), 0, SITE_STEPPED},
	{"push with a vain REX.W", "malloc", CODE(0x48, 0x53, 0x55, RET), 0, SITE_STEPPED},
	{"push of memory", "malloc", CODE(0xff, 0x37, 0x55, RET), 0, SITE_STEPPED},
	{"argument lost", "malloc", CODE(MOV_EDI_1, 0x55, RET), 0, SITE_STEPPED},
	{"other argument lost", "malloc", CODE(MOV_ESI_1, 0x55, RET), 5, SITE_EMULATED},
	{"argument lost by half", "malloc", CODE(0x40, 0xb7, 0x01, 0x55), 0, SITE_STEPPED},
	{"argument lost to mul", "reallocarray",
	 CODE(0x48, 0x89, 0xf0, 0x48, 0xf7, 0xe2, 0x70, 0x00, RET), 0, SITE_STEPPED},
	{"exchange", "malloc", CODE(0x48, 0x87, 0xfb, 0x55, RET), 0, SITE_STEPPED},
	{"string copy", "malloc", CODE(0xa4, 0x55, RET), 0, SITE_STEPPED},
	{"argument moved, as in mimalloc", "malloc", CODE(0x48, 0x89, 0xfe, MOV_EDI_1, 0x77, 0x00),
	 8, SITE_EMULATED, ARGUMENT(ALLOC, PROBE_NO_ARG, 1, PROBE_NO_ARG)},
	{"both arguments moved", "realloc",
	 CODE(0x48, 0x89, 0xf2, 0x48, 0x89, 0xfe, MOV_EDI_1, 0xe9, 0, 1, 0, 0), 11, SITE_EMULATED,
	 ARGUMENT(REALLOC, 1, 2, PROBE_NO_ARG)},
	{"half an argument moved", "malloc", CODE(0x89, 0xfe, MOV_EDI_1, 0x77, 0x00), 0,
	 SITE_STEPPED},
	{"5-byte nop, push", "malloc", CODE(NOP5, 0x55, RET), 5, SITE_EMULATED},
	{"5-byte nop alone", "malloc", CODE(NOP5, SUB_RSP, RET), 0, SITE_STEPPED},
	{"4-byte nop alone", "malloc", CODE(NOP4, SUB_RSP, RET), 0, SITE_EMULATED_NOP},
	{"4-byte nop, push", "malloc", CODE(NOP4, 0x55, RET), 4, SITE_EMULATED},
	{"2-byte nop is refused", "malloc", CODE(0x66, 0x90, 0x55, RET), 2, SITE_EMULATED},
	{"2-byte nop is refused, stepped", "malloc", CODE(0x66, 0x90, SUB_RSP), 2, SITE_STEPPED},
	{"xchg that looks like a nop", "malloc", CODE(0x41, 0x90, RET), 0, SITE_STEPPED},
	{"lock is refused", "malloc", CODE(0xf0, 0x48, 0x83, 0x07, 0x01, RET), 5, SITE_STEPPED},
	{"rep ret", "malloc", CODE(0xf3, RET), 0, SITE_STEPPED},
	{"indirect jump", "malloc", CODE(0xff, 0xe0), 0, SITE_STEPPED},
	{"behind a return", "malloc", CODE(RET, 0x55), 0, SITE_STEPPED},
	{"jrcxz is not emulated", "malloc", CODE(0xe3, 0x00, 0x55), 0, SITE_STEPPED},
	{"a loop back to the site", "free", CODE(TEST_RDI, 0x74, 0x02, 0xeb, 0xfc, RET), 0,
	 SITE_STEPPED},
	{"a loop back before the site", "free",
	 CODE(TEST_RDI, TEST_RDI, 0x74, 0x02, 0xeb, 0xf9, RET), 0, SITE_STEPPED},
	{"a loop behind the site", "free", CODE(TEST_RDI, 0x74, 0x02, 0xeb, 0xfe, RET), 3,
	 SITE_EMULATED},
	{"at 48 bytes, as in jemalloc", "free",
	 CODE(TEN(TEST_RDI), TEST_RDI, TEST_RDI, TEST_RDI, TEST_RDI, TEST_RDI, TEST_RDI, 0x74,
	      0x00),
	 48, SITE_EMULATED},
	{"beyond the window", "free",
	 CODE(TEN(TEST_RDI), TEN(TEST_RDI), TEST_RDI, TEST_RDI, 0x74, 0), 0, SITE_STEPPED},
	{"cut instruction", "malloc", CODE(0x48, 0x8b), 0, SITE_STEPPED},
	{"no instruction", "malloc", CODE(0x06, 0x55), 0, SITE_STEPPED},
};

static void test_sites_are_chosen_by_the_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(site_cases) / sizeof(site_cases[0]); i++) {
		const struct site_case *c = &site_cases[i];
		const struct alloc_function *function = alloc_function_find(c->function);
		uint8_t *exact = malloc(c->size);
		struct site site;

		memcpy(exact, c->code, c->size);
		site_choose(function, exact, c->size, 0x1000, &site);
		free(exact);
		if (site.skipped != c->skipped || site.kind != c->kind)
			fail_msg("%s: +%u %s (%s)", c->what, site.skipped,
				 site_kind_name(site.kind), site.instruction);
		assert_int_equal(site.file_offset, 0x1000 + c->skipped);
		assert_int_equal(site.cookie, c->cookie ? c->cookie : function->cookie);
		assert_ptr_equal(site.function, function);
	}
}

static void test_no_code_at_all(void **state)
{
	struct site site;

	(void)state;
	site_choose(alloc_function_find("malloc"), (const uint8_t *)"", 0, 7, &site);
	assert_int_equal(site.kind, SITE_STEPPED);
	assert_int_equal(site.file_offset, 7);
}

static void test_the_function_table(void **state)
{
	size_t count;
	const struct alloc_function *functions = alloc_functions(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(alloc_function_find(functions[i].name), &functions[i]);
	assert_null(alloc_function_find("strdup"));
	assert_null(alloc_function_find("malloc_usable_size"));
	assert_null(alloc_function_find(""));
	assert_int_equal(alloc_function_find("_Znwm")->flags,
			 FUNCTION_WITH_MALLOC | FUNCTION_THROWS);
	assert_int_equal(alloc_function_find("_ZnwmRKSt9nothrow_t")->flags, FUNCTION_WITH_MALLOC);
	assert_int_equal(alloc_function_find("posix_memalign")->cookie,
			 ARGUMENT(MEMALIGN, 0, 2, PROBE_NO_ARG));
	assert_int_equal(alloc_function_find("reallocarray")->cookie, ARGUMENT(REALLOC, 0, 2, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites_are_chosen_by_the_rule),
		cmocka_unit_test(test_no_code_at_all),
		cmocka_unit_test(test_the_function_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

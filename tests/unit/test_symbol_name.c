/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/symbol_name.h"

static void assert_readable(const char *name, const char *expected)
{
	char text[256];

	assert_string_equal(symbol_name_readable(name, text, sizeof(text)), expected);
}

static void c_names_stay(void **state)
{
	(void)state;
	assert_readable("malloc", "malloc");
	assert_readable("_PyObject_Malloc", "_PyObject_Malloc");
	assert_readable("_Zebra", "_Zebra");
	assert_readable("Row.name", "Row.name");
	assert_readable("", "");
	assert_readable(".", ".");
	assert_readable("@", "@");
}

static void additions_are_removed(void **state)
{
	(void)state;
	assert_readable("grow.constprop.0", "grow");
	assert_readable("grow.isra.3.part.1", "grow");
	assert_readable("grow.cold", "grow");
	assert_readable("grow.llvm.1234567", "grow");
	assert_readable("grow.lto_priv.0", "grow");
	assert_readable("grow.coldest", "grow.coldest");
	assert_readable("memcpy@@GLIBC_2.14", "memcpy");
	assert_readable("_ZN4shop6Basket3addEi.part.0", "shop::Basket::add");
}

static void cxx_is_demangled_without_parameters(void **state)
{
	(void)state;
	assert_readable("_ZN4shop6BasketIiE3addEi", "shop::Basket<int>::add");
	assert_readable("_Znwm", "operator new");
	assert_readable("_ZNSt6vectorIiSaIiEE9push_backERKi",
			"std::vector<int, std::allocator<int> >::push_back");
}

static void rust_is_demangled_without_hash(void **state)
{
	(void)state;
	assert_readable("_ZN5chain4shop4fill17h0123456789abcdefE", "chain::shop::fill");
	assert_readable("_ZN5chain4shop4fill17h0123456789abcdefE.llvm.42", "chain::shop::fill");
	assert_readable("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
}

/* Each level doubles what the name unfolds to: the text is cut, the memory is not asked for. */
static void unfolding_names_are_cut(void **state)
{
	char name[512] = "_Z1fI", text[64];

	(void)state;
	strcat(name, "1aIiiE");
	for (int i = 0; i < 20; i++) {
		char level[16] = "1bIS0_S0_E";

		level[4] = level[7] = i < 9 ? (char)('0' + i) : (char)('A' + i - 9);
		strcat(name, level);
	}
	strcat(name, "Evv");
	symbol_name_readable(name, text, sizeof(text));
	assert_true(strlen(text) < sizeof(text));
}

static void hostile_names_are_harmless(void **state)
{
	static const char *const patterns[] = {"_ZN", "_R", "_ZNSt", "_RNvC", "_Z1fI", "_ZPPPP"};
	size_t length = 100000;
	char *name = malloc(length + 1), text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		size_t pattern_length = strlen(patterns[i]);

		for (size_t cut = 16; cut <= length; cut *= 5) {
			for (size_t at = 0; at < cut; at++)
				name[at] = patterns[i][at % pattern_length];
			name[cut] = '\0';
			symbol_name_readable(name, text, sizeof(text));
			assert_true(strlen(text) < sizeof(text));
		}
	}
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c_names_stay),
		cmocka_unit_test(additions_are_removed),
		cmocka_unit_test(cxx_is_demangled_without_parameters),
		cmocka_unit_test(rust_is_demangled_without_hash),
		cmocka_unit_test(unfolding_names_are_cut),
		cmocka_unit_test(hostile_names_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

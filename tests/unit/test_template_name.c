/* SPDX-License-Identifier: BSD-2-Clause */
/* What is left of names of C++ templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "output/template_name.h"

#define STRING "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"

static void assert_short(const char *name, const char *wanted)
{
	char *text = template_name_short(name);

	if (!wanted)
		assert_null(text);
	else
		assert_string_equal(text, wanted);
	free(text);
}

static void test_defaults_are_left_out(void **state)
{
	(void)state;
	assert_short("std::_Sp_counted_ptr_inplace<Session, std::allocator<void>, "
		     "(__gnu_cxx::_Lock_policy)2>",
		     "std::_Sp_counted_ptr_inplace<Session>");
	assert_short("std::map<" STRING ", std::shared_ptr<Session>, std::less<" STRING " >, "
		     "std::allocator<std::pair<" STRING " const, std::shared_ptr<Session> > > >",
		     "std::map<std::string, std::shared_ptr<Session>>");
	assert_short("std::__new_allocator<" STRING " >::allocate",
		     "std::__new_allocator<std::string>::allocate");
	assert_short("std::_Sp_counted_base<(__gnu_cxx::_Lock_policy)2>::_M_release",
		     "std::_Sp_counted_base::_M_release");
	assert_short("std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, "
		     "std::allocator<std::pair<int const, int> > >::find(int const&)",
		     "std::unordered_map<int, int>::find(int const&)");
}

/* What somebody chose stays, and so does what is no template. */
static void test_what_stays(void **state)
{
	static const char *const names[] = {
		"main",
		"",
		"remember(int)",
		"std::vector<int, Arena<int> >",
		"operator<",
		"a < b",
		"std::vector<int, std::allocator<int",
		"<, std::less<<<",
		"recommend.HISTORY[*]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_short(names[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_left_out),
		cmocka_unit_test(test_what_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

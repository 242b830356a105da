/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a server listens, and by which names it is asked. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "service/monitor/http.h"
#include "service/monitor/http_text.h"

static void test_own_names(void **state)
{
	static const char *const own[] = {
		"127.0.0.1", "127.0.0.1:9873", "10.1.2.3:80", "[::1]",      "[::1]:9873",
		"localhost", "LocalHost:1",    "web-3",       "WEB-3:9873",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (!http_is_own_host(own[i], "web-3"))
			fail_msg("%s", own[i]);
}

static void test_names_of_others(void **state)
{
	static const char *const others[] = {
		"",
		":",
		":9873",
		"evil.example",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"127.0.0.1:80a",
		"127.0.0.1:80:80",
		"[::1",
		"[",
		"[]",
		"[::1]x",
		"[web-3]",
		"web-3.",
		"web-30",
		"web",
		"127.1",
		"localhost\t",
		"127.0.0.1 ",
		"[::1]:9873x",
		"::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (http_is_own_host(others[i], "web-3"))
			fail_msg("%s", others[i]);
	assert_false(http_is_own_host("", ""));
	char name[400];
	memset(name, '1', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(http_is_own_host(name, ""));
}

static void test_where_it_listens(void **state)
{
	char shown[HTTP_ADDRESS_BYTES];
	struct failure failure;

	(void)state;
	int fd = http_listen("127.0.0.1:0", shown, &failure);
	assert_true(fd >= 0);
	assert_memory_equal(shown, "127.0.0.1:", strlen("127.0.0.1:"));
	assert_string_not_equal(shown, "127.0.0.1:0");
	assert_int_equal(http_listen(shown, shown, &failure), -1);
	assert_int_equal(failure.status, STATUS_FAILURE);
	assert_non_null(strstr(failure.text, "in use"));
	close(fd);
}

static void test_no_addresses(void **state)
{
	static const char *const none[] = {
		"",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1: 80",
		":80",
		"localhost:80",
		"::1:80",
		"[::1]",
		"[::1:80",
		"[127.0.0.1]:80",
		"[]:1",
		"127.0.0.1:8x",
		"127.0.0.1:99999999999999999999",
	};
	char shown[HTTP_ADDRESS_BYTES];
	struct failure failure;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (http_listen(none[i], shown, &failure) != -1)
			fail_msg("%s", none[i]);
		assert_int_equal(failure.status, STATUS_USAGE);
	}
}

static void test_what_may_be_a_name(void **state)
{
	static const char *const names[] = {"a", "web-3", "shop.example", "_dns.a.b", "10.0.0.1"};
	static const char *const others[] = {"", "a b", "a:80", "[::1]", "a/b", "a\n", "\xc3\xa4"};
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(http_is_name(names[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(http_is_name(others[i]));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[256] = '\0';
	assert_false(http_is_name(longest));
	longest[255] = '\0';
	assert_true(http_is_name(longest));
}

static void test_arguments(void **state)
{
	static const struct {
		const char *raw, *text; /* NULL: it is none */
	} cases[] = {
		{"", ""},
		{"shop", "shop"},
		{"a+b%20c", "a b c"},
		{"python3%5B12%5d", "python3[12]"},
		{"%E4%B8%96", "世"},
		{"12345678", NULL},
		{"1234567", "1234567"},
		{"%", NULL},
		{"%4", NULL},
		{"%4x", NULL},
		{"%%41", NULL},
		{"%00", NULL},
		{"%0a", NULL},
		{"%7f", NULL},
	};
	char text[12];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size = strchr(cases[i].raw, '1') == cases[i].raw ? 8 : sizeof(text);
		bool is_text = http_text_argument(cases[i].raw, text, size);

		if (is_text != (cases[i].text != NULL) ||
		    (is_text && strcmp(text, cases[i].text) != 0))
			fail_msg("%s", cases[i].raw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_names),          cmocka_unit_test(test_names_of_others),
		cmocka_unit_test(test_what_may_be_a_name), cmocka_unit_test(test_where_it_listens),
		cmocka_unit_test(test_no_addresses),       cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

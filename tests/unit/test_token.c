/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files a token is taken from, and what is the same as it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/monitor/token.h"

static char directory[] = "/tmp/unfreed-token-XXXXXX";
static char path[sizeof(directory) + 16];

static int setup(void **state)
{
	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/token", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void write_file(const char *text, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

static void assert_refused(const char *why)
{
	struct token token;
	struct failure failure = {0};

	assert_int_equal(token_read(path, &token, &failure), -1);
	assert_int_equal(failure.status, STATUS_FAILURE);
	if (!strstr(failure.text, why) || !strstr(failure.text, path))
		fail_msg("\"%s\" in: %s", why, failure.text);
}

static void test_one_is_made(void **state)
{
	struct token made, again;
	struct failure failure;
	struct stat status;

	(void)state;
	umask(0);
	assert_int_equal(token_read(path, &made, &failure), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(strlen(made.secret), TOKEN_MADE);
	assert_int_equal(token_read(path, &again, &failure), 0);
	assert_string_equal(made.secret, again.secret);
	assert_string_not_equal(made.session, again.session);
	assert_string_not_equal(made.session, made.secret);
	unlink(path);
	assert_int_equal(token_read(path, &again, &failure), 0);
	assert_string_not_equal(made.secret, again.secret);
}

static void test_what_is_taken(void **state)
{
	static const char *const tokens[] = {"sixteen-letters.", "AZaz09-._~+/=AZaz09\n"};
	struct token token;
	struct failure failure;
	char longest[TOKEN_MOST + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		write_file(tokens[i], strlen(tokens[i]));
		assert_int_equal(token_read(path, &token, &failure), 0);
		assert_int_equal(strlen(token.secret), strcspn(tokens[i], "\n"));
	}
	memset(longest, 'x', sizeof(longest));
	longest[TOKEN_MOST] = '\n';
	write_file(longest, sizeof(longest));
	assert_int_equal(token_read(path, &token, &failure), 0);
	assert_int_equal(strlen(token.secret), TOKEN_MOST);
}

static void test_what_is_no_token(void **state)
{
	static const char *const none[] = {"", "\n", "fifteen-letters", "fifteen-letters\n"};
	static const char *const other[] = {"two-lines-are-one\ntoo-many\n", "no spaces, no commas",
					    "neither\tcontrols\x1b[0m",
					    "nor-l\xc3\xa4tters-of-any"};
	char longer[TOKEN_MOST + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		write_file(none[i], strlen(none[i]));
		assert_refused("it holds no token");
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		write_file(other[i], strlen(other[i]));
		assert_refused("other characters");
	}
	write_file("a-zero-byte\0is-not-an-end", sizeof("a-zero-byte\0is-not-an-end") - 1);
	assert_refused("other characters");
	memset(longer, 'x', sizeof(longer));
	write_file(longer, sizeof(longer));
	assert_refused("it holds no token");
}

static void test_whose_file(void **state)
{
	static const mode_t readable[] = {0640, 0604, 0610, 0601};
	char other[sizeof(path) + 8];

	(void)state;
	write_file("sixteen-letters.", 16);
	for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++) {
		chmod(path, readable[i]);
		assert_refused("others can read it");
	}
	chmod(path, 0620);
	assert_refused("others can change it");
	chmod(path, 0600);
	snprintf(other, sizeof(other), "%s-other", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_refused("symbolic links");
	unlink(path);
	unlink(other);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused("no file");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused("no file");
}

static void test_what_is_the_same(void **state)
{
	static const struct token token = {"sixteen-letters.", "0123456789abcdef0123456789abcdef"};
	static const char *const others[] = {"",
					     "sixteen-letters",
					     "sixteen-letters..",
					     "Sixteen-letters.",
					     "sixteen-letters,",
					     "sixteen-letters.sixteen-letters.",
					     "0123456789abcdef0123456789abcdef"};

	(void)state;
	assert_true(token_is_secret(&token, "sixteen-letters."));
	assert_true(token_is_session(&token, token.session));
	assert_false(token_is_session(&token, token.secret));
	assert_false(token_is_secret(&token, NULL));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(token_is_secret(&token, others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_is_made, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_token, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whose_file, setup, teardown),
		cmocka_unit_test(test_what_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

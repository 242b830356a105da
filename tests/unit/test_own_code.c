// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "python/own_code.h"

static void test_own(void **state)
{
	(void)state;
	assert_true(frame_is_own("/srv/shop/recommend/behaviour.py"));
	assert_true(frame_is_own("recommend/views.py"));
	assert_true(frame_is_own("/srv/lib/engine.py"));
	assert_true(frame_is_own("/srv/lib/pythonic/engine.py"));
	assert_true(frame_is_own("/home/user/python3.11/app.py"));
	assert_true(frame_is_own("/app/site-packages.py"));
	assert_true(frame_is_own("/opt/libs/lib.py"));
}

static void test_standard_library(void **state)
{
	(void)state;
	assert_false(frame_is_own("/usr/lib/python3.11/logging/__init__.py"));
	assert_false(frame_is_own("/usr/local/lib/python3.12/queue.py"));
	assert_false(frame_is_own("/usr/lib64/python3.9/threading.py"));
	assert_false(frame_is_own("/root/.pyenv/versions/3.8.18/lib/python3.8/json/encoder.py"));
	assert_false(frame_is_own("/usr/lib/python311.zip/json/encoder.py"));
	assert_false(frame_is_own("/opt/pypy/lib/pypy3.9/collections.py"));
}

static void test_packages(void **state)
{
	(void)state;
	assert_false(frame_is_own("/venv/lib/python3.11/site-packages/django/db/models/query.py"));
	assert_false(frame_is_own("/usr/lib/python3/dist-packages/flask/app.py"));
	assert_false(frame_is_own("/app/vendor/site-packages/x.py"));
	assert_false(frame_is_own("C:/lib/site-packages/x.py"));
}

static void test_no_file(void **state)
{
	(void)state;
	assert_false(frame_is_own(NULL));
	assert_false(frame_is_own(""));
	assert_false(frame_is_own("<frozen importlib._bootstrap>"));
	assert_false(frame_is_own("<string>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_standard_library),
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

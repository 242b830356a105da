/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile/own_code.h"
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

#define EXE "/srv/shop/bin/shop"

struct row {
	const char *module;
	const char *name;
	const char *file;
	const char *exe;
	bool is_own;
};

static const struct row rows[] = {
	/* clang-format off */
	{EXE, "serve", "/build/shop/serve.cc", EXE, true},
	{EXE, "serve", NULL, EXE, true},
	{"/usr/bin/shop", "serve", NULL, "/usr/bin/shop", true},
	{"/srv/shop/lib/libshop.so", "price", NULL, EXE, true},
	{"/srv/shop/lib/libshop.so", "price", "price.cc", EXE, true},
	{"/opt/library.so", "price", NULL, EXE, true},
	/* libraries of the system's */
	{"/usr/lib/x86_64-linux-gnu/libxml2.so.2", "xmlNewNode", NULL, EXE, false},
	{"/usr/local/lib/libprice.so", "price", NULL, EXE, false},
	{"/lib/x86_64-linux-gnu/libc.so.6", "strdup", NULL, EXE, false},
	{"/lib64/libc.so.6", "strdup", NULL, EXE, false},
	{"/nix/store/abc-glibc/lib/libc.so.6", "strdup", NULL, "/nix/store/def-shop/bin/shop", false},
	{"/nix/store/def-shop/bin/shop", "serve", NULL, "/nix/store/def-shop/bin/shop", true},
	{"/srv/venv/lib/python3.11/site-packages/numpy/core/_multiarray.so", "resize", NULL, EXE, false},
	{"[vdso]", "clock_gettime", NULL, EXE, false},
	{NULL, "[unknown]", NULL, EXE, false},
	/* what a language brings along */
	{EXE, "std::vector<int>::push_back", NULL, EXE, false},
	{EXE, "push_back", "/usr/include/c++/12/bits/stl_vector.h", EXE, false},
	{EXE, "alloc::vec::Vec<T>::push", NULL, EXE, false},
	{EXE, "grow_one", "/rustc/90b35a6/library/alloc/src/raw_vec.rs", EXE, false},
	{EXE, "_start", NULL, EXE, false},
	{EXE, "insert", "/rust/deps/hashbrown-0.16.1/src/map.rs", EXE, false},
	{EXE, "poll", "/home/ann/.cargo/registry/src/index.crates.io-6f/tokio-1.40.0/src/a.rs", EXE, false},
	{EXE, "poll", "/usr/share/cargo/registry/tokio-1.24.2/src/a.rs", EXE, false},
	{EXE, "poll", "/root/.cargo/git/checkouts/hyper-1f/0a1b/src/a.rs", EXE, false},
	{EXE, "poll", "/srv/cargo/src/main.rs", EXE, true},
	{"/srv/shop/lib/libshop.so", "std::string::append", NULL, EXE, false},
	/* an interpreter, and one that nobody knows */
	{EXE, "serve", NULL, NULL, false},
	/* clang-format on */
};

static void test_native(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct frame frame = {
			.name = rows[i].name,
			.file = rows[i].file,
			.module = rows[i].module,
			.kind = FRAME_NATIVE,
		};

		if (frame_is_of_user(&frame, rows[i].exe) != rows[i].is_own)
			fail_msg("%s of %s", rows[i].name, rows[i].module);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),      cmocka_unit_test(test_standard_library),
		cmocka_unit_test(test_packages), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_native),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

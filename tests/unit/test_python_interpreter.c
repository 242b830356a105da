/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding live interpreters, and not believing a table that is not theirs.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confined_internal.h"
#include "lib/clock.h"
#include "made_tree.h"
#include "python/steer.h"
#include "python/validate.h"

static const struct procfs procfs = {"/proc"};
static struct confined *confined;
static glob_t pythons;

static char script_path[] = "/tmp/unfreed-python-XXXXXX.py";
static const char script[] = "import sys, threading\n"
			     "def wait(n):\n"
			     "    if n: return wait(n - 1)\n"
			     "    sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
			     "    sys.stdin.read()\n"
			     "wait(20)\n";

/* Code without a file, and such as templates are compiled to. */
static const char without_file[] = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); "
				   "sys.stdin.read()";
static const char nameless[] =
	"import importlib._bootstrap_external as b, sys\n"
	"code = compile(open(sys.argv[1]).read(), '<template>', 'exec')\n"
	"open(sys.argv[1] + 'c', 'wb').write(b._code_to_timestamp_pyc(code))\n";

static char *arguments[] = {NULL, "-S", script_path, NULL, NULL};

struct target {
	pid_t pid;
	int input;
	struct mappings mappings;
	struct python_interpreter interpreter;
};

static void run_python(const char *path, int input, int output)
{
	dup2(input, 0);
	dup2(output, 1);
	arguments[0] = (char *)path;
	execv(path, arguments);
	_exit(127);
}

static int start(const char *path, struct target *target)
{
	int input[2], output[2];
	char ready[6] = "";

	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	target->pid = fork();
	if (!target->pid) {
		close(input[1]);
		close(output[0]);
		run_python(path, input[0], output[1]);
	}
	close(input[0]);
	close(output[1]);
	target->input = input[1];
	ssize_t got = read(output[0], ready, sizeof(ready));
	close(output[0]);
	if (got == sizeof(ready))
		return 0;
	close(target->input);
	waitpid(target->pid, NULL, 0);
	return -1;
}

static void stop(struct target *target)
{
	kill(target->pid, SIGKILL);
	close(target->input);
	waitpid(target->pid, NULL, 0);
}

static void find(struct target *target)
{
	struct failure failure = {0};

	assert_int_equal(mappings_read(&procfs, target->pid, &target->mappings), 0);
	int error = python_interpreter_find(&procfs, confined, target->pid, &target->mappings,
					    &target->interpreter, &failure);
	if (error)
		print_message("%s\n", failure.text);
	assert_int_equal(error, 0);
}

static void release(struct target *target)
{
	python_interpreter_release(&target->interpreter);
	mappings_release(&target->mappings);
}

/* 3.8 and 3.9 differ in nothing that frames need. */
static bool may_agree(uint32_t a, uint32_t b)
{
	return a == b || (a <= 9 && b <= 9);
}

static void check_other_tables(const struct python_interpreter *interpreter)
{
	uint32_t minor = interpreter->layout.version >> 16 & 255;
	const char *what;

	for (uint32_t other = 8; other <= 12; other++) {
		struct python_interpreter wrong = *interpreter;

		if (may_agree(minor, other))
			continue;
		assert_int_equal(python_layout_by_version(PYTHON_VERSION(3, other), &wrong.layout),
				 0);
		assert_int_equal(python_validate(&wrong, &what), -EBADMSG);
		assert_non_null(what);
	}
}

/* Each single offset that the walk depends on, moved a little. */
static void check_moved_offsets(const struct python_interpreter *interpreter)
{
	static const size_t offsets[] = {
		offsetof(struct python_layout, walk.tstate_frame),
		offsetof(struct python_layout, walk.tstate_thread),
		offsetof(struct python_layout, walk.frame_code),
		offsetof(struct python_layout, walk.code_filename),
	};
	const char *what;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct python_interpreter wrong = *interpreter;

		*(uint16_t *)((char *)&wrong.layout + offsets[i]) += 8;
		bool found = !python_validate(&wrong, &what);
		assert_false(found && wrong.frames_checked);
	}
}

static void test_pythons(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc; i++) {
		struct target target;

		if (start(pythons.gl_pathv[i], &target))
			continue;
		find(&target);
		assert_true(target.interpreter.frames_checked);
		check_other_tables(&target.interpreter);
		check_moved_offsets(&target.interpreter);
		release(&target);
		stop(&target);
		tried++;
	}
	if (!tried) {
		print_message("skipped: no CPython 3.8 to 3.15 here\n");
		skip();
	}
}

/* The least of some, in ms: others may have the processor meanwhile. */
static double validated_in_ms(struct python_interpreter *interpreter)
{
	double least_ms = 1e9;
	const char *what;

	for (int i = 0; i < 5; i++) {
		uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);

		assert_int_equal(python_validate(interpreter, &what), 0);
		double ms = (double)(clock_ns(CLOCK_MONOTONIC) - begun_ns) / 1e6;

		least_ms = ms < least_ms ? ms : least_ms;
	}
	return least_ms;
}

static void check_quick(const char *path, bool frames_checked)
{
	struct target target;

	if (start(path, &target))
		return;
	find(&target);
	assert_int_equal(target.interpreter.frames_checked, frames_checked);
	assert_true(validated_in_ms(&target.interpreter) < 60);
	release(&target);
	stop(&target);
}

/* Workers of `python -c`: CPython has names of its own for what has no file. */
static void test_code_without_a_file(void **state)
{
	(void)state;
	arguments[2] = "-c";
	arguments[3] = (char *)without_file;
	for (size_t i = 0; i < pythons.gl_pathc; i++)
		check_quick(pythons.gl_pathv[i], true);
	arguments[2] = script_path;
	arguments[3] = NULL;
}

static bool compile_nameless(const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, "-S", "-c", nameless, script_path, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !status;
}

/* Names that say nothing are looked at again only while others may come. */
static void test_what_does_nothing_is_not_waited_for(void **state)
{
	char compiled_path[sizeof(script_path) + 1];

	(void)state;
	snprintf(compiled_path, sizeof(compiled_path), "%sc", script_path);
	arguments[2] = compiled_path;
	for (size_t i = 0; i < pythons.gl_pathc; i++)
		if (compile_nameless(pythons.gl_pathv[i]))
			check_quick(pythons.gl_pathv[i], false);
	arguments[2] = script_path;
	unlink(compiled_path);
}

/* Of its file nothing is asked that was asked for another one, at other addresses. */
static void check_second(const struct target *first, struct target *second)
{
	struct python_slots slots, same;
	size_t calls;

	assert_int_equal(python_slots_read(&first->interpreter, &first->mappings, &slots), 0);
	calls = confined_calls(confined, CONFINED_INTERPRETER);
	assert_int_not_equal(calls, 0);
	find(second);
	assert_int_equal(python_slots_read(&second->interpreter, &second->mappings, &same), 0);
	assert_int_equal(confined_calls(confined, CONFINED_INTERPRETER), calls);
	uint64_t apart = second->interpreter.binary.bias - first->interpreter.binary.bias;
	assert_int_equal(second->interpreter.runtime, first->interpreter.runtime + apart);
	assert_int_equal(same.refill, slots.refill + apart);
	assert_int_equal(same.functions[CALL_FREE].site.file_offset,
			 slots.functions[CALL_FREE].site.file_offset);
}

static void test_a_second_process_of_the_same_file(void **state)
{
	struct target first, second;
	size_t i = 0;

	(void)state;
	while (i < pythons.gl_pathc && start(pythons.gl_pathv[i], &first))
		i++;
	if (i == pythons.gl_pathc) {
		print_message("skipped: no CPython 3.8 to 3.15 here\n");
		skip();
	}
	assert_int_equal(start(pythons.gl_pathv[i], &second), 0);
	find(&first);
	check_second(&first, &second);
	release(&first);
	release(&second);
	stop(&first);
	stop(&second);
}

static void test_a_process_that_is_gone(void **state)
{
	struct target target;
	const char *what;
	size_t i = 0;

	(void)state;
	while (i < pythons.gl_pathc && start(pythons.gl_pathv[i], &target))
		i++;
	if (i == pythons.gl_pathc) {
		print_message("skipped: no CPython 3.8 to 3.15 here\n");
		skip();
	}
	find(&target);
	stop(&target);
	assert_int_not_equal(python_validate(&target.interpreter, &what), 0);
	release(&target);
}

static void test_no_python(void **state)
{
	struct python_interpreter interpreter;
	struct failure failure = {0};
	struct mappings mappings;

	(void)state;
	assert_int_equal(mappings_read(&procfs, getpid(), &mappings), 0);
	assert_int_equal(python_interpreter_find(&procfs, confined, getpid(), &mappings,
						 &interpreter, &failure),
			 -ENOENT);
	assert_string_equal(failure.text, "");
	mappings_release(&mappings);
}

/* What a process of ours has mapped of it; what is called so may have been the interpreter. */
static void check_damaged(const char *name, bool is_told)
{
	struct python_interpreter interpreter;
	struct failure failure = {0};
	struct mappings mappings, one = {0};
	const char *path = tree_path(name);

	tree_write(name, "this is no program");
	int fd = open(path, O_RDONLY);
	void *mapped = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	assert_true(mapped != MAP_FAILED);
	close(fd);
	assert_int_equal(mappings_read(&procfs, getpid(), &mappings), 0);
	for (size_t i = 0; i < mappings.count; i++)
		if (mappings.items[i].start == (uint64_t)(uintptr_t)mapped)
			one = (struct mappings){.items = &mappings.items[i], .count = 1};
	assert_int_equal(one.count, 1);
	assert_int_equal(
		python_interpreter_find(&procfs, confined, getpid(), &one, &interpreter, &failure),
		-ENOENT);
	if (is_told)
		assert_int_equal(strncmp(failure.text, path, strlen(path)), 0);
	else
		assert_string_equal(failure.text, "");
	mappings_release(&mappings);
	munmap(mapped, 4096);
}

static void test_damaged_files(void **state)
{
	(void)state;
	assert_true(python_is_named("/usr/bin/python3.11"));
	assert_true(python_is_named("/usr/lib/libpython3.11.so.1.0"));
	assert_false(python_is_named("/usr/lib/python3/other.so"));
	assert_false(python_is_named("/usr/bin/bpython"));
	tree_make("/tmp/unfreed-damaged");
	check_damaged("python3.99", true);
	check_damaged("libpython3.99.so", true);
	check_damaged("other.so", false);
	tree_remove();
}

static void check_name(uint32_t version, const char *expected)
{
	char name[16];

	python_version_name(version, name);
	assert_string_equal(name, expected);
}

static void test_version_names(void **state)
{
	(void)state;
	check_name(0x030b02f0, "3.11.2");
	check_name(0x030e00c1, "3.14.0rc1");
	check_name(0x03080000, "3.8");
	check_name(0xffffffff, "255.255.255");
}

static uint64_t debug_words[98];

static int read_debug_words(const struct memory *memory, uint64_t address, void *buffer,
			    size_t size)
{
	(void)memory;
	if (address || size > sizeof(debug_words))
		return -EFAULT;
	memcpy(buffer, debug_words, size);
	return 0;
}

static int read_debug_layout(uint64_t version, uint64_t free_threaded, uint64_t offset)
{
	const struct memory memory = {.read = read_debug_words};
	struct python_layout layout;

	for (size_t i = 0; i < sizeof(debug_words) / sizeof(debug_words[0]); i++)
		debug_words[i] = offset;
	memcpy(debug_words, "xdebugpy", 8);
	debug_words[1] = version;
	debug_words[2] = free_threaded;
	return python_layout_read(&memory, 0, &layout);
}

static void test_debug_offsets_that_are_not_known(void **state)
{
	const struct memory memory = {.read = read_debug_words};
	struct python_layout layout;

	(void)state;
	assert_int_equal(read_debug_layout(0x031000f0, 0, 8), -ENOTSUP);
	assert_int_equal(read_debug_layout(0x030c00f0, 0, 8), -ENOTSUP);
	assert_int_equal(read_debug_layout(0x030d00f0, 1, 8), -EPROTONOSUPPORT);
	assert_int_equal(read_debug_layout(0x030d00f0, 0, 8), -EBADMSG);
	assert_int_equal(read_debug_layout(0x030e00f0, 0, UINT64_MAX), -EBADMSG);
	assert_int_equal(python_layout_read(&memory, 8, &layout), -EFAULT);
	memset(debug_words, 0, sizeof(debug_words));
	assert_int_equal(python_layout_read(&memory, 0, &layout), -ENOENT);
}

static int setup(void **state)
{
	char pattern[256];
	int fd = mkstemps(script_path, 3);

	(void)state;
	confined = confined_new();
	if (!confined)
		return -1;
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	close(fd);
	snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.*/bin/python3.*[0-9]",
		 getenv("HOME") ?: "/root");
	glob(pattern, 0, NULL, &pythons);
	glob("/usr/bin/python3.*[0-9]", GLOB_APPEND, NULL, &pythons);
	size_t kept = 0;
	for (size_t i = 0; i < pythons.gl_pathc; i++) {
		int minor = atoi(strrchr(pythons.gl_pathv[i], '.') + 1);

		if (minor >= 8 && minor <= 15) {
			char *path = pythons.gl_pathv[kept];

			pythons.gl_pathv[kept++] = pythons.gl_pathv[i];
			pythons.gl_pathv[i] = path;
		}
	}
	pythons.gl_pathc = kept;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	confined_free(confined);
	return unlink(script_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pythons),
		cmocka_unit_test(test_code_without_a_file),
		cmocka_unit_test(test_what_does_nothing_is_not_waited_for),
		cmocka_unit_test(test_a_second_process_of_the_same_file),
		cmocka_unit_test(test_a_process_that_is_gone),
		cmocka_unit_test(test_no_python),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_version_names),
		cmocka_unit_test(test_debug_offsets_that_are_not_known),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator's slots of living interpreters of ours (living.h): steered, found
 * steered, given back; the interpreter goes on meanwhile. And threads held still for a
 * moment. Run from the top directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ptrace.h>

#include "confine/confined.h"
#include "living.h"
#include "python/freeze.h"
#include "python/interpreter.h"
#include "python/steer.h"

static const struct procfs procfs = {.root = "/proc"};
static struct confined *confined;
static glob_t pythons;

/* An interpreter whose slots are known. */
struct known {
	struct living *living;
	struct mappings mappings;
	struct python_interpreter interpreter;
	struct python_slots slots;
};

static void known_begin(struct known *known, const char *path)
{
	struct failure failure = {0};

	print_message("%s\n", path);
	*known = (struct known){.living = start(path)};
	assert_int_equal(mappings_read(&procfs, known->living->pid, &known->mappings), 0);
	assert_int_equal(python_interpreter_find(&procfs, confined, known->living->pid,
						 &known->mappings, &known->interpreter, &failure),
			 0);
	assert_int_equal(python_slots_read(&known->interpreter, &known->mappings, &known->slots),
			 0);
}

static void known_end(struct known *known)
{
	python_interpreter_release(&known->interpreter);
	mappings_release(&known->mappings);
	stop(known->living);
}

static uint64_t word_of(const struct known *known, uint64_t address)
{
	const struct memory *memory = &known->interpreter.memory;
	uint64_t word = 0;

	assert_int_equal(memory->read(memory, address, &word, sizeof(word)), 0);
	return word;
}

/* Each holds the function, or each its alias. */
static void check_cells(const struct known *known, const struct steering *steering, bool steered)
{
	for (int i = 0; i < STEERING_CELLS; i++) {
		const struct steering_cell *cell = &steering->cells[i];

		assert_true(cell->alias && cell->alias != cell->function);
		assert_int_equal(word_of(known, cell->address),
				 steered ? cell->alias : cell->function);
	}
}

/* False where it cannot be: a function has no second address. */
static bool check_steering(const char *path)
{
	struct steering first, second;
	struct failure failure = {0};
	struct known known;

	known_begin(&known, path);
	assert_int_equal(known.slots.backend, BACKEND_PYMALLOC);
	if (steering_start(&procfs, &known.interpreter, &known.slots, &first, &failure) ==
	    -ENOTSUP) {
		known_end(&known);
		return false;
	}
	assert_string_equal(failure.text, "");
	assert_int_equal(steering_found(&first), 0);
	check_cells(&known, &first, true);
	tell(known.living, "grow");

	/* one at a time */
	assert_int_equal(
		steering_start(&procfs, &known.interpreter, &known.slots, &second, &failure),
		-EBUSY);
	assert_non_null(strstr(failure.text, "another tool steers it at this moment"));
	check_cells(&known, &first, true);

	/* what a tool that was killed leaves behind is taken over */
	steering_abandon(&first);
	check_cells(&known, &first, true);
	failure = (struct failure){0};
	assert_int_equal(python_slots_read(&known.interpreter, &known.mappings, &known.slots), 0);
	assert_int_equal(
		steering_start(&procfs, &known.interpreter, &known.slots, &second, &failure), 0);
	assert_int_equal(steering_found(&second), STEERING_CELLS);
	check_cells(&known, &second, true);
	assert_int_equal(steering_stop(&second), 0);
	check_cells(&known, &second, false);
	assert_int_equal(steering_stop(&second), 0);
	tell(known.living, "grow");

	/* what somebody else put there is left alone */
	assert_int_equal(
		steering_start(&procfs, &known.interpreter, &known.slots, &first, &failure), 0);
	uint64_t other = first.cells[0].function + 1;

	assert_int_equal(pwrite(first.memory_fd, &other, 8, (off_t)first.cells[0].address), 8);
	assert_int_equal(steering_stop(&first), 0);
	assert_int_equal(word_of(&known, first.cells[0].address), other);
	assert_int_equal(word_of(&known, first.cells[1].address), first.cells[1].function);
	assert_int_equal(
		steering_start(&procfs, &known.interpreter, &known.slots, &first, &failure),
		-ESTALE);
	assert_non_null(strstr(failure.text, "not what it was a moment ago"));
	assert_int_equal(word_of(&known, known.slots.slots[PYTHON_MEM].address + 16),
			 known.slots.functions[1].address);
	known_end(&known);
	return true;
}

static void test_steering(void **state)
{
	size_t steered = 0;

	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc; i++)
		steered += check_steering(pythons.gl_pathv[i]);
	print_message("%zu of %zu were steered\n", steered, pythons.gl_pathc);
	if (!steered)
		skip();
}

/* Where code is not what the file has, but for others' breakpoints, nothing is written. Returns as
 * check_steering(). */
static bool check_changed_code(const char *path)
{
	static const struct {
		int at; /* in what is compared */
		uint8_t byte;
		int error;
	} cases[] = {{0, 0x90, -ESTALE}, {31, 0x90, -ESTALE}, {0, 0xcc, 0}, {32, 0x90, 0}};
	struct known known;
	char memory[64];
	bool possible = true;

	known_begin(&known, path);
	kill(known.living->pid, SIGSTOP); /* it must not run what is changed */
	assert_int_equal(waitpid(known.living->pid, NULL, WUNTRACED), known.living->pid);
	snprintf(memory, sizeof(memory), "/proc/%d/mem", (int)known.living->pid);
	int fd = open(memory, O_RDWR | O_CLOEXEC);
	const struct python_function *function = &known.slots.functions[0];
	uint64_t start = function->alias < function->address ? function->alias : function->address;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && possible; i++) {
		off_t at = (off_t)start + cases[i].at;
		struct failure failure = {0};
		struct steering steering;
		uint8_t before;

		assert_int_equal(pread(fd, &before, 1, at), 1);
		assert_int_equal(pwrite(fd, &cases[i].byte, 1, at), 1);
		int error = steering_start(&procfs, &known.interpreter, &known.slots, &steering,
					   &failure);

		possible = error != -ENOTSUP;
		if (possible && error != cases[i].error)
			fail_msg("case %zu: %d", i, error);
		if (!error)
			assert_int_equal(steering_stop(&steering), 0);
		assert_int_equal(pwrite(fd, &before, 1, at), 1);
	}
	close(fd);
	kill(known.living->pid, SIGCONT);
	tell(known.living, "grow");
	known_end(&known);
	return possible;
}

static void test_code_that_was_changed(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < pythons.gl_pathc; i++)
		seen += check_changed_code(pythons.gl_pathv[i]);
	if (!seen)
		skip();
}

static void test_one_that_is_gone(void **state)
{
	struct failure failure = {0};
	struct steering steering;
	struct known known;

	(void)state;
	known_begin(&known, "/usr/bin/python3");
	int error = steering_start(&procfs, &known.interpreter, &known.slots, &steering, &failure);

	kill(known.living->pid, SIGKILL);
	siginfo_t info;

	waitid(P_PID, (id_t)known.living->pid, &info, WEXITED | WNOWAIT);
	if (!error)
		assert_int_equal(steering_stop(&steering), 0);
	assert_true(steering_start(&procfs, &known.interpreter, &known.slots, &steering, &failure) <
		    0);
	known_end(&known);
}

/* --- threads held still --- */

static char state_of(pid_t pid)
{
	char path[64], text[400] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	return strrchr(text, ')')[2];
}

static void test_freeze(void **state)
{
	struct living *living = start("/usr/bin/python3");
	struct frozen frozen;

	(void)state;
	tell(living, "leak"); /* by a second thread */
	assert_int_equal(freeze(&procfs, living->pid, &frozen), 0);
	assert_int_equal(frozen.pid, living->pid);
	assert_int_equal(frozen.count, 2);
	for (size_t i = 0; i < frozen.count; i++) {
		assert_true(frozen.threads[i].stopped);
		assert_false(frozen.threads[i].gone);
		assert_int_equal(state_of(frozen.threads[i].tid), 't');
	}
	thaw(&frozen);
	assert_int_not_equal(state_of(living->pid), 't');
	tell(living, "grow");
	stop(living);
}

/* A signal that comes meanwhile is delivered when it goes on. */
static void test_signals_are_kept(void **state)
{
	struct living *living = start("/usr/bin/python3");
	struct frozen frozen;
	int status;

	(void)state;
	assert_int_equal(freeze(&procfs, living->pid, &frozen), 0);
	kill(living->pid, SIGTERM);
	thaw(&frozen);
	assert_int_equal(waitpid(living->pid, &status, 0), living->pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	stop(living);
}

static void test_what_cannot_be_frozen(void **state)
{
	struct living *living = start("/usr/bin/python3");
	struct frozen frozen;

	(void)state;
	assert_int_equal(freeze(&procfs, 4194304, &frozen), -ESRCH);
	assert_int_equal(ptrace(PTRACE_SEIZE, living->pid, NULL, NULL), 0);
	assert_int_equal(freeze(&procfs, living->pid, &frozen), -EPERM);
	stop(living);
}

static int begin(void **state)
{
	(void)state;
	confined = confined_new();
	find_pythons("1[1-3]", &pythons);
	return confined ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	confined_free(confined);
	globfree(&pythons);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steering),
		cmocka_unit_test(test_code_that_was_changed),
		cmocka_unit_test(test_one_that_is_gone),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_signals_are_kept),
		cmocka_unit_test(test_what_cannot_be_frozen),
	};

	return cmocka_run_group_tests_name("steered", tests, begin, end);
}

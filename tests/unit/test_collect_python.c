/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks of an interpreter: its own frames give way to those of Python. The interpreter is a live
 * one of this machine, asked for its code objects; the records of its stacks are made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "python/code_object.h"
#include "replay_quiet.h"

#define PYTHON "/usr/bin/python3"

enum { SPACE = 1 };

/* What runs in it says where its code objects are. */
static const char script[] = "import sys\n"
			     "def outer():\n"
			     "    return 1\n"
			     "def inner():\n"
			     "    return 2\n"
			     "print(id(outer.__code__), id(inner.__code__), flush=True)\n"
			     "sys.stdin.read()\n";

static const struct procfs real = {"/proc"};

struct live {
	pid_t pid;
	int input;
	uint64_t outer, inner; /* code objects */
	uint32_t outer_check, inner_check;
	uint64_t text; /* where the interpreter's own code lies */
	struct replay *replay;
};

static void run(int input, int output)
{
	dup2(input, 0);
	dup2(output, 1);
	execl(PYTHON, PYTHON, "-S", "-c", script, NULL);
	_exit(127);
}

static bool start(struct live *live)
{
	int input[2], output[2];

	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	live->pid = fork();
	if (!live->pid) {
		close(input[1]);
		run(input[0], output[1]);
	}
	close(input[0]);
	close(output[1]);
	live->input = input[1];

	FILE *said = fdopen(output[0], "r");
	int got = fscanf(said, "%" SCNu64 " %" SCNu64, &live->outer, &live->inner);

	fclose(said);
	return got == 2;
}

static uint32_t check_of(const struct python_interpreter *interpreter, uint64_t address)
{
	struct python_code code;

	assert_int_equal(python_code_read(&interpreter->memory, &interpreter->layout,
					  &interpreter->types, address, &code),
			 0);
	uint32_t check = code.check;

	python_code_release(&code);
	return check;
}

/* The made process has what the live one has mapped, where its interpreter is; and a library. */
static void make_process(struct live *live, const struct mappings *mappings)
{
	struct replay *replay = live->replay;
	char name[128];
	struct stat status;

	replay_write_process((uint32_t)live->pid, "python3", PYTHON, PYTHON, sizeof(PYTHON));
	made_elf_function(&replay_add_file(replay, "lib", "/srv/lib.so")->elf, 0x1100, 0x100,
			  "own");
	snprintf(name, sizeof(name), "%d/maps", live->pid);
	FILE *maps = fopen(tree_path(name), "w");

	replay_write_mapping(maps, (uint32_t)live->pid, 0x400000, 0x402000, 0,
			     replay_file(replay, "lib"));
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];

		if (!mapping->executable || stat(mapping->path, &status))
			continue;
		fprintf(maps, "%" PRIx64 "-%" PRIx64 " r-xp %" PRIx64 " %x:%x %" PRIu64 " %s\n",
			mapping->start, mapping->end, mapping->file_offset, mapping->device_major,
			mapping->device_minor, mapping->inode, mapping->path);
		snprintf(name, sizeof(name), "%d/map_files/%" PRIx64 "-%" PRIx64, live->pid,
			 mapping->start, mapping->end);
		replay_link(name, mapping->path);
	}
	fclose(maps);
}

static int setup(void **state)
{
	struct live *live = calloc(1, sizeof(*live));
	struct failure failure = {0};
	struct mappings mappings;
	struct python_target *target;

	*state = live;
	if (access(PYTHON, X_OK) || !start(live))
		return 0; /* each test skips */
	assert_int_equal(mappings_read(&real, live->pid, &mappings), 0);
	live->replay = replay_quiet();
	make_process(live, &mappings);
	struct image *image =
		collector_add_image(live->replay->collector, SPACE, (uint32_t)live->pid);

	collector_refresh(live->replay->collector, (uint32_t)live->pid);
	if (python_target_new(&real, confined, live->pid, &mappings, &target, &failure))
		fail_msg("%s", failure.text);
	image->python = target;

	const struct python_interpreter *interpreter = python_target_interpreter(target);

	live->outer_check = check_of(interpreter, live->outer);
	live->inner_check = check_of(interpreter, live->inner);
	for (size_t i = 0; i < mappings.count; i++)
		if (mappings.items[i].executable &&
		    mappings.items[i].inode == interpreter->binary.inode)
			live->text = mappings.items[i].start;
	mappings_release(&mappings);
	assert_true(live->text);
	return 0;
}

static int teardown(void **state)
{
	struct live *live = *state;

	if (live->replay)
		replay_quiet_free(live->replay);
	if (live->pid > 0) {
		kill(live->pid, SIGKILL);
		waitpid(live->pid, NULL, 0);
		close(live->input);
	}
	free(live);
	return 0;
}

static struct live *need(void **state)
{
	struct live *live = *state;

	if (!live->replay) {
		print_message("skipped: no " PYTHON "\n");
		skip();
	}
	return live;
}

static void step(struct replay *replay, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	stream_step(replay, line);
}

/* own <- interpreter <- interpreter (runs inner) <- interpreter <- own, of inner and outer. */
static void take_stack(const struct live *live, uint32_t row, const char *flags)
{
	step(live->replay,
	     "stack %d %u python %s code %llu %u code %llu %u at %d %llu %llu %llu %d", SPACE, row,
	     flags, (unsigned long long)live->inner, live->inner_check,
	     (unsigned long long)live->outer, live->outer_check, 0x401110,
	     (unsigned long long)live->text + 0x1000, (unsigned long long)live->text + 0x2000,
	     (unsigned long long)live->text + 0x3000, 0x401120);
	step(live->replay, "totals %u 100 1 0 0", row);
}

static const struct stack *only_stack(const struct live *live)
{
	const struct snapshot *snapshot = replay_snapshot(live->replay, true, 0);

	assert_int_equal(snapshot->stack_count, 1);
	assert_int_equal(snapshot->stacks[0].domain, DOMAIN_PYTHON);
	return &snapshot->stacks[0];
}

static void assert_python(const struct frame *frame, const char *name, uint32_t line)
{
	assert_int_equal(frame->kind, FRAME_PYTHON);
	assert_string_equal(frame->name, name);
	assert_string_equal(frame->file, "<string>");
	assert_int_equal(frame->line, line);
}

/* What runs the Python frames is left out, what they call and is not the interpreter's stays. */
static void test_python_frames_alone(void **state)
{
	const struct live *live = need(state);

	take_stack(live, 0, "eval 3");
	const struct stack *stack = only_stack(live);

	assert_int_equal(stack->frame_count, 3);
	assert_python(stack->frames[0], "outer", 2);
	assert_python(stack->frames[1], "inner", 4);
	assert_string_equal(stack->frames[2]->name, "own");
	assert_false(stack->truncated);
}

static void test_native_frames_beside(void **state)
{
	const struct live *live = need(state);

	collector_show_interpreter(live->replay->collector);
	take_stack(live, 0, "truncated eval 3");
	const struct stack *stack = only_stack(live);

	assert_int_equal(stack->frame_count, 7);
	assert_string_equal(stack->frames[0]->name, "own");
	for (size_t i = 1; i <= 2; i++)
		assert_int_equal(stack->frames[i]->kind, FRAME_NATIVE);
	assert_python(stack->frames[3], "outer", 2);
	assert_python(stack->frames[4], "inner", 4);
	assert_non_null(strstr(stack->frames[5]->module, "python"));
	assert_string_equal(stack->frames[6]->name, "own");
	assert_true(stack->truncated);
}

/* Without the kernel's word it is the innermost frame of the interpreter's that runs them. */
static void test_the_loop_is_looked_for(void **state)
{
	const struct live *live = need(state);

	take_stack(live, 0, "eval 99");
	const struct stack *stack = only_stack(live);

	assert_int_equal(stack->frame_count, 3);
	assert_string_equal(stack->frames[2]->name, "own");
}

/* Native frames that were cut do not matter where Python's are whole, and the other way round. */
static void test_which_cut_matters(void **state)
{
	const struct live *live = need(state);

	take_stack(live, 0, "truncated eval 3");
	assert_false(only_stack(live)->truncated);
}

static void test_python_cut(void **state)
{
	const struct live *live = need(state);

	take_stack(live, 0, "python_cut eval 3");
	assert_true(only_stack(live)->truncated);
}

/* Code that is gone, or another's by now, has no name, and is counted. */
static void test_code_that_is_gone(void **state)
{
	const struct live *live = need(state);

	step(live->replay, "stack %d 0 python code %llu %u code 0x10 5 code %llu 0 at 0x401110",
	     SPACE, (unsigned long long)live->inner, live->outer_check,
	     (unsigned long long)live->outer);
	step(live->replay, "totals 0 100 1 0 0");
	const struct snapshot *snapshot = replay_snapshot(live->replay, true, 0);

	assert_int_equal(snapshot->losses[LOSS_python_unnamed], 3);
	assert_int_equal(snapshot->stacks[0].frame_count, 4);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(snapshot->stacks[0].frames[i]->name,
				    "[unknown Python function]");
}

/* A worker has its parent's code, also when it is gone; a process that
 * is no interpreter has none. */
static void test_children(void **state)
{
	const struct live *live = need(state);

	step(live->replay, "fork %d 999999 2", SPACE);
	step(live->replay, "stack 2 0 python code %llu %u at 0x401110",
	     (unsigned long long)live->inner, live->inner_check);
	step(live->replay, "totals 0 100 1 0 0");
	step(live->replay, "process 7 other /srv/other");
	step(live->replay, "maps 7 0x400000 0x402000 0 lib");
	step(live->replay, "trace 3 7");
	step(live->replay, "stack 3 1 python code %llu %u at 0x401110",
	     (unsigned long long)live->inner, live->inner_check);
	step(live->replay, "totals 1 50 1 0 0");
	const struct snapshot *snapshot = replay_snapshot(live->replay, true, 0);

	assert_int_equal(snapshot->stack_count, 2);
	assert_int_equal(snapshot->stacks[0].frame_count, 2);
	assert_python(snapshot->stacks[0].frames[0], "inner", 4);
	assert_int_equal(snapshot->stacks[1].frame_count, 1);
	assert_int_equal(snapshot->losses[LOSS_python_unnamed], 0);
}

#define LIVE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_python_frames_alone),
		LIVE_TEST(test_native_frames_beside),
		LIVE_TEST(test_the_loop_is_looked_for),
		LIVE_TEST(test_which_cut_matters),
		LIVE_TEST(test_python_cut),
		LIVE_TEST(test_code_that_is_gone),
		LIVE_TEST(test_children),
	};

	return cmocka_run_group_tests(tests, confined_setup, confined_teardown);
}

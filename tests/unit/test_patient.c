/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at processes that are no Python: another program, and what this one takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "service/footprints.h"
#include "service/patient.h"
#include "snapshots.h"

enum { BUDGET = 64 << 20, GROWN = 16 << 20, NOBODY = (1 << 22) + 1 /* more than there can be */ };

extern char **environ;

static const struct procfs procfs = {"/proc"};
static struct confined *confined;
static pid_t echo;
static int to_echo;

/* It is all there when it has said back what it was told. */
static int begin(void **state)
{
	char *const arguments[] = {"cat", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2];
	char said = '\n';

	(void)state;
	confined = confined_new();
	if (!confined || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	int error = posix_spawnp(&echo, "cat", &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	to_echo = ends[0];
	return error || write(to_echo, &said, 1) != 1 || read(to_echo, &said, 1) != 1 ? -1 : 0;
}

static int finish(void **state)
{
	(void)state;
	kill(echo, SIGKILL);
	waitpid(echo, NULL, 0);
	close(to_echo);
	confined_free(confined);
	return 0;
}

/* --- looks --- */

static uint64_t sum_of_parts(const struct look *look)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		sum += look->parts[i].resident_bytes;
	return sum;
}

static void check_look(const struct look *look)
{
	assert_int_equal(look->pid, echo);
	assert_string_equal(look->comm, "cat");
	assert_non_null(look->exe);
	assert_non_null(strrchr(look->exe, '/'));
	assert_true(look->start_time > 0);
	assert_true(look->taken_at_ns > INT64_C(1700000000000000000));
	assert_true(look->parts_known);
	assert_true(look->resident_bytes > 100000);
	assert_int_equal(sum_of_parts(look), look->resident_bytes);
	assert_true(look->read_ns > 0 && look->cpu_ns > 0);
	assert_int_equal(look->frozen_ns, 0);
	assert_null(look->python_version);
	assert_null(look->python_problem);
	assert_null(look->core);
	assert_int_equal(look->type_count, 0);
}

static void test_one_that_is_measured(void **state)
{
	struct patient patient;
	struct failure failure;

	(void)state;
	assert_int_equal(patient_open(&patient, &procfs, confined, echo, BUDGET, &failure), 0);
	assert_false(patient.is_python);
	assert_int_equal(patient_measure(&patient, &failure), 0);
	struct look *look = patient_report(&patient, NULL);
	check_look(look);
	assert_null(look->growth);
	look_free(look);
	patient_close(&patient);
}

/* What grew is since the first look. */
static void test_several_looks(void **state)
{
	const struct objects_request request = {.containers = 1};
	struct patient patient;
	struct failure failure;
	struct look *look;

	(void)state;
	assert_int_equal(patient_open(&patient, &procfs, confined, echo, BUDGET, &failure), 0);
	assert_int_equal(patient_look(&patient, true, &failure), 0);
	patient_mark(&patient);
	look = patient_report(&patient, &request);
	check_look(look);
	assert_null(look->growth); /* there was one look */
	look_free(look);
	assert_int_equal(patient_look(&patient, true, &failure), 0);
	look = patient_report(&patient, &request);
	check_look(look);
	assert_non_null(look->growth);
	assert_int_equal(look->growth->looks, 2);
	assert_true(look->growth->seconds > 0 && look->growth->seconds < 100);
	look_free(look);
	patient_forget(&patient);
	patient_close(&patient);
	patient_close(&patient);
}

/* Nothing of what a sleeping program has is lost, and its objects have no classes. */
static void test_lost_blocks(void **state)
{
	struct patient patient;
	struct failure failure;

	(void)state;
	assert_int_equal(patient_open(&patient, &procfs, confined, echo, BUDGET, &failure), 0);
	patient.with_classes = true;
	assert_int_equal(patient_seek_lost(&patient), 0);
	assert_int_equal(patient_look(&patient, false, &failure), 0);
	patient_mark(&patient);
	patient_look_for_lost(&patient);
	struct look *look = patient_report(&patient, NULL);
	check_look(look);
	look_free(look);
	patient_close(&patient);
}

static void check_refused(pid_t pid, enum exit_status status, const char *sentence)
{
	struct patient patient;
	struct failure failure = {0};
	char expected[200];

	snprintf(expected, sizeof(expected), sentence, (int)pid, (int)getpid());
	assert_int_equal(patient_open(&patient, &procfs, confined, pid, BUDGET, &failure), -1);
	assert_string_equal(failure.text, expected);
	assert_int_equal(failure.status, status);
}

static pid_t thread;
static pthread_barrier_t barrier;

static void *be_a_thread(void *unused)
{
	thread = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void test_who_is_refused(void **state)
{
	pthread_t handle;
	siginfo_t ended;
	pid_t child = fork();

	(void)state;
	if (!child)
		_exit(0);
	waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT);
	struct process_status status;
	char sentence[100];
	assert_int_equal(procfs_read_status(&procfs, child, &status), 0);
	snprintf(sentence, sizeof(sentence), "process %%d (%s) has exited already", status.comm);
	check_refused(child, STATUS_TARGET, sentence);
	waitpid(child, NULL, 0);
	check_refused(NOBODY, STATUS_TARGET, "there is no process %d");
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&handle, NULL, be_a_thread, NULL), 0);
	pthread_barrier_wait(&barrier);
	check_refused(thread, STATUS_TARGET, "%d is a thread of process %d: give that");
	pthread_barrier_wait(&barrier);
	pthread_join(handle, NULL);
}

/* --- what recorded processes take --- */

static char *own_exe(void)
{
	return procfs_read_exe(&procfs, getpid());
}

static void test_growth_of_a_process(void **state)
{
	struct footprints *footprints = footprints_new(&procfs, confined);
	struct snapshot *snapshot = snapshot_new();
	char *exe = own_exe(), *memory;
	struct usage used;

	(void)state;
	assert_false(footprints_used(footprints, &used)); /* by nobody */
	footprints_begin(footprints, getpid());
	memory = mmap(NULL, GROWN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, GROWN);
	footprints_measure(footprints, true);
	munmap(memory, GROWN); /* what is reported is as of then */
	add_target(snapshot, (uint32_t)getpid(), "test", exe, "");
	footprints_fill(footprints, snapshot);
	const struct target *target = &snapshot->targets[0];
	assert_true(target->first.known && target->last.known);
	assert_true(target->first.parts_known && target->last.parts_known);
	assert_in_range(target->last.resident_bytes - target->first.resident_bytes, GROWN,
			2 * GROWN);
	assert_in_range(target->last.anonymous_bytes - target->first.anonymous_bytes, GROWN,
			2 * GROWN);
	assert_true(target->last.parts[PART_ANONYMOUS] >= GROWN);
	assert_true(footprints_used(footprints, &used));
	assert_true(used.cpu_s > 0 && used.wall_s > 0 && used.wall_s < 1000);
	free(exe);
	snapshot_free(snapshot);
	footprints_free(footprints);
}

/* Before the last report little time may be spent: sums are read all the same. */
static void test_between_beginning_and_end(void **state)
{
	struct footprints *footprints = footprints_new(&procfs, confined);
	struct snapshot *snapshot = snapshot_new();
	char *exe = own_exe();

	(void)state;
	footprints_begin(footprints, getpid());
	for (int i = 0; i < 3; i++)
		footprints_measure(footprints, false);
	add_target(snapshot, (uint32_t)getpid(), "test", exe, "");
	footprints_fill(footprints, snapshot);
	assert_true(snapshot->targets[0].first.parts_known);
	assert_true(snapshot->targets[0].last.known);
	assert_false(snapshot->targets[0].last.parts_known);
	assert_true(snapshot->targets[0].last.resident_bytes > 100000);
	free(exe);
	snapshot_free(snapshot);
	footprints_free(footprints);
}

/* An image that became another one by an exec is gone; of one that came since there is no first. */
static void test_other_images(void **state)
{
	struct footprints *footprints = footprints_new(&procfs, confined);
	struct snapshot *snapshot = snapshot_new();
	char *exe = own_exe();
	struct usage used;

	(void)state;
	footprints_begin(footprints, NOBODY);
	footprints_begin(footprints, getpid());
	footprints_begin(footprints, getpid()); /* anew, in the place of the first */
	footprints_measure(footprints, true);
	assert_false(footprints_used(footprints, &used)); /* one has ended */
	add_target(snapshot, (uint32_t)getpid(), "sh", "/bin/sh", "");
	add_target(snapshot, (uint32_t)getpid(), "test", exe, "");
	add_target(snapshot, (uint32_t)echo, "cat", "/bin/sleep", "");
	add_target(snapshot, NOBODY, "gone", "/bin/gone", "");
	footprints_fill(footprints, snapshot);
	assert_false(snapshot->targets[0].first.known || snapshot->targets[0].last.known);
	assert_true(snapshot->targets[1].first.known && snapshot->targets[1].last.known);
	assert_false(snapshot->targets[2].first.known);
	assert_true(snapshot->targets[2].last.known);
	assert_false(snapshot->targets[3].first.known || snapshot->targets[3].last.known);
	free(exe);
	snapshot_free(snapshot);
	footprints_free(footprints);
	footprints_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_is_measured),
		cmocka_unit_test(test_several_looks),
		cmocka_unit_test(test_lost_blocks),
		cmocka_unit_test(test_who_is_refused),
		cmocka_unit_test(test_growth_of_a_process),
		cmocka_unit_test(test_between_beginning_and_end),
		cmocka_unit_test(test_other_images),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}

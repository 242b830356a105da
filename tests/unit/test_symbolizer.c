/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "confine/confined_internal.h"
#include "elf/vdso.h"

#define MUTATIONS 400

static struct truths truths;

static int resolve(struct confined *confined, int fd, struct symbol_list *lists)
{
	uint64_t offsets[TRUTHS_MAX];

	for (size_t i = 0; i < truths.count; i++)
		offsets[i] = truths.items[i].offset;
	return symbolizer_resolve(confined, fd, fixture_path("chain"), offsets, truths.count,
				  CONFINED_WAIT_NOT, lists);
}

static void assert_works(struct confined *confined)
{
	struct symbol_list lists[TRUTHS_MAX] = {0};
	int fd = fixture_open("chain");

	assert_int_equal(resolve(confined, fd, lists), 0);
	for (size_t i = 0; i < truths.count; i++)
		assert_truth(&truths.items[i], &lists[i]);
	symbol_lists_release(lists, truths.count);
	close(fd);
}

static void assert_resolves_to(struct confined *confined, int fd, int expected)
{
	struct symbol_list lists[TRUTHS_MAX] = {0};

	assert_int_equal(resolve(confined, fd, lists), expected);
	symbol_lists_release(lists, truths.count);
}

static void addresses_are_resolved(void **state)
{
	(void)state;
	struct confined *confined = confined_new();

	assert_non_null(confined);
	assert_works(confined);
	assert_works(confined);
	confined_free(confined);
	confined_free(NULL);
}

static void as_many_addresses_as_may_be(void **state)
{
	enum { COUNT = SYMBOL_OFFSETS_MAX };
	struct confined *confined = confined_new();
	uint64_t *offsets = calloc(COUNT, sizeof(*offsets));
	struct symbol_list *lists = calloc(COUNT, sizeof(*lists));
	int fd = fixture_open("chain");

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		offsets[i] = truths.items[i % truths.count].offset;
	assert_int_equal(
		symbolizer_resolve(confined, fd, NULL, offsets, COUNT, CONFINED_WAIT_NOT, lists),
		0);
	for (size_t i = 0; i < COUNT; i++)
		assert_truth(&truths.items[i % truths.count], &lists[i]);
	symbol_lists_release(lists, COUNT);
	assert_int_equal(
		symbolizer_resolve(confined, fd, NULL, offsets, 0, CONFINED_WAIT_NOT, NULL), 0);
	free(lists);
	free(offsets);
	close(fd);
	confined_free(confined);
}

static void status_field(pid_t pid, const char *name, char *value, size_t size)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	*value = '\0';
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
	fclose(file);
}

static void assert_status(pid_t pid, const char *name, const char *expected)
{
	char value[256];

	status_field(pid, name, value, sizeof(value));
	assert_string_equal(value, expected);
}

static void helper_has_nothing_to_lose(void **state)
{
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int inherited = dup(STDERR_FILENO);
	struct confined *confined;
	pid_t pid;

	(void)state;
	setenv("SUDO_UID", "12345", 1);
	setenv("SUDO_GID", "23456", 1);
	confined = confined_new();
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	assert_works(confined);
	pid = confined_pid(confined, CONFINED_NAMES);
	assert_status(pid, "CapEff", "CapEff:\t0000000000000000");
	assert_status(pid, "CapPrm", "CapPrm:\t0000000000000000");
	assert_status(pid, "NoNewPrivs", "NoNewPrivs:\t1");
	if (geteuid() == 0) {
		char command[256];

		assert_status(pid, "CapBnd", "CapBnd:\t0000000000000000");
		assert_status(pid, "Uid", "Uid:\t12345\t12345\t12345\t12345");
		assert_status(pid, "Gid", "Gid:\t23456\t23456\t23456\t23456");
		assert_status(pid, "Groups", "Groups:\t ");
		snprintf(command, sizeof(command),
			 "ls /proc/%d/fd | tr '\\n' ' ' | grep -qx '0 1 2 3 '", pid);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command), "! grep -q '^[^ ]* ...s' /proc/%d/maps", pid);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command), "grep -q 'core file size *0 *0' /proc/%d/limits",
			 pid);
		assert_int_equal(system(command), 0);
	}
	confined_free(confined);
	close(inherited);
	munmap(shared, 4096);
}

static void helper_is_nobody_without_sudo(void **state)
{
	struct confined *confined;

	(void)state;
	if (geteuid() != 0)
		skip();
	setenv("SUDO_UID", "0", 1);
	confined = confined_new();
	unsetenv("SUDO_UID");
	assert_works(confined);
	assert_status(confined_pid(confined, CONFINED_NAMES), "Uid",
		      "Uid:\t65534\t65534\t65534\t65534");
	confined_free(confined);
}

static void ordinary_users_have_names_too(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		struct symbol_list lists[TRUTHS_MAX] = {0};
		struct confined *confined;
		bool works;

		if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0)
			_exit(1);
		confined = confined_new();
		works = confined && resolve(confined, fixture_open("chain"), lists) == 0 &&
			strcmp(lists[0].symbols[0].name, "inner") == 0;
		confined_free(confined);
		_exit(works ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Returns when it is dead. */
static void kill_helper(const struct confined *confined)
{
	struct pollfd ended = {
		.fd = (int)syscall(SYS_pidfd_open, confined_pid(confined, CONFINED_NAMES), 0),
		.events = POLLIN,
	};

	kill(confined_pid(confined, CONFINED_NAMES), SIGKILL);
	assert_int_equal(poll(&ended, 1, -1), 1);
	close(ended.fd);
}

static void dead_helper_is_replaced(void **state)
{
	struct confined *confined = confined_new();

	(void)state;
	assert_works(confined);
	kill_helper(confined);
	assert_works(confined);
	confined_free(confined);
}

struct killing {
	pid_t caller;
	pid_t victim;
};

/* Kills the victim once the caller waits for it. */
static void *kill_in_request(void *argument)
{
	const struct killing *killing = argument;
	char path[64], poll_call[16], text[256] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", killing->caller);
	snprintf(poll_call, sizeof(poll_call), "%ld ", (long)SYS_poll);
	while (strncmp(text, poll_call, strlen(poll_call)) != 0) {
		FILE *file = fopen(path, "re");

		if (!file || !fgets(text, sizeof(text), file))
			*text = '\0';
		if (file)
			fclose(file);
	}
	kill(killing->victim, SIGKILL);
	return NULL;
}

static void helper_killed_in_a_request_costs_only_that(void **state)
{
	struct confined *confined = confined_new();
	struct killing killing = {.caller = gettid()};
	int fd = fixture_open("chain");
	pthread_t thread;

	(void)state;
	if (access("/proc/self/syscall", R_OK) != 0)
		skip();
	assert_works(confined);
	killing.victim = confined_pid(confined, CONFINED_NAMES);
	kill(killing.victim, SIGSTOP);
	assert_int_equal(pthread_create(&thread, NULL, kill_in_request, &killing), 0);
	assert_resolves_to(confined, fd, -EPIPE);
	pthread_join(thread, NULL);
	close(fd);
	assert_works(confined);
	confined_free(confined);
}

static void slow_helper_is_replaced(void **state)
{
	struct confined *confined = confined_new();
	int fd = fixture_open("chain");

	(void)state;
	assert_works(confined);
	confined_set_timeout_ms(confined, 100);
	kill(confined_pid(confined, CONFINED_NAMES), SIGSTOP);
	assert_resolves_to(confined, fd, -ETIME);
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), 0);
	confined_set_timeout_ms(confined, 20000);
	assert_works(confined);
	confined_free(confined);
	close(fd);
}

static void files_that_stay_slow_are_given_up(void **state)
{
	struct confined *confined = confined_new();
	int fd = fixture_open("chain");
	pid_t pid;

	(void)state;
	assert_int_equal(fixture_try("cp chain other"), 0);
	confined_set_timeout_ms(confined, 0);
	assert_resolves_to(confined, fd, -ETIME);
	assert_resolves_to(confined, fd, -ETIME);
	confined_set_timeout_ms(confined, 20000);
	pid = confined_pid(confined, CONFINED_NAMES);
	assert_resolves_to(confined, fd, -ETIME);
	assert_int_equal(confined_pid(confined, CONFINED_NAMES), pid);
	close(fd);
	fd = fixture_open("other");
	assert_resolves_to(confined, fd, 0);
	close(fd);
	confined_free(confined);
}

static void what_is_no_program_is_refused(void **state)
{
	struct confined *confined = confined_new();
	int empty = memfd_create("empty", 0);
	int directory = open("/", O_RDONLY | O_DIRECTORY);
	int null = open("/dev/null", O_RDONLY);
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_resolves_to(confined, empty, -ENOEXEC);
	assert_resolves_to(confined, directory, -ENOEXEC);
	assert_resolves_to(confined, null, -ENOEXEC);
	assert_resolves_to(confined, pipe_fds[0], -ENOEXEC);
	assert_resolves_to(confined, -1, -EBADF);
	assert_works(confined);
	close(empty);
	close(directory);
	close(null);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	confined_free(confined);
}

static int memfd_of(const unsigned char *data, size_t size)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	return fd;
}

/* A program that ends in a hole of 10 GB: its names are there, its size costs nothing. */
static void sparse_programs_are_read(void **state)
{
	struct confined *confined = confined_new();
	struct symbol_list lists[TRUTHS_MAX] = {0};
	int fd;

	(void)state;
	assert_int_equal(fixture_try("cp chain sparse && truncate -s 10G sparse && truncate -s 10G "
				     "hole"),
			 0);
	fd = fixture_open("sparse");
	assert_int_equal(resolve(confined, fd, lists), 0);
	assert_truth(&truths.items[0], &lists[0]);
	symbol_lists_release(lists, truths.count);
	close(fd);
	fd = fixture_open("hole");
	assert_resolves_to(confined, fd, -ENOEXEC);
	close(fd);
	assert_works(confined);
	confined_free(confined);
}

static void vdso_is_resolved(void **state)
{
	struct confined *confined = confined_new();
	int fd = vdso_open();

	(void)state;
	if (fd == -ENOENT)
		skip();
	assert_resolves_to(confined, fd, 0);
	close(fd);
	confined_free(confined);
}

static unsigned char *file_read(const char *name, size_t *size)
{
	FILE *file = fopen(fixture_path(name), "re");
	unsigned char *data = malloc(1 << 20);

	assert_non_null(file);
	*size = fread(data, 1, 1 << 20, file);
	fclose(file);
	assert_true(*size > 1000 && *size < 1 << 20);
	return data;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Half of the mutations fall where they hurt most: the headers at the start and at the end. */
static size_t mutate(unsigned char *data, size_t size, uint32_t *seed, int number)
{
	if (number % 8 == 0)
		return next_random(seed) % size;
	for (int i = 0; i < 1 + number % 7; i++) {
		size_t at = next_random(seed) % size;

		if (number % 4 == 1)
			at %= 1024;
		else if (number % 4 == 2)
			at = size - 1 - at % 2560;
		data[at] = i % 3 ? (unsigned char)next_random(seed)
				 : data[at] ^ (unsigned char)(1 << (at % 8));
	}
	return size;
}

static void damaged_programs_cost_only_themselves(void **state)
{
	struct confined *confined = confined_new();
	unsigned char *whole, *damaged;
	uint32_t seed = 2463534242u;
	size_t size, whole_size;
	int refused = 0;

	(void)state;
	confined_set_timeout_ms(confined, 5000);
	whole = file_read("chain", &whole_size);
	damaged = malloc(whole_size);
	for (int i = 0; i < MUTATIONS; i++) {
		struct symbol_list lists[TRUTHS_MAX] = {0};
		int error, fd;

		memcpy(damaged, whole, whole_size);
		size = mutate(damaged, whole_size, &seed, i);
		fd = memfd_of(damaged, size);
		error = resolve(confined, fd, lists);
		refused += error != 0;
		for (size_t j = 0; j < truths.count; j++)
			assert_true(error ? lists[j].count == 0 : lists[j].count > 0);
		symbol_lists_release(lists, truths.count);
		close(fd);
		assert_works(confined);
	}
	assert_in_range(refused, 1, MUTATIONS - 1);
	free(damaged);
	free(whole);
	confined_free(confined);
}

static size_t open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void descriptors_are_given_back(void **state)
{
	size_t before = open_descriptors();
	struct confined *confined = confined_new();

	(void)state;
	assert_works(confined);
	for (int i = 0; i < 20; i++) {
		kill_helper(confined);
		assert_works(confined);
	}
	confined_free(confined);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int setup(void **state)
{
	(void)state;
	unsetenv("DEBUGINFOD_URLS");
	fixture_make_directory();
	if (fixture_try("gcc -O2 -g -o chain $S/chain.c") != 0)
		return -1;
	truths_read(&truths, "chain");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_resolved),
		cmocka_unit_test(as_many_addresses_as_may_be),
		cmocka_unit_test(helper_has_nothing_to_lose),
		cmocka_unit_test(helper_is_nobody_without_sudo),
		cmocka_unit_test(ordinary_users_have_names_too),
		cmocka_unit_test(dead_helper_is_replaced),
		cmocka_unit_test(helper_killed_in_a_request_costs_only_that),
		cmocka_unit_test(slow_helper_is_replaced),
		cmocka_unit_test(files_that_stay_slow_are_given_up),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(sparse_programs_are_read),
		cmocka_unit_test(vdso_is_resolved),
		cmocka_unit_test(damaged_programs_cost_only_themselves),
		cmocka_unit_test(descriptors_are_given_back),
	};

	return cmocka_run_group_tests(tests, setup, fixture_teardown);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What addresses are where chains of references begin: asked of this very process. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "look/root_names.h"
#include "memory/stacks.h"

static uint64_t roots_variable[50] = {1}; /* in data */
static uint64_t roots_zeroed[50];         /* behind what the file has */
static __thread volatile uint64_t roots_of_thread[50];

static const struct procfs procfs = {"/proc"};
static struct confined *confined;
static struct zone *zone;
static struct root_names *names;

/* A thread that waits until it is told to end. */
static struct waiting {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pid_t pid;
	uint64_t on_stack;
	uint64_t local;
	bool over;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};

static void *wait_for_end(void *unused)
{
	uint64_t word = 7;

	pthread_mutex_lock(&waiting.lock);
	prctl(PR_SET_NAME, "waits");
	roots_of_thread[1] = 1;
	waiting.local = (uint64_t)&roots_of_thread[1];
	waiting.on_stack = (uint64_t)__builtin_frame_address(0);
	waiting.pid = (pid_t)syscall(SYS_gettid);
	pthread_cond_signal(&waiting.turn);
	while (!waiting.over)
		pthread_cond_wait(&waiting.turn, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
	return word ? unused : NULL;
}

static int begin(void **state)
{
	(void)state;
	roots_zeroed[3] = roots_variable[0]++;
	confined = confined_new();
	zone = zone_new();
	pthread_mutex_lock(&waiting.lock);
	if (!confined || !zone || pthread_create(&waiting.thread, NULL, wait_for_end, NULL))
		return -1;
	while (!waiting.pid)
		pthread_cond_wait(&waiting.turn, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
	/* its stack pointer is known once it waits in the kernel */
	for (int i = 0; i < 1000 && !stack_pointer_read(&procfs, getpid(), waiting.pid); i++)
		usleep(1000);
	names = root_names_new(&procfs, confined, getpid(), zone);
	return names ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	pthread_mutex_lock(&waiting.lock);
	waiting.over = true;
	pthread_cond_signal(&waiting.turn);
	pthread_mutex_unlock(&waiting.lock);
	pthread_join(waiting.thread, NULL);
	root_names_free(names);
	zone_free(zone);
	confined_free(confined);
	return 0;
}

static struct holder find(const volatile void *address)
{
	return root_names_find(names, (uint64_t)address);
}

static void check_variable(const volatile void *address, const char *name)
{
	char exe[256] = "";
	const struct holder holder = find(address);

	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(holder.kind, HOLDER_VARIABLE);
	assert_string_equal(holder.name, name);
	assert_string_equal(holder.object, exe);
	assert_int_equal(holder.thread, 0);
}

static void test_variables(void **state)
{
	(void)state;
	check_variable(&roots_variable[0], "roots_variable");
	check_variable(&roots_variable[49], "roots_variable");
	check_variable(&roots_zeroed[20], "roots_zeroed");
	check_variable(&names, "names");
	check_variable(&roots_variable[7], "roots_variable"); /* back again */
}

static void test_stacks(void **state)
{
	uint64_t own = 1;
	struct holder holder = find((void *)waiting.on_stack);

	(void)state;
	assert_int_equal(holder.kind, HOLDER_STACK);
	assert_int_equal(holder.thread, waiting.pid);
	assert_string_equal(holder.name, "waits");
	assert_null(holder.object);
	holder = find(__builtin_frame_address(0) + (own - 1));
	assert_int_equal(holder.kind, HOLDER_STACK);
	assert_int_equal(holder.thread, getpid());
	assert_string_not_equal(holder.name, "waits");
}

static void check_local(const volatile void *address, pid_t thread)
{
	const struct holder holder = find(address);

	assert_int_equal(holder.kind, HOLDER_THREAD_LOCAL);
	assert_int_equal(holder.thread, thread);
	assert_string_equal(holder.name, "roots_of_thread");
	assert_non_null(holder.object);
}

static void test_thread_local_ones(void **state)
{
	(void)state;
	roots_of_thread[2] = 1;
#ifndef __SANITIZE_ADDRESS__ /* whose memory lies around the first thread's */
	check_local(&roots_of_thread[2], getpid());
#endif
	check_local((void *)waiting.local, waiting.pid);
	check_local((void *)(waiting.local + 30 * sizeof(uint64_t)), waiting.pid);
}

/* Of those that are no memory the thread is known. */
static void test_what_is_no_memory(void **state)
{
	static const struct {
		enum reach_root root;
		enum holder_kind holder;
	} kinds[] = {{REACH_SYSTEM_CALL, HOLDER_SYSTEM_CALL},
		     {REACH_REGISTER, HOLDER_REGISTER},
		     {REACH_EPOLL, HOLDER_EPOLL},
		     {REACH_TIMER, HOLDER_TIMER},
		     {REACH_BLOCKS, HOLDER_BLOCKS}};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct holder holder =
			root_names_find(names, REACH_ROOT(kinds[i].root, waiting.pid));

		assert_int_equal(holder.kind, kinds[i].holder);
		assert_int_equal(holder.thread, waiting.pid);
		assert_string_equal(holder.name, "waits");
		holder = root_names_find(names, REACH_ROOT(kinds[i].root, 0));
		assert_int_equal(holder.kind, kinds[i].holder);
		assert_int_equal(holder.thread, 0);
		assert_null(holder.name);
	}
}

/* Mappings that are there when names are asked for, and what is nowhere. */
static void test_mappings(void **state)
{
	char *file, *memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("roots", 0);
	struct root_names *now;
	struct holder holder;

	(void)state;
	assert_int_equal(ftruncate(fd, 1 << 16), 0);
	file = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memory[0] = file[0] = 1;
	now = root_names_new(&procfs, confined, getpid(), zone);
	assert_non_null(now);
	holder = root_names_find(now, (uint64_t)file + 8);
	assert_int_equal(holder.kind, HOLDER_MAPPING);
	assert_non_null(strstr(holder.name, "memfd:roots"));
	holder = root_names_find(now, (uint64_t)memory + (1 << 16) - 8);
	assert_int_equal(holder.kind, HOLDER_MAPPING);
	assert_int_equal(holder.thread, 0);
	assert_null(strstr(holder.name ?: "", "roots"));
	holder = root_names_find(now, 8);
	assert_int_equal(holder.kind, HOLDER_MAPPING);
	assert_null(holder.name);
	root_names_free(now);
	munmap(memory, 1 << 16);
	munmap(file, 1 << 16);
	close(fd);
}

static void test_equal(void **state)
{
	const struct holder whole = {HOLDER_VARIABLE, 3, "a", "/b"};
	struct holder other = {HOLDER_VARIABLE, 3, (char[]){"a"}, (char[]){"/b"}};

	(void)state;
	assert_true(holders_equal(&whole, &other));
	other.kind = HOLDER_STACK;
	assert_false(holders_equal(&whole, &other));
	other = (struct holder){HOLDER_VARIABLE, 4, "a", "/b"};
	assert_false(holders_equal(&whole, &other));
	other = (struct holder){HOLDER_VARIABLE, 3, "c", "/b"};
	assert_false(holders_equal(&whole, &other));
	other = (struct holder){HOLDER_VARIABLE, 3, "a", NULL};
	assert_false(holders_equal(&whole, &other));
	assert_false(holders_equal(&other, &whole));
	assert_true(holders_equal(&other, &other));
}

static void test_nobody(void **state)
{
	(void)state;
	assert_null(root_names_new(&procfs, confined, 0x7fffffff, zone));
	root_names_free(NULL);
}

/* A stack lies right behind memory that must not be touched. */
static void test_guards(void **state)
{
	struct region items[3] = {
		{.mapping = {.start = 0x1000, .end = 0x2000}},
		{.mapping = {.start = 0x2000, .end = 0x9000, .readable = true, .writable = true}},
		{.mapping = {.start = 0x9000, .end = 0xa000, .readable = true, .writable = true}},
	};
	const struct regions regions = {.items = items, .count = 3};

	(void)state;
	assert_true(stack_has_own_guard(&regions, &items[1]));
	assert_false(stack_has_own_guard(&regions, &items[0]));
	assert_false(stack_has_own_guard(&regions, &items[2]));
	items[0].mapping.end = 0x1800;
	assert_false(stack_has_own_guard(&regions, &items[1]));
	items[0].mapping = (struct mapping){.start = 0x1000, .end = 0x2000, .readable = true};
	assert_false(stack_has_own_guard(&regions, &items[1]));
	items[0].mapping = (struct mapping){.start = 0x1000, .end = 0x2000, .writable = true};
	assert_false(stack_has_own_guard(&regions, &items[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_thread_local_ones),
		cmocka_unit_test(test_what_is_no_memory),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_guards),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker over this process's own stacks, frame for frame against libgcc's unwinder. The test
 * and the libraries that it calls through have no frame pointers.
 */
#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <cmocka.h>

#include "unwind_host.h"
#include "unwind_self.h"

#pragma GCC optimize("omit-frame-pointer")

#define FRAMES_MAX 128

/* Frames of backtrace's wrapper. */
#ifdef __SANITIZE_ADDRESS__
#define WRAPPER_FRAMES 1
#else
#define WRAPPER_FRAMES 0
#endif
#define NOT_INLINE __attribute__((noinline, noclone))

/* Keeps a call from being a jump. */
#define AFTER_CALL() __asm__ volatile("" ::: "memory")

/* Keeps a variable. */
#define KEEP(pointer) __asm__ volatile("" ::"r"(pointer) : "memory")

static struct unwind_tables *tables;
static struct unwind_state walk;
static __u64 frames[FRAMES_MAX];
static int frame_count;

/* From the registers on; what made it stop. */
static int walk_from(const ucontext_t *context)
{
	const greg_t *registers = context->uc_mcontext.gregs;
	int stop = UNWIND_STEPPED;

	walk = (struct unwind_state){
		.pc = registers[REG_RIP],
		.sp = registers[REG_RSP],
		.fp = registers[REG_RBP],
		.extra = registers[REG_RBX],
		.list = host_memory.spaces[1],
		.flags = UNWIND_EXACT,
	};
	for (frame_count = 0; frame_count < FRAMES_MAX && !stop;) {
		frames[frame_count++] = walk.pc;
		stop = unwind_step(&walk);
	}
	return stop;
}

/* The stack by both; the innermost frame is this function, at two places. */
NOT_INLINE static void compare(void)
{
	void *buffer[FRAMES_MAX + WRAPPER_FRAMES], **expected = buffer + WRAPPER_FRAMES;
	ucontext_t context;
	int count, stop;

	getcontext(&context);
	stop = walk_from(&context);
	count = backtrace(buffer, FRAMES_MAX + WRAPPER_FRAMES) - WRAPPER_FRAMES;
	if (count < FRAMES_MAX)
		assert_int_equal(stop, UNWIND_BOTTOM);
	assert_int_equal(walk.flags & UNWIND_GUESSED, 0);
	assert_int_equal(frame_count, count);
	for (int i = 1; i < count; i++)
		if (frames[i] != (uintptr_t)expected[i])
			fail_msg("frame %d: %#llx, not %p", i, frames[i], expected[i]);
	AFTER_CALL();
}

NOT_INLINE static int compare_values(const void *left, const void *right)
{
	static int calls;

	if (!calls++)
		compare();
	return *(const int *)left - *(const int *)right;
}

static void test_through_libc(void **state)
{
	int values[] = {3, 1, 2};

	(void)state;
	compare();
	qsort(values, 3, sizeof(values[0]), compare_values);
	assert_int_equal(values[0], 1);
}

NOT_INLINE static void with_alloca(size_t size)
{
	KEEP(alloca(size));
	compare();
	AFTER_CALL();
}

NOT_INLINE static void with_vla(size_t size)
{
	char bytes[size];

	KEEP(bytes);
	with_alloca(size * 3);
	AFTER_CALL();
}

/* The compiler realigns the stack and keeps the CFA in memory. */
NOT_INLINE static void with_alignment(size_t size)
{
	char aligned[256] __attribute__((aligned(128)));
	char bytes[size];

	KEEP(aligned);
	KEEP(bytes);
	with_vla(size);
	AFTER_CALL();
}

static void test_frames_of_unusual_size(void **state)
{
	(void)state;
	for (size_t size = 1; size < 100000; size = size * 5 + 3)
		with_alignment(size);
}

NOT_INLINE static int recurse(int depth)
{
	char bytes[700];

	KEEP(bytes);
	if (depth)
		return recurse(depth - 1) + 1;
	compare();
	return 0;
}

static void test_deep_recursion(void **state)
{
	(void)state;
	recurse(60);
	recurse(100);
	recurse(500);
}

static void *in_thread(void *unused)
{
	recurse(7);
	return unused;
}

static void test_thread_to_its_start(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
	pthread_join(thread, NULL);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	compare();
	if (signal == SIGILL)
		registers[REG_RIP] += 2;
}

static void signal_install(int signal, int flags)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = flags | SA_SIGINFO};

	assert_int_equal(sigaction(signal, &action, NULL), 0);
}

static void test_signal_handler(void **state)
{
	(void)state;
	signal_install(SIGUSR1, 0);
	raise(SIGUSR1);
}

static void test_signal_handler_on_its_own_stack(void **state)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	stack_t none = {.ss_flags = SS_DISABLE};

	(void)state;
	sigaltstack(&stack, NULL);
	signal_install(SIGUSR1, SA_ONSTACK);
	raise(SIGUSR1);
	sigaltstack(&none, NULL);
	free(stack.ss_sp);
}

/* Its first instruction is interrupted: one byte earlier is another function. */
__attribute__((naked, noinline)) static void faulting(void)
{
	__asm__("ud2\n\tret");
}

static void test_interrupted_at_a_functions_start(void **state)
{
	(void)state;
	signal_install(SIGILL, 0);
	faulting();
}

static jmp_buf back;

NOT_INLINE __attribute__((noreturn)) static void leave(void)
{
	compare();
	longjmp(back, 1);
}

/* Ends with the call, so that the return address is behind its end. */
NOT_INLINE static void ends_with_a_call(void)
{
	AFTER_CALL();
	leave();
}

static void test_call_that_does_not_return(void **state)
{
	(void)state;
	if (!setjmp(back))
		ends_with_a_call();
}

static void *code_place(const void *code, size_t size)
{
	void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(place, code, size);
	mprotect(place, 4096, PROT_READ | PROT_EXEC);
	assert_int_equal(self_mappings_set(tables, 1), 0);
	return place;
}

NOT_INLINE static void walk_under_guess(void)
{
	ucontext_t context;

	getcontext(&context);
	assert_int_equal(walk_from(&context), UNWIND_BOTTOM);
	AFTER_CALL();
}

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const unsigned char framed_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void test_code_without_a_table(void **state)
{
	void (*framed)(void (*)(void)) = code_place(framed_code, sizeof(framed_code));
	ucontext_t context;
	__u64 outer[FRAMES_MAX];
	int outer_count;

	(void)state;
	framed(walk_under_guess);
	assert_true(walk.flags & UNWIND_GUESSED);
	outer_count = frame_count;
	memcpy(outer, frames, sizeof(outer));
	getcontext(&context);
	assert_int_equal(walk_from(&context), UNWIND_BOTTOM);
	assert_int_equal(outer_count, frame_count + 2);
	assert_int_equal(outer[1], (uintptr_t)framed + 6);
	for (int i = 1; i < frame_count; i++)
		assert_int_equal(outer[i + 2], frames[i]);
	munmap(framed, 4096);
}

/* mov $15,%rax; syscall: a restorer without call frame information, as musl has it. */
static const unsigned char restorer_code[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};

static void on_raw_signal(int signal)
{
	(void)signal;
	walk_under_guess();
	AFTER_CALL();
}

static void test_signal_frame_without_a_table(void **state)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} action = {on_raw_signal, 0x04000000, code_place(restorer_code, sizeof(restorer_code)), 0};
	ucontext_t context;
	int inner_count;

	(void)state;
	assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, 8), 0);
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
	assert_int_equal(walk.flags & UNWIND_GUESSED, 0);
	inner_count = frame_count;
	getcontext(&context);
	assert_int_equal(walk_from(&context), UNWIND_BOTTOM);
	assert_int_equal(inner_count, frame_count + 4);
	signal(SIGUSR2, SIG_DFL);
	munmap(action.restorer, 4096);
}

static void test_losses_have_causes(void **state)
{
	ucontext_t context;
	static __u64 words[4096];

	(void)state;
	getcontext(&context);
	context.uc_mcontext.gregs[REG_RIP] = 0x10;
	assert_int_equal(walk_from(&context), UNWIND_NO_MAPPING);
	getcontext(&context);
	context.uc_mcontext.gregs[REG_RSP] = 0x10;
	assert_int_equal(walk_from(&context), UNWIND_READ_FAILED);
	getcontext(&context);
	for (int i = 0; i < 4096; i++)
		words[i] = 0x10;
	context.uc_mcontext.gregs[REG_RSP] = (uintptr_t)words;
	assert_int_equal(walk_from(&context), UNWIND_NO_MAPPING);
	assert_int_equal(frame_count, 2);
}

static int tables_init(void **state)
{
	void *frame;

	(void)state;
	backtrace(&frame, 1);
	host_memory_init(256, 16384);
	tables = unwind_tables_new(&host_memory);
	return self_mappings_set(tables, 1);
}

static int tables_release(void **state)
{
	(void)state;
	unwind_tables_free(tables);
	host_memory_release();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through_libc),
		cmocka_unit_test(test_frames_of_unusual_size),
		cmocka_unit_test(test_deep_recursion),
		cmocka_unit_test(test_thread_to_its_start),
		cmocka_unit_test(test_signal_handler),
		cmocka_unit_test(test_signal_handler_on_its_own_stack),
		cmocka_unit_test(test_interrupted_at_a_functions_start),
		cmocka_unit_test(test_call_that_does_not_return),
		cmocka_unit_test(test_code_without_a_table),
		cmocka_unit_test(test_signal_frame_without_a_table),
		cmocka_unit_test(test_losses_have_causes),
	};

	return cmocka_run_group_tests(tests, tables_init, tables_release);
}

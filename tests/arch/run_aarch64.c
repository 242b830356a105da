/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks its own stacks by its own call frame information, frame for frame against libgcc's
 * unwinder: from deep calls, from a signal handler above a function that has no frame, in a thread.
 * And looks for its threads' descriptors where they are said to be. Runs on AArch64, or what
 * emulates one (scripts/check-arch), with return addresses that are signed where the processor can.
 */
#include <alloca.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include "../../user/arch/thread_descriptor.h"
#include "../../user/unwind/cfi.h"

static struct cfi_table table;
static int reading[2]; /* a pipe: the kernel tells what cannot be read */

static inline const struct unwind_chunk *unwind_chunk_at(__u32 index)
{
	(void)index;
	return NULL;
}

static inline const struct unwind_rule *unwind_rule_at(__u32 index)
{
	(void)index;
	return NULL;
}

static inline const struct unwind_mapping *unwind_mapping_at(__u32 index)
{
	(void)index;
	return NULL;
}

static inline long unwind_read_user(void *buffer, __u32 bytes, __u64 address)
{
	ssize_t there = write(reading[1], (const void *)address, bytes);

	if (there > 0 && read(reading[0], buffer, (size_t)there) != there)
		abort();
	return there == (ssize_t)bytes ? 0 : -EFAULT;
}

#define UNWIND_FUNCTION static __attribute__((noinline, unused))
#include "../../bpf/unwind_walk.h"

#define FRAMES_MAX   64
#define NOT_INLINE   __attribute__((noinline, noclone))
#define AFTER_CALL() __asm__ volatile("" ::: "memory")

static int compared, signed_words, failures;

static void fail(const char *what, long number)
{
	printf("%s: %ld\n", what, number);
	failures++;
}

/* --- the walk --- */

static int find_frames(struct dl_phdr_info *info, size_t size, void *context)
{
	struct cfi_section *section = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const uint8_t *head = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		int32_t distance;

		if (info->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME)
			continue;
		memcpy(&distance, head + 4, sizeof(distance));
		section->bytes = head + 4 + distance;
		section->address = (uintptr_t)section->bytes;
		section->size = (size_t)(head - section->bytes);
		if (section->bytes > head)
			section->size = 1 << 20; /* it ends where it says */
		return 1;
	}
	return 0;
}

static int step(struct unwind_state *state)
{
	const struct unwind_rule *rule =
		cfi_table_find(&table, state->pc - !(state->flags & UNWIND_EXACT));

	if (rule && rule->cfa != UNWIND_NO_RULE)
		return unwind_apply(state, rule);
	return unwind_at_restorer(state) ? unwind_signal(state) : UNWIND_NO_TABLE;
}

NOT_INLINE static void compare(void)
{
	static struct unwind_state walk;
	void *expected[FRAMES_MAX];
	ucontext_t context;
	int stop = UNWIND_STEPPED, count, i;

	getcontext(&context);
	walk = (struct unwind_state){
		.pc = context.uc_mcontext.pc,
		.sp = context.uc_mcontext.sp,
		.fp = context.uc_mcontext.regs[29],
		.extra = context.uc_mcontext.regs[30],
		.flags = UNWIND_EXACT | UNWIND_FP_GIVEN | UNWIND_EXTRA_GIVEN,
	};
	count = backtrace(expected, FRAMES_MAX);
	for (i = 0; i < count && !stop; i++, compared++) {
		if (i && walk.pc != (uintptr_t)expected[i])
			return fail("another return address in frame", i);
		stop = step(&walk);
		signed_words += walk.extra >> 48 && walk.extra >> 48 != 0xffff;
	}
	if (i != count || (stop != UNWIND_STEPPED && stop != UNWIND_BOTTOM))
		fail("another end", stop);
}

/* --- what is walked --- */

NOT_INLINE static void with_alloca(size_t size)
{
	char *bytes = alloca(size);

	__asm__ volatile("" ::"r"(bytes) : "memory");
	compare();
	AFTER_CALL();
}

NOT_INLINE static int recurse(int depth)
{
	char bytes[64 * (depth + 1)];

	__asm__ volatile("" ::"r"(bytes) : "memory");
	if (!depth)
		with_alloca(5000);
	else
		recurse(depth - 1);
	AFTER_CALL();
	return depth;
}

NOT_INLINE static int compare_values(const void *left, const void *right)
{
	static int calls;

	if (!calls++)
		compare();
	return *(const int *)left - *(const int *)right;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	compare();
	((ucontext_t *)context)->uc_mcontext.pc += 4;
}

/* Calls nothing, and keeps its return address in x30. */
void fault_in_leaf(void);
__asm__(".pushsection .text\n"
	".type fault_in_leaf, %function\n"
	"fault_in_leaf:\n"
	"\t.cfi_startproc\n"
	"\tudf #0\n"
	"\tret\n"
	"\t.cfi_endproc\n"
	".popsection");

NOT_INLINE static void calling_leaf(void)
{
	fault_in_leaf();
	AFTER_CALL();
}

static void check_descriptor(void)
{
	const uint8_t *descriptor = (const uint8_t *)pthread_self();
	const struct thread_descriptor *known = &thread_descriptor;
	uint64_t word;
	int32_t thread;

	for (int i = 0; i < 2; i++) {
		memcpy(&word, descriptor + known->self_words[i], sizeof(word));
		if (word != (uintptr_t)descriptor + known->self)
			fail("a descriptor without its own address", i);
	}
	memcpy(&thread, descriptor + known->thread, sizeof(thread));
	if (thread != gettid())
		fail("a descriptor of another thread", thread);
	if ((uintptr_t)descriptor % known->align)
		fail("a descriptor at an odd address", (long)(uintptr_t)descriptor);
}

static void *in_thread(void *unused)
{
	check_descriptor();
	recurse(3);
	return unused;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct cfi_section section = {0};
	int values[] = {3, 1, 2};
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe(reading) || !dl_iterate_phdr(find_frames, &section) ||
	    cfi_table_build(&section, 1, 0, UINT64_MAX, &table))
		return 1;
	compare();
	recurse(7);
	qsort(values, 3, sizeof(*values), compare_values);
	sigaction(SIGILL, &action, NULL);
	calling_leaf();
	check_descriptor();
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	printf("%d frames as libgcc has them, %d return addresses signed, of %zu rows\n", compared,
	       signed_words, table.row_count);
	cfi_table_release(&table);
	return failures || compared < 40;
}

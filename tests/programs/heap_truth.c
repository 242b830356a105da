/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap of glibc's malloc that is known to the byte: threads allocate and free, and then the
 * program prints what mallinfo says, by write(2) alone, and waits.
 *
 * It is linked to run under any glibc from 2.31 on, in another Debian's root too: old symbol
 * versions alone, no start files (which would ask for __libc_start_main of 2.34), and mallinfo, not
 * mallinfo2 of 2.33.
 *
 *     heap_truth THREADS BLOCKS KEEP_ONE_IN MODE
 *
 * MODE: p plain, n no room for sbrk, f somebody else calls sbrk, a aligned blocks, r large blocks
 * that realloc moves, b busy: the threads go on allocating. On stdin, i prints the truth again, g
 * allocates GROWN_BLOCKS blocks of GROWN_BYTES, t calls malloc_trim(0), q ends it.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef STATIC
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");

int main(int argc, char **argv);

/* The stack as the kernel leaves it: the count of arguments, and the arguments. */
__attribute__((used)) static void begin(long *stack)
{
	_exit(main((int)*stack, (char **)(stack + 1)));
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall "
	"begin\n");

#endif

enum { GROWN_BLOCKS = 1000, GROWN_BYTES = 9001 };

static size_t blocks, keep;
static char mode;
static int done;

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static size_t choose_size(unsigned int *seed)
{
	unsigned int kind = next_random(seed) % 100, value = next_random(seed);

	if (kind < 90)
		return 16 + value % 500;
	return kind < 99 ? 1000 + value % 8000 : 20000 + value % 300000;
}

static void *allocate(unsigned int *seed)
{
	size_t size = choose_size(seed);
	void *block = malloc(size);

	memset(block, 0x5a, size);
	return block;
}

static void churn(void **held, unsigned int *seed)
{
	for (;;) {
		size_t i = next_random(seed) % blocks;

		if (held[i]) {
			free(held[i]);
			held[i] = NULL;
		} else {
			held[i] = allocate(seed);
		}
	}
}

static void *work(void *argument)
{
	unsigned int seed = (unsigned int)(uintptr_t)argument * 7919 + 1;
	void **held = malloc(blocks * sizeof(*held));

	for (size_t i = 0; i < blocks; i++)
		held[i] = allocate(&seed);
	for (size_t i = 0; i < blocks; i++) {
		if (next_random(&seed) % keep == 0)
			continue;
		free(held[i]);
		held[i] = NULL;
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
	if (mode == 'b')
		churn(held, &seed);
	for (;;)
		pause();
	return held;
}

static void fill_main_heap(void)
{
	static void *held[3000];
	unsigned int seed = 4711;

	for (size_t i = 0; i < 3000; i++) {
		if (i == 1000 && mode == 'n')
			mmap((char *)sbrk(0) + 65536, 4096, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if ((i == 1000 || i == 2000) && mode == 'f')
			(void)!sbrk(10000);
		held[i] = mode == 'a' && i % 100 == 0
				  ? aligned_alloc((size_t)64 << i / 100 % 8, 320000)
				  : allocate(&seed);
	}
	for (size_t i = 0; mode == 'r' && i < 10; i++)
		(void)!realloc(malloc(300000 + i * 1000), 900000 + i * 5000);
	for (size_t i = 0; i < 3000; i += 3)
		free(held[i]);
}

static void say_number(const char *name, size_t value, const char *end)
{
	char text[64], digits[24];
	size_t used = 0, count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
	} while (value /= 10);
	text[used++] = '"';
	for (; *name; name++)
		text[used++] = *name;
	text[used++] = '"';
	text[used++] = ':';
	while (count)
		text[used++] = digits[--count];
	(void)!write(1, text, used);
	(void)!write(1, end, strlen(end));
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void say_truth(void)
{
	struct mallinfo info = mallinfo();

	(void)!write(1, "{", 1);
	say_number("arena", (unsigned int)info.arena, ",");
	say_number("uordblks", (unsigned int)info.uordblks, ",");
	say_number("fordblks", (unsigned int)info.fordblks, ",");
	say_number("fsmblks", (unsigned int)info.fsmblks, ",");
	say_number("hblks", (unsigned int)info.hblks, ",");
	say_number("hblkhd", (unsigned int)info.hblkhd, "}\n");
}

/* atoi can come as a function of glibc 2.38. */
static int read_number(const char *text)
{
	int number = 0;

	while (*text >= '0' && *text <= '9')
		number = 10 * number + *text++ - '0';
	return number;
}

int main(int argc, char **argv)
{
	char order;

	if (argc < 5)
		return 2;
	int threads = read_number(argv[1]);
	blocks = (size_t)read_number(argv[2]);
	keep = (size_t)read_number(argv[3]);
	mode = *argv[4];
	fill_main_heap();
	for (long i = 0; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)i))
			return 1;
	}
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < threads)
		usleep(1000);
	say_truth();
	(void)!write(1, "ready\n", 6);
	while (read(0, &order, 1) == 1 && order != 'q') {
		if (order == 'i')
			say_truth();
		if (order == 'g') {
			for (size_t i = 0; i < GROWN_BLOCKS; i++)
				memset(malloc(GROWN_BYTES), 1, GROWN_BYTES);
			(void)!write(1, "grown\n", 6);
		}
		if (order == 't') {
			malloc_trim(0);
			(void)!write(1, "trimmed\n", 8);
		}
	}
	return 0;
}

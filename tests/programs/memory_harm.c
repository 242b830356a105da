/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a careless reader harms, or that harms a careless reader:
 * `memory_harm swapped|userfault|prefork|hostile|corrupt MB`.
 *
 * swapped: a heap of so many MB, all of which was asked to be paged out. userfault: pages
 * registered with userfaultfd, side by side with a heap; the program prints how often its handler
 * was woken. prefork: a heap that a child shares with its parent; the child's pid is printed.
 * hostile: a thread that scribbles over the allocator's structures and over the heap for as long as
 * it runs. corrupt: a heap in which much has been overwritten for good.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth.h"

enum { PAGE = 4096, BLOCK_BYTES = 1000, FAULT_PAGES = 64 };

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static unsigned int faults;

/* Every second block stays, so that nothing can be trimmed. */
static void fill_heap(size_t megabytes)
{
	size_t count = (megabytes << 20) / BLOCK_BYTES;
	char **blocks = malloc(count * sizeof(*blocks));

	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		memset(blocks[i], (int)i, BLOCK_BYTES);
	}
	for (size_t i = 0; i < count; i += 2)
		free(blocks[i]);
}

static void page_out(size_t megabytes)
{
	uintptr_t end = (uintptr_t)sbrk(0) & -(uintptr_t)PAGE;

	if (madvise((void *)(end - (megabytes << 20)), megabytes << 20, MADV_PAGEOUT))
		truth_die("madvise");
}

/* A handler that gives zeroes, and counts. */
static void *handle_faults(void *argument)
{
	int fd = *(int *)argument;
	struct pollfd waiting = {fd, POLLIN, 0};
	struct uffd_msg event;

	for (;;) {
		poll(&waiting, 1, -1);
		if (read(fd, &event, sizeof(event)) != sizeof(event))
			continue;
		__atomic_add_fetch(&faults, 1, __ATOMIC_SEQ_CST);
		struct uffdio_zeropage zero = {
			.range = {event.arg.pagefault.address & -(uint64_t)PAGE, PAGE}};
		ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	}
	return NULL;
}

static void register_pages(void)
{
	static int fd;
	struct uffdio_api api = {.api = UFFD_API};
	pthread_t thread;

	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	char *pages = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = {.range = {(uintptr_t)pages, FAULT_PAGES * PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, handle_faults, &fd))
		truth_die("userfaultfd");
	pages[0] = 1; /* one is there, and was asked for by us */
	for (size_t i = 0; i < 200; i++)
		memset(malloc(200000), 1, 200000);
}

static void fork_child(void)
{
	pid_t child = fork();

	if (child < 0)
		truth_die("fork");
	if (child == 0)
		for (;;)
			pause();
	printf("{\"child\":%d}\n", (int)child);
	fflush(stdout);
}

/* The newest free chunk comes behind its list's head, which lies in the arena. */
static uintptr_t find_arena(void)
{
	void **block = malloc(100000), *barrier = malloc(100000);

	free(block);
	uintptr_t arena = (uintptr_t)block[1];
	free(barrier);
	return arena;
}

static void *scribble(void *argument)
{
	uintptr_t arena = (uintptr_t)argument, heap = (uintptr_t)sbrk(0) - (1 << 20);
	unsigned int seed = 1;

	for (;;) {
		uint64_t saved[64], *words;

		seed = seed * 1103515245 + 12345;
		words = (uint64_t *)(seed & 0x800000 ? arena + (seed >> 8) % 200 * 8
						     : heap + (seed >> 8) % 100000 * 8);
		memcpy(saved, words, sizeof(saved));
		for (size_t i = 0; i < 64; i++) {
			seed = seed * 1103515245 + 12345;
			words[i] = seed >> 28 < 8    ? (seed >> 8) % 4096 * 16 + (seed >> 6) % 8
				   : seed >> 28 < 14 ? heap + (seed >> 8) % 60000 * 16
						     : (uint64_t)seed << 32;
		}
		for (volatile int i = 0; i < 20000; i++)
			;
		memcpy(words, saved, sizeof(saved));
	}
	return NULL;
}

static void corrupt_heap(size_t megabytes)
{
	uintptr_t heap = (uintptr_t)sbrk(0) - (megabytes << 20);
	unsigned int seed = 1;

	for (size_t i = 0; i < 2000; i++) {
		seed = seed * 1103515245 + 12345;
		uint64_t *word = (uint64_t *)(heap + (seed >> 4) % ((megabytes << 20) / 8) * 8);
		seed = seed * 1103515245 + 12345;
		*word = seed >> 31 ? (seed >> 8) % 4096 * 16 + 1 : (uint64_t)seed << 32;
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "";
	size_t megabytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	pthread_t thread;

	fill_heap(megabytes);
	if (!strcmp(kind, "swapped"))
		page_out(megabytes);
	else if (!strcmp(kind, "userfault"))
		register_pages();
	else if (!strcmp(kind, "prefork"))
		fork_child();
	else if (!strcmp(kind, "hostile"))
		pthread_create(&thread, NULL, scribble, (void *)find_arena());
	else if (!strcmp(kind, "corrupt"))
		corrupt_heap(megabytes);
	truth_say("ready");
	truth_wait_line();
	printf("{\"faults\":%u}\n", faults);
	fflush(stdout);
	truth_wait_line();
	_exit(0);
}

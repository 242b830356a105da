/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reachable [busy | register | fork | wide]: at a line on its input each of some functions
 * allocates blocks, and loses them or keeps them in one way. Prints what is to be found of each, as
 * one line of JSON: {"FUNCTION": {"lost": BLOCKS, "reachable": BLOCKS, "direct": BLOCKS, "kind": …,
 * "name": …, "thread": …}}, and waits for the end of its input. busy: beside a thread that
 * allocates and frees all the time. register: it waits for good, and one register alone refers to a
 * block of keep_in_register. fork: a child does the same, and its line follows. wide: one block
 * that refers to very many is all that there is.
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALONE __attribute__((noinline, noclone))

struct node {
	struct node *next;
	char rest[992];
};

/* not static: they are only written */
struct node *list_head;
void *table[100];
void **wide;
__thread void *of_thread[10];
static void **page;
static pthread_key_t key;
static pthread_barrier_t arrived;
static char line[4096] = "{";

/* --- what is found --- */

static void tell(const char *function, int lost, int reachable, int direct, const char *kind,
		 const char *name, int thread)
{
	char *at = line + strlen(line), text[80] = "null";

	if (name)
		snprintf(text, sizeof(text), "\"%s\"", name);
	snprintf(at, (size_t)(line + sizeof(line) - at),
		 "%s\"%s\":{\"lost\":%d,\"reachable\":%d,\"direct\":%d,\"kind\":\"%s\",\"name\":%s,"
		 "\"thread\":%d}",
		 line[1] ? "," : "", function, lost, reachable, direct, kind, text, thread);
}

static int own_thread(void)
{
	return (int)syscall(SYS_gettid);
}

/* --- ways of keeping --- */

ALONE static void lose(void)
{
	for (int i = 0; i < 300; i++)
		memset(malloc(300), 1, 300);
	tell("lose", 300, 0, 0, "", NULL, 0);
}

ALONE static void lose_some(void)
{
	for (int i = 0; i < 100; i++) {
		void *block = memset(malloc(500), 1, 500);

		table[i] = i % 4 ? block : NULL;
	}
	tell("lose_some", 25, 75, 75, "variable", "table", 0);
}

ALONE static void fill_list(void)
{
	for (int i = 0; i < 1000; i++) {
		struct node *node = malloc(sizeof(*node));

		node->next = list_head;
		list_head = node;
	}
	tell("fill_list", 0, 1000, 1, "variable", "list_head", 0);
}

/* One block of fill_list refers to them: so, in the end, does the list. */
ALONE static void fill_node(void)
{
	void **rest = (void **)list_head->next->rest;

	for (int i = 0; i < 100; i++)
		rest[i] = malloc(200);
	tell("fill_node", 0, 100, 0, "variable", "list_head", 0);
}

ALONE static void fill_wide(void)
{
	enum { COUNT = 300000 };

	wide = malloc(COUNT * sizeof(*wide));
	for (int i = 0; i < COUNT; i++) {
		wide[i] = malloc(24);
		*(void **)wide[i] = malloc(24);
	}
	tell("fill_wide", 0, 2 * COUNT + 1, 1, "variable", "wide", 0);
}

ALONE static void fill_library(void)
{
	char path[PATH_MAX + 32];
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);

	path[size > 0 ? size : 0] = '\0';
	strcpy(strrchr(path, '/'), "/liblost_library.so");
	void **kept = dlsym(dlopen(path, RTLD_NOW), "kept_by_library");

	for (int i = 0; i < 8; i++)
		kept[i] = malloc(600);
	tell("fill_library", 0, 8, 8, "variable", "kept_by_library", 0);
}

ALONE static void fill_page(void)
{
	for (int i = 0; i < 50; i++)
		page[i] = malloc(700);
	tell("fill_page", 0, 50, 50, "mapping", "mmap", 0);
}

ALONE static void fill_epoll(void)
{
	int epoll = epoll_create1(0);

	for (int i = 0; i < 5; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = malloc(900)};

		epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd(0, 0), &event);
	}
	tell("fill_epoll", 0, 5, 5, "epoll", NULL, 0);
}

ALONE static void fill_thread(void)
{
	for (int i = 0; i < 10; i++)
		of_thread[i] = malloc(2000);
	tell("fill_thread", 0, 10, 10, "thread_local", "of_thread", own_thread());
}

ALONE static void fill_key(void)
{
	pthread_setspecific(key, malloc(2100));
	tell("fill_key", 0, 1, 1, "thread_local", NULL, own_thread());
}

ALONE static void *fill_stack(void *context)
{
	void *volatile on_stack[20];

	for (int i = 0; i < 20; i++)
		on_stack[i] = malloc(4000);
	tell("fill_stack", 0, 20, 20, "stack", "reachable", own_thread());
	fill_key();
	pthread_barrier_wait(&arrived);
	pause();
	(void)on_stack[19];
	return context;
}

/* --- being busy --- */

static void *churn(void *context)
{
	void *blocks[256] = {NULL};

	for (unsigned int i = 0, seed = 1;; i++) {
		seed = seed * 1103515245 + 12345;
		free(blocks[seed >> 24]);
		blocks[seed >> 24] = malloc(seed >> 20 & 1023);
		if (i % 64 == 63)
			usleep(100);
	}
	return context;
}

/* What calls left on the stack would be taken for references. */
ALONE static void wipe_stack(void)
{
	volatile char wiped[100000];

	for (size_t i = 0; i < sizeof(wiped); i++)
		wiped[i] = 0;
}

static void run(void)
{
	pthread_t thread;

	lose();
	lose_some();
	fill_list();
	fill_node();
	fill_library();
	fill_page();
	fill_epoll();
	fill_thread();
	pthread_create(&thread, NULL, fill_stack, NULL);
	pthread_barrier_wait(&arrived);
	wipe_stack();
	strcat(line, "}");
	puts(line);
	fflush(stdout);
}

/* --- a register --- */

ALONE static uintptr_t keep_in_register(void)
{
	return ~(uintptr_t)memset(malloc(11000), 1, 11000);
}

/* pause(), with a block's address in a register that calls preserve. */
static void wait_with(uintptr_t hidden)
{
	for (;;)
		__asm__ volatile("mov %0, %%rbx\n\tnot %%rbx\n\tmov $34, %%eax\n\tsyscall"
				 :
				 : "r"(hidden)
				 : "rax", "rbx", "rcx", "r11", "memory");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	pthread_t thread;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_key_create(&key, NULL);
	pthread_barrier_init(&arrived, NULL, 2);
	puts("ready");
	fflush(stdout);
	getchar();
	if (!strcmp(mode, "busy"))
		pthread_create(&thread, NULL, churn, NULL);
	if (!strcmp(mode, "wide")) {
		fill_wide();
		wipe_stack();
		puts(strcat(line, "}"));
		fflush(stdout);
		while (getchar() != EOF)
			;
		_exit(0);
	}
	if (!strcmp(mode, "register")) {
		uintptr_t hidden = keep_in_register();

		wipe_stack();
		puts("{}");
		fflush(stdout);
		wait_with(hidden);
	}
	pid_t child = strcmp(mode, "fork") ? 0 : fork();
	if (child)
		pthread_barrier_init(&arrived, NULL, 2);
	run();
	while (getchar() != EOF)
		;
	if (child)
		waitpid(child, NULL, 0);
	_exit(0);
}

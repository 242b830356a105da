/* SPDX-License-Identifier: BSD-2-Clause */
/* lost_shapes SHAPE | --list: see lost_shapes.h; lost_objects.cpp has what is C++. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "lost_shapes.h"

struct node {
	struct node *next;
	struct node *before;
	char rest[984];
};

/* not static: they are only written */
void *table[100];
void *volatile initialised[2] = {&table, NULL};
struct node *head;
char *position;
uintptr_t number;
__thread void *of_thread[10];
static pthread_barrier_t arrived;

/* --- lists --- */

static struct node *make_list(size_t count, int ring)
{
	struct node *first = NULL, *last = NULL;

	for (size_t i = 0; i < count; i++) {
		struct node *node = make(sizeof(*node));

		node->next = first;
		node->before = NULL;
		if (first)
			first->before = node;
		else
			last = node;
		first = node;
	}
	if (ring)
		last->next = first;
	return first;
}

static void lose_list(struct node *node, size_t count)
{
	for (size_t i = 0; i < count; i++, node = node->next)
		lost(node);
}

static void single_lost(void)
{
	for (size_t i = 0; i < 100; i++)
		lost(make(1000));
}

static void list_lost(void)
{
	lose_list(make_list(500, 0), 500);
}

static void ring_lost(void)
{
	lose_list(make_list(300, 1), 300);
}

static void list_kept(void)
{
	head = make_list(500, 0);
}

/* From the middle on, both ways. */
static void list_kept_by_middle(void)
{
	head = make_list(500, 0);
	for (size_t i = 0; i < 250; i++)
		head = head->next;
}

/* Its second half, as nothing points backwards. */
static void list_cut(void)
{
	struct node *at = head = make_list(400, 0);

	for (size_t i = 0; i < 199; i++)
		at = at->next;
	at->next->before = NULL;
	lose_list(at->next, 200);
	at->next = NULL;
}

static void tree_lost(void)
{
	void **root = lost(make(1608));

	for (size_t i = 0; i < 201; i++) {
		void **child = root[i] = lost(make(88));

		for (size_t k = 0; k < 11; k++)
			child[k] = i % 10 ? root : lost(make(56));
	}
}

/* --- forms of pointers --- */

static void interior_kept(void)
{
	position = (char *)make(6008) + 3001;
}

static void past_end_lost(void)
{
	position = (char *)lost(make(6008)) + 6008;
}

static void low_tag_kept(void)
{
	number = (uintptr_t)make(1000) | 3;
}

static void high_tag_lost(void)
{
	number = (uintptr_t)lost(make(1000)) | UINT64_C(1) << 62;
}

static void xored_lost(void)
{
	number = (uintptr_t)lost(make(1000)) ^ UINT64_C(0x5a5a5a5a5a5a5a5a);
}

static void halves_lost(void)
{
	uint32_t *low = make(24), *high = make(24);
	uintptr_t block = (uintptr_t)lost(make(1000));

	low[0] = (uint32_t)block;
	high[0] = (uint32_t)(block >> 32);
	table[0] = low;
	table[1] = high;
}

/* --- where pointers lie --- */

static void globals_kept(void)
{
	static void *of_function[10];

	for (size_t i = 0; i < 100; i++)
		table[i] = make(1000);
	for (size_t i = 0; i < 10; i++)
		of_function[i] = make(1000);
	initialised[1] = of_function;
	initialised[0] = make(1000);
}

static void *hold(void *context)
{
	void *volatile on_stack[10];

	for (size_t i = 0; i < 10; i++) {
		on_stack[i] = make(1000);
		of_thread[i] = make(1000);
	}
	pthread_barrier_wait(&arrived);
	pause();
	(void)on_stack[9];
	return context;
}

static void threads_keep(void)
{
	pthread_t thread;

	pthread_barrier_init(&arrived, NULL, 4);
	for (size_t i = 0; i < 3; i++)
		pthread_create(&thread, NULL, hold, NULL);
	pthread_barrier_wait(&arrived);
}

static void tls_kept(void)
{
	for (size_t i = 0; i < 10; i++)
		of_thread[i] = make(1000);
}

static void *lose_own(void *context)
{
	for (size_t i = 0; i < 10; i++)
		of_thread[i] = lost(make(1000));
	return context;
}

/* What a thread's variables kept, when it ended. */
static void tls_lost(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, lose_own, NULL);
	pthread_join(thread, NULL);
}

static void *work_and_leave(void *context)
{
	void **blocks = context;

	for (size_t i = 0; i < 100; i++)
		blocks[i] = make(1000);
	return lost(make(2008));
}

/* In an arena of its own; the thread's result is not asked for, and a detached one has none. */
static void arena_of_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work_and_leave, table);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < 50; i++) {
		lost(table[i]);
		table[i] = NULL;
	}
}

static pthread_key_t keys[100];

static void *set_keys(void *context)
{
	for (size_t i = 0; i < 100; i++)
		pthread_setspecific(keys[i], make(1000));
	pthread_barrier_wait(&arrived);
	pause();
	return context;
}

/* More than fit into a thread's descriptor. */
static void keys_kept(void)
{
	pthread_t thread;

	for (size_t i = 0; i < 100; i++)
		pthread_key_create(&keys[i], NULL);
	pthread_barrier_init(&arrived, NULL, 2);
	pthread_create(&thread, NULL, set_keys, NULL);
	pthread_barrier_wait(&arrived);
}

static void epoll_kept(void)
{
	int epoll = epoll_create1(0);

	for (size_t i = 0; i < 20; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = make(1000)};

		epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd(0, 0), &event);
	}
}

static void timers_kept(void)
{
	for (size_t i = 0; i < 20; i++) {
		struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
		timer_t timer;

		event.sigev_value.sival_ptr = make(1000);
		timer_create(CLOCK_MONOTONIC, &event, &timer);
	}
}

static void **map(size_t size, int flags)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

static void mapping_kept(void)
{
	void **page = map(4096, MAP_PRIVATE), **shared = map(4096, MAP_SHARED);

	for (size_t i = 0; i < 100; i++) {
		page[i] = make(1000);
		shared[i] = make(2008);
	}
}

/* A page that is closed to writing, as of a checked constant. */
static void closed_kept(void)
{
	void **page = aligned_alloc(4096, 4096);

	for (size_t i = 0; i < 100; i++)
		page[i] = make(1000);
	mprotect(page, 4096, PROT_READ);
	table[0] = page;
}

static void unmapped_lost(void)
{
	void **page = map(4096, MAP_PRIVATE);

	for (size_t i = 0; i < 100; i++)
		page[i] = lost(make(1000));
	munmap(page, 4096);
}

static void *load_library(void)
{
	char path[PATH_MAX + 32];
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);

	path[size > 0 ? size : 0] = '\0';
	strcpy(strrchr(path, '/'), "/liblost_library.so");
	return dlopen(path, RTLD_NOW);
}

static void library_keeps(void)
{
	void **kept = dlsym(load_library(), "kept_by_library");

	for (size_t i = 0; i < 8; i++)
		kept[i] = make(1000);
}

static void unloaded_lost(void)
{
	void *library = load_library();
	void **kept = dlsym(library, "kept_by_library");

	for (size_t i = 0; i < 8; i++)
		kept[i] = lost(make(1000));
	dlclose(library);
}

static ucontext_t of_main, of_routine;

static void routine(void)
{
	void *volatile on_stack[10];

	for (size_t i = 0; i < 10; i++)
		on_stack[i] = make(1000);
	swapcontext(&of_routine, &of_main);
	(void)on_stack[9];
}

static void start_routine(void *stack, size_t size)
{
	getcontext(&of_routine);
	of_routine.uc_stack.ss_sp = stack;
	of_routine.uc_stack.ss_size = size;
	of_routine.uc_link = NULL;
	makecontext(&of_routine, routine, 0);
	swapcontext(&of_main, &of_routine);
}

static void coroutine_keeps(void)
{
	start_routine(map(65536, MAP_PRIVATE), 65536);
}

static void coroutine_in_heap_keeps(void)
{
	start_routine(table[0] = make(65544), 65544);
}

/* --- of the allocator --- */

static void grown(void)
{
	void *old = make(1000), *between = make(24), *larger = realloc(old, 20008);

	table[0] = between;
	table[1] = old; /* it points to what is free now */
	lost(larger);
	table[2] = realloc(make(1000), 20008);
}

static void aligned(void)
{
	void *block;

	for (size_t i = 0; i < 20; i++) {
		posix_memalign(&block, 64, 1000);
		table[i] = block;
		lost(aligned_alloc(8, 1000));
		lost(memalign(256, 2008));
	}
	table[20] = valloc(5000);
}

/* The holder is in a thread's cache, or in a bin, and still has the address. */
static void freed_holders(void)
{
	for (size_t i = 0; i < 20; i++) {
		void **small = make(40), **large = make(4008), *between = make(24);

		small[3] = lost(make(1000));
		large[30] = lost(make(2008));
		table[i] = between;
		free(small);
		free(large);
	}
}

/* And what it held is freed, but what that held is not. */
static void freed_chain(void)
{
	for (size_t i = 0; i < 20; i++) {
		void **holder = make(56), **middle = make(72);

		holder[4] = middle;
		middle[5] = lost(make(1000));
		free(middle);
		free(holder);
	}
}

/* With mappings of their own. */
static void large(void)
{
	for (size_t i = 0; i < 5; i++) {
		void **kept = table[i] = make(50 * 4096 - 16);

		kept[20000] = make(1000);
		void **gone = lost(make(60 * 4096 - 16));
		gone[20000] = lost(make(2008));
	}
}

static void zeroed(void)
{
	for (size_t i = 0; i < 10; i++) {
		table[i] = calloc(1, 1000);
		lost(calloc(10, 100 + 4)); /* 1040: asked for more than it needs */
	}
}

static void tiny(void)
{
	for (size_t i = 0; i < 50; i++) {
		table[i] = make(24);
		lost(make(24));
	}
}

static void c_library_keeps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");

	setvbuf(file, make(4008), _IOFBF, 4008);
	setenv("UNFREED_TEST", "kept by the environment", 1);
	hcreate(1000);
	for (int i = 0; i < 100; i++) {
		char *key = make(24);

		snprintf(key, 24, "%d", i);
		hsearch((ENTRY){.key = key, .data = NULL}, ENTER);
	}
	atexit(shape_wipe);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void search_tree_lost(void)
{
	void *root = NULL;

	for (int i = 0; i < 100; i++) {
		char *text = lost(make(24));

		snprintf(text, 24, "%d", i);
		lost(tsearch(text, &root, compare_text));
	}
}

#define SHAPE(name)         \
	{                   \
#name, name \
	}

static const struct shape shapes[] = {
	SHAPE(single_lost),
	SHAPE(list_lost),
	SHAPE(ring_lost),
	SHAPE(list_kept),
	SHAPE(list_kept_by_middle),
	SHAPE(list_cut),
	SHAPE(tree_lost),
	SHAPE(interior_kept),
	SHAPE(past_end_lost),
	SHAPE(low_tag_kept),
	SHAPE(high_tag_lost),
	SHAPE(xored_lost),
	SHAPE(halves_lost),
	SHAPE(globals_kept),
	SHAPE(threads_keep),
	SHAPE(tls_kept),
	SHAPE(tls_lost),
	SHAPE(arena_of_thread),
	SHAPE(keys_kept),
	SHAPE(epoll_kept),
	SHAPE(timers_kept),
	SHAPE(mapping_kept),
	SHAPE(closed_kept),
	SHAPE(unmapped_lost),
	SHAPE(library_keeps),
	SHAPE(unloaded_lost),
	SHAPE(coroutine_keeps),
	SHAPE(grown),
	SHAPE(coroutine_in_heap_keeps),
	SHAPE(aligned),
	SHAPE(freed_holders),
	SHAPE(freed_chain),
	SHAPE(large),
	SHAPE(zeroed),
	SHAPE(tiny),
	SHAPE(c_library_keeps),
	SHAPE(search_tree_lost),
};

int main(int argc, char **argv)
{
	return shapes_main(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads the libraries `--a PATH` and `--b PATH` (see swap_library.c) in turn, `--rounds` times
 * each, and allocates below them: leak_a below one, leak_b below the other. Each library leaks a
 * block of its own too, in own_a or own_b, of another size. It does so `--batches`
 * times, and after each says `batch` and waits for a line. Then it loads the first one once more,
 * says `kept`, waits for a line, and allocates below it: leak_kept. `same_place`: how often a
 * library lay where the one before it had been. With `--busy` a thread holds the lock on the
 * mappings most of the time, and the first one leaks a block of its own ahead of all, says `stays`,
 * and waits for a line before it is unloaded.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "truth.h"

typedef void call_fn(void);
typedef void swap_fn(call_fn *call);
typedef int leak_fn(size_t bytes);

enum { OWN_A = 72, OWN_B = 88 };

#define BUSY_BYTES (64ul << 20)

static uint64_t same_place;

TRUTH_LEAF static void leak_a(void)
{
	if (!malloc(24))
		truth_die("malloc failed");
	truth_alloc("leak_a", 24);
}

TRUTH_LEAF static void leak_b(void)
{
	if (!malloc(40))
		truth_die("malloc failed");
	truth_alloc("leak_b", 40);
}

TRUTH_LEAF static void leak_kept(void)
{
	if (!malloc(56))
		truth_die("malloc failed");
	truth_alloc("leak_kept", 56);
}

static void leak_own(void *library, size_t bytes)
{
	leak_fn *leak = (leak_fn *)dlsym(library, "swap_leak");

	if (!leak || !leak(bytes))
		truth_die("no block of the library's own");
	truth_alloc(bytes == OWN_A ? "own_a" : "own_b", bytes);
}

static swap_fn *load(const char *path, void **library)
{
	swap_fn *call;

	*library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	call = *library ? (swap_fn *)dlsym(*library, "swap_call") : NULL;
	if (!call)
		truth_die("dlopen failed");
	return call;
}

TRUTH_LEAF static void *load_and_call(const char *path, call_fn *leaf, size_t own)
{
	void *library;
	swap_fn *call = load(path, &library);

	for (int i = 0; i < 3; i++)
		call(leaf);
	leak_own(library, own);
	dlclose(library);
	return (void *)call;
}

static void swap(uint64_t rounds)
{
	const char *a = truth_string("--a", "");
	const char *b = truth_string("--b", "");

	for (; rounds > 0; rounds--)
		same_place += load_and_call(a, leak_a, OWN_A) == load_and_call(b, leak_b, OWN_B);
}

/* Before anything was unloaded. */
static void stay(void)
{
	void *library;

	load(truth_string("--a", ""), &library);
	leak_own(library, OWN_A);
	truth_say("stays");
	truth_wait_line();
	dlclose(library);
}

static void keep(void)
{
	void *library;
	swap_fn *call = load(truth_string("--a", ""), &library);

	truth_say("kept");
	truth_wait_line();
	call(leak_kept);
	dlclose(library);
}

static void *change_mappings(void *memory)
{
	for (;;) {
		mprotect(memory, BUSY_BYTES, PROT_READ);
		mprotect(memory, BUSY_BYTES, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static void prepare(void)
{
	pthread_t thread;
	void *memory;

	if (!truth_flag("--busy"))
		return;
	memory = mmap(NULL, BUSY_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED || pthread_create(&thread, NULL, change_mappings, memory))
		truth_die("no thread that is busy");
}

static void run(void)
{
	if (truth_flag("--busy"))
		stay();
	for (uint64_t i = truth_number("--batches", 1); i > 0; i--) {
		swap(truth_number("--rounds", 100));
		truth_say("batch");
		truth_wait_line();
	}
	keep();
	truth_note("same_place", same_place);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"swap", prepare, run}};

	return truth_main(argc, argv, cases, 1);
}

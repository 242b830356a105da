/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that makes reading it hard. Before it is ready it does what its options say:
 *
 *   --library PATH   loads it; blocks are leaked from below its function hostile_call
 *   --map PATH       maps the file as code and does not run it
 *   --mappings N     maps N pages apart from each other
 *   --code-mappings N --map PATH   maps the file N times
 *   --comm NAME      takes this name
 *   --execs N        runs itself anew N times, 10 ms apart, before it is ready
 *   --jit            blocks are leaked from below code in anonymous memory as well
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "truth.h"

#define PAGE 4096

typedef void call_fn(void (*function)(void));

static call_fn *library_call, *jit_call;

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const unsigned char jit_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

TRUTH_LEAF static void leak_beside(void)
{
	if (!malloc(10))
		truth_die("malloc failed");
	truth_alloc("leak_beside", 10);
}

TRUTH_LEAF static void leak_below_library(void)
{
	if (!malloc(100))
		truth_die("malloc failed");
	truth_alloc("leak_below_library", 100);
}

TRUTH_LEAF static void leak_below_jit(void)
{
	if (!malloc(1000))
		truth_die("malloc failed");
	truth_alloc("leak_below_jit", 1000);
}

static void map_code(const char *path, uint64_t count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		truth_die("cannot open what to map");
	while (count--)
		if (mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			truth_die("mmap failed");
	close(fd);
}

static void map_pages(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0) == MAP_FAILED)
			truth_die("mmap failed");
}

static void make_jit(void)
{
	void *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		truth_die("no memory for code");
	memcpy(code, jit_code, sizeof(jit_code));
	jit_call = (call_fn *)code;
}

static void load_library(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		truth_die("dlopen failed");
	library_call = (call_fn *)dlsym(library, "hostile_call");
	if (!library_call)
		truth_die("no hostile_call in the library");
}

static void run_anew(char **argv, uint64_t left)
{
	char number[24];

	for (char **argument = argv; *argument; argument++)
		if (!strcmp(*argument, "--execs"))
			argument[1] = number;
	snprintf(number, sizeof(number), "%lu", left - 1);
	usleep(10000);
	execv("/proc/self/exe", argv);
	truth_die("exec failed");
}

static void prepare(void)
{
	const char *library = truth_string("--library", NULL);
	const char *mapped = truth_string("--map", NULL);

	prctl(PR_SET_NAME, truth_string("--comm", "hostile"));
	if (library)
		load_library(library);
	if (mapped)
		map_code(mapped, truth_number("--code-mappings", 1));
	map_pages(truth_number("--mappings", 0));
	if (truth_flag("--jit"))
		make_jit();
}

int main(int argc, char **argv)
{
	truth_init(argc, argv);
	if (truth_number("--execs", 0))
		run_anew(argv, truth_number("--execs", 0));
	prepare();
	truth_ready();
	for (int i = 0; i < 20; i++) {
		leak_beside();
		if (library_call)
			library_call(leak_below_library);
		if (jit_call)
			jit_call(leak_below_jit);
	}
	truth_finish();
	return 0;
}

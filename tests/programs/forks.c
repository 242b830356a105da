/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New processes and new images. The truth is the parent's; what a child leaks stands in the notes.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define BLOCKS 10

extern char **environ;
static void *blocks[BLOCKS];

TRUTH_LEAF static void *leak_in_parent(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("malloc failed");
	truth_alloc("leak_in_parent", bytes);
	return block;
}

TRUTH_LEAF static void *leak_in_child(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("malloc failed");
	TRUTH_NO_TAIL_CALL();
	return block;
}

static void leak_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = leak_in_parent(100);
}

static void wait_for(pid_t child)
{
	char failure[64];
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		truth_die(strerror(errno)); /* a tracer can make fork fail */
	if (status) {
		snprintf(failure, sizeof(failure), "the child failed: wait status %#x", status);
		truth_die(failure);
	}
	truth_note("child", child);
}

static void child_frees(void)
{
	pid_t child;

	leak_all();
	child = fork();
	if (!child) {
		for (size_t i = 0; i < BLOCKS / 2; i++)
			free(blocks[i]);
		_exit(0);
	}
	wait_for(child);
	free(blocks[BLOCKS - 1]);
	truth_free("leak_in_parent", 100);
}

static void child_leaks(void)
{
	pid_t child;

	leak_all();
	child = fork();
	if (!child) {
		for (size_t i = 0; i < 7; i++)
			leak_in_child(1000);
		free(leak_in_child(1001));
		_exit(0);
	}
	wait_for(child);
	truth_note("child_bytes", 7000);
	truth_note("child_blocks", 7);
	leak_in_parent(101);
}

/* A parent that frees what its child still has, and a grandchild that leaks as well. */
static void tree(void)
{
	pid_t child;

	leak_all();
	child = fork();
	if (!child) {
		pid_t grandchild;

		leak_in_child(2000);
		grandchild = fork();
		if (!grandchild) {
			leak_in_child(3000);
			_exit(0);
		}
		if (waitpid(grandchild, NULL, 0) != grandchild)
			_exit(1);
		_exit(0);
	}
	wait_for(child);
	truth_note("child_bytes", 5000);
	truth_note("child_blocks", 2);
	for (size_t i = 0; i < BLOCKS; i++) {
		free(blocks[i]);
		truth_free("leak_in_parent", 100);
	}
}

static void vfork_exec(void)
{
	char *arguments[] = {(char *)"true", NULL};
	pid_t child;

	leak_all();
	child = vfork();
	if (!child) {
		execv("/bin/true", arguments);
		_exit(1);
	}
	wait_for(child);
	leak_in_parent(102);
}

enum { WORKERS = 24, WORKER_BYTES = 4000 };

static int to_workers[2], from_workers[2];

/* Idle until its parent says so, and there until that ends. */
static void work(void)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(to_workers[1]);
	if (read(to_workers[0], &byte, 1) != 1)
		_exit(0);
	leak_in_child(WORKER_BYTES);
	if (write(from_workers[1], &byte, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void workers_start(void)
{
	if (pipe(to_workers) || pipe(from_workers))
		truth_die("no pipe");
	for (int i = 0; i < WORKERS; i++) {
		pid_t child = fork();

		if (!child)
			work();
		if (child < 0)
			truth_die(strerror(errno));
	}
}

static void workers(void)
{
	char byte = 0;

	for (int i = 0; i < WORKERS; i++)
		if (write(to_workers[1], &byte, 1) != 1 || read(from_workers[0], &byte, 1) != 1)
			truth_die("a worker is gone");
	truth_note("workers", WORKERS);
	truth_note("worker_bytes", WORKER_BYTES);
}

/* The address space is the parent's, so what a vfork child allocates stays. */
static void vfork_allocates(void)
{
	pid_t child;

	leak_all();
	child = vfork();
	if (!child) {
		blocks[0] = leak_in_child(500);
		blocks[1] = leak_in_child(501);
		free(blocks[2]);
		_exit(0);
	}
	wait_for(child);
	truth_alloc("leak_in_child", 500);
	truth_alloc("leak_in_child", 501);
	truth_free("leak_in_parent", 100);
}

static void self_arguments(char **arguments, const char *which)
{
	static char self[] = "/proc/self/exe";

	arguments[0] = self;
	arguments[1] = (char *)"--case";
	arguments[2] = (char *)which;
	arguments[3] = truth_flag("--exit") ? (char *)"--exit" : NULL;
	arguments[4] = NULL;
}

static void spawn(void)
{
	static char self[4096];
	char *arguments[5];
	pid_t child;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		truth_die("no /proc/self/exe");
	leak_all();
	self_arguments(arguments, "spawned");
	if (posix_spawn(&child, self, NULL, NULL, arguments, environ))
		truth_die("posix_spawn failed");
	wait_for(child);
	truth_note("child_bytes", 8000);
	truth_note("child_blocks", 4);
	leak_in_parent(103);
}

/* Run by main before the protocol begins: silent, and gone at once. */
static void spawned(void)
{
	for (size_t i = 0; i < 4; i++)
		leak_in_child(2000);
	_exit(0);
}

static void exec(void)
{
	char *arguments[5];

	leak_all();
	self_arguments(arguments, "after_exec");
	execv(arguments[0], arguments);
	truth_die("exec failed");
}

TRUTH_LEAF static void leak_after_exec(size_t bytes)
{
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc("leak_after_exec", bytes);
}

static void after_exec(void)
{
	for (size_t i = 0; i < 5; i++)
		leak_after_exec(600);
	truth_note("before_exec_bytes", 100 * BLOCKS);
	truth_note("before_exec_blocks", BLOCKS);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {
		{"child_frees", NULL, child_frees},
		{"child_leaks", NULL, child_leaks},
		{"tree", NULL, tree},
		{"workers", workers_start, workers},
		{"vfork_exec", NULL, vfork_exec},
		{"vfork_allocates", NULL, vfork_allocates},
		{"spawn", NULL, spawn},
		{"exec", NULL, exec},
		{"spawned", spawned, NULL},
		{"after_exec", NULL, after_exec},
	};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}

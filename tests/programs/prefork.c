/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A master with four workers, as servers have them. Prints "ready" and "workers PID …"; when it
 * gets a line each worker leaks ten blocks of 100 bytes, and when all have, it prints "leaked".
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "truth.h"

enum { WORKERS = 4, BLOCKS = 10, BYTES = 100 };

static int orders[2], answers[2];

TRUTH_LEAF static void *leak_in_worker(void)
{
	void *block = malloc(BYTES);

	TRUTH_NO_TAIL_CALL();
	return block;
}

static _Noreturn void work(void)
{
	static void *blocks[BLOCKS];
	char order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(orders[0], &order, 1) == 1)
		for (int i = 0; i < BLOCKS; i++)
			blocks[i] = leak_in_worker();
	if (write(answers[1], "x", 1) != 1)
		abort();
	pause();
	_exit(blocks[0] == NULL);
}

int main(void)
{
	char line[16], answer;
	pid_t pids[WORKERS];

	if (pipe(orders) || pipe(answers))
		abort();
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			work();
	}
	printf("ready\nworkers");
	for (int i = 0; i < WORKERS; i++)
		printf(" %d", (int)pids[i]);
	printf("\n");
	fflush(stdout);
	if (read(STDIN_FILENO, line, sizeof(line)) <= 0 ||
	    write(orders[1], "xxxx", WORKERS) != WORKERS)
		return 1;
	for (int i = 0; i < WORKERS; i++)
		if (read(answers[0], &answer, 1) != 1)
			return 1;
	printf("leaked\n");
	fflush(stdout);
	while (read(STDIN_FILENO, line, sizeof(line)) > 0)
		;
	for (int i = 0; i < WORKERS; i++)
		kill(pids[i], SIGKILL);
	return 0;
}

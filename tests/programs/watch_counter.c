/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters that are raised by several threads, in turn, through functions that are not inlined:
 * prints where they are, and waits. `exec` on its input makes it begin anew, by execve.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static volatile uint64_t long_counter = 5;
static volatile uint32_t int_counters[2] = {7, 11};
static pthread_barrier_t barrier;

NOINLINE static void raise_long(int count)
{
	for (int i = 0; i < count; i++)
		long_counter++;
}

NOINLINE static void lower_int(int count)
{
	for (int i = 0; i < count; i++)
		int_counters[1]--;
	__asm__ volatile("" ::: "memory"); /* no tail call above */
}

NOINLINE static void serve(int count)
{
	char room[256];

	__asm__ volatile("" : : "r"(room) : "memory");
	raise_long(count);
	lower_int(5);
	for (int i = 0; i < 20; i++)
		int_counters[1]++;
	__asm__ volatile("" : : "r"(room) : "memory");
}

/* One thread at a time, so that each write is apart from the next. */
static void *work(void *count)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&turn);
	serve((int)(intptr_t)count);
	pthread_mutex_unlock(&turn);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t before, after;
	char line[16];

	(void)argc;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&before, NULL, work, (void *)100);
	setvbuf(stdin, NULL, _IONBF, 0); /* what is typed ahead is for whom comes behind the exec */
	printf("{\"long\":[\"%p\",\"length\"],\"int\":[\"%p\",\"length\",4]}\nready\n",
	       (void *)&long_counter, (void *)&int_counters[1]);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	pthread_barrier_wait(&barrier);
	pthread_join(before, NULL);
	pthread_create(&after, NULL, work, (void *)200);
	pthread_barrier_wait(&barrier);
	pthread_join(after, NULL);
	serve(300);
	printf("{}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		if (!strcmp(line, "exec\n"))
			execv("/proc/self/exe", argv);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `--threads N` short-lived threads (20,000), each of which leaks one block and frees another. The
 * libc allocates for threads too, so only `by_function` is exact.
 */
#include <pthread.h>
#include <stdlib.h>

#include "truth.h"

#define AT_ONCE     16
#define STACK_BYTES ((size_t)64 << 10)

TRUTH_LEAF static void *leak_in_thread(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("malloc failed");
	truth_alloc("leak_in_thread", bytes);
	return block;
}

static void *thread_run(void *argument)
{
	size_t bytes = (size_t)argument;

	leak_in_thread(bytes);
	free(leak_in_thread(bytes + 1));
	truth_free("leak_in_thread", bytes + 1);
	return NULL;
}

static void run(void)
{
	size_t count = truth_number("--threads", 20000);
	pthread_t threads[AT_ONCE];
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (size_t done = 0; done < count; done += AT_ONCE) {
		size_t batch = count - done < AT_ONCE ? count - done : AT_ONCE;

		for (size_t i = 0; i < batch; i++)
			if (pthread_create(&threads[i], &attributes, thread_run,
					   (void *)(16 + (done + i) % 100)))
				truth_die("no thread");
		for (size_t i = 0; i < batch; i++)
			pthread_join(threads[i], NULL);
	}
	pthread_attr_destroy(&attributes);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"short_lived", NULL, run}};

	return truth_main(argc, argv, cases, 1);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server whose memory goes through functions of its own, as that of most does: serve() opens a
 * session that is never closed, 200 times a second. Says `ready`, and ends when it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "truth.h"

struct session {
	struct session *next;
	char room[2000];
};

static struct session *sessions;

TRUTH_LEAF static void *my_malloc(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("out of memory");
	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void *pool_alloc(size_t bytes)
{
	void *block = my_malloc(bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void open_session(void)
{
	struct session *session = pool_alloc(sizeof(*session));

	*session = (struct session){.next = sessions};
	sessions = session;
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF static void serve(void)
{
	open_session();
	TRUTH_NO_TAIL_CALL();
}

int main(void)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	puts("ready");
	fflush(stdout);
	for (;;) {
		serve();
		nanosleep(&pause, NULL);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a confined process is forked from: a process that is forked early, while there is nothing in
 * its memory that could be stolen (no BPF maps, nothing read from a target), and that does nothing
 * but fork. A reader that is needed later in the program's life is as clean as the first one, and
 * costs as little however large the program has grown.
 *
 *	zygote_start()
 *	reader_start(), as often as needed, each followed by reader_stop()
 *	zygote_stop()
 */
#ifndef UNFREED_ZYGOTE_H
#define UNFREED_ZYGOTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/loop.h"

struct zygote {
	pid_t pid; /* 0: none runs */
	int socket;
};

/* A confined process. The zygote is its parent, so that it is known by a descriptor. */
struct reader {
	pid_t pid; /* 0: none runs */
	int process;
	int socket;
	/* The file that it has read, unless it was asked nothing, or has read another. */
	dev_t device;
	ino_t inode;
	bool asked;
	bool mixed;
};

/* Returns 0 or a negative errno. */
int zygote_start(struct zygote *zygote);

/* Its readers end with it. */
void zygote_stop(struct zygote *zygote);

/*
 * Starts a process that serves calls, and may use the network if `network`; where the
 * zygote is gone, from a new one. `loop`, which may be NULL, is served meanwhile.
 * Returns 0 or a negative errno.
 */
int reader_start(struct zygote *zygote, struct loop *loop, bool network, struct reader *reader);

/* Collects a process that has died by itself. */
bool reader_alive(struct reader *reader);

void reader_stop(struct reader *reader);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolizer's helper process: reads hostile ELF files with nothing to lose.
 */
#ifndef UNFREED_HELPER_H
#define UNFREED_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

struct helper {
	pid_t pid;  /* 0: none runs */
	int socket; /* its end is answered by the protocol of wire.h */
};

/* Returns 0 or a negative errno; on failure `helper` says that none runs. */
int helper_start(struct helper *helper);

/* Kills it. Does nothing where none runs. */
void helper_stop(struct helper *helper);

/* Whether it still runs; collects it where it does not. */
bool helper_alive(struct helper *helper);

/* Whether names may have to come from the network. */
bool helper_uses_debuginfod(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that a process has open, by whom they are with: TCP by the port at the other side,
 * or, of those that came in, by the port that listens here; unix sockets together. Pools leak
 * connections, and who forgets to close one holds what belongs to it. As the kernel lists them, of
 * the process's own network.
 */
#ifndef UNFREED_PEERS_H
#define UNFREED_PEERS_H

#include "procfs.h"

enum peer_kind { PEER_TCP_OUT, PEER_TCP_IN, PEER_UNIX, PEER_OTHERS /* than are told apart */ };

struct peer {
	enum peer_kind kind;
	uint16_t port; /* of TCP */
	uint32_t open;
	uint32_t closed; /* of them, by the other side, and not yet by this one */
};

enum { PEERS_MAX = 12 };

struct peers {
	bool known;
	struct peer items[PEERS_MAX]; /* those with most connections first */
	size_t count;
};

/* "tcp", "incoming tcp", "unix", "others" */
const char *peer_kind_name(enum peer_kind kind);

/* Costs a link for each open file, and a line for each connection of the network. */
void peers_read(const struct procfs *procfs, pid_t pid, struct peers *peers);

/* Adds those of one process to those of others; order is lost. */
void peers_add(struct peers *sum, const struct peers *peers);

#endif

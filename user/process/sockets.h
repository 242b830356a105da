/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process has open by PID/fd, and what the tables of its network say of its sockets. */
#ifndef UNFREED_SOCKETS_H
#define UNFREED_SOCKETS_H

#include "procfs.h"

/* `directory` and `number` are where the descriptor is, `link` what it is of. False: no more. */
typedef bool open_link_take(void *context, int directory, const char *number, const char *link);

/*
 * Takes what each descriptor is of, in no order; nothing of it is opened. Returns 0, also where
 * `take` wanted no more, or a negative errno: -ESRCH where the process is gone.
 */
int open_links_each(const struct procfs *procfs, pid_t pid, open_link_take *take, void *context);

/* Whether it is of a socket: then its inode, by which the tables tell of it. */
bool open_link_socket(const char *link, uint64_t *inode);

enum { NET_CLOSE_WAIT = 8, NET_LISTEN = 10 }; /* of TCP, as in include/net/tcp_states.h */

/* A line of PID/net/tcp, tcp6, udp or udp6. */
struct net_row {
	unsigned int local, remote; /* ports */
	unsigned int state;
	unsigned int unsent, unread; /* bytes; of what listens: connections */
	uint64_t inode;
};

/* False of what is no such line, as the first one. */
bool net_row_read(const char *line, struct net_row *row);

#endif

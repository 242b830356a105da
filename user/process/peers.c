/* SPDX-License-Identifier: BSD-2-Clause */
#include "peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "sockets.h"

enum {
	SOCKETS_MAX = 1 << 16,
	LINES_MAX = 100000, /* of a network that has more nothing is told */
	FOUND_MAX = 4096,
	PORTS = 1 << 16,
	LINE_BYTES = 512,
	UNIX_LISTENS = 1 << 16, /* __SO_ACCEPTCON */
	UNIX_CONNECTED = 3,
};

struct row {
	uint16_t local, remote;
	bool closed;
};

struct search {
	const struct procfs *procfs;
	pid_t pid;
	uint64_t *sockets; /* by inode, sorted */
	size_t socket_count;
	struct row *rows; /* of TCP: its connections */
	size_t row_count;
	bool *listens; /* by port */
	uint32_t unix_count;
	bool failed;
};

const char *peer_kind_name(enum peer_kind kind)
{
	static const char *const names[] = {
		[PEER_TCP_OUT] = "tcp",
		[PEER_TCP_IN] = "incoming tcp",
		[PEER_UNIX] = "unix",
		[PEER_OTHERS] = "others",
	};

	return names[kind];
}

/* --- what is open --- */

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static bool add_socket(void *context, int directory, const char *number, const char *link)
{
	struct search *search = context;
	uint64_t inode;

	(void)directory;
	(void)number;
	if (open_link_socket(link, &inode))
		search->failed = search->socket_count == SOCKETS_MAX ||
				 !array_append(&search->sockets, &search->socket_count, inode);
	return !search->failed;
}

static void list_sockets(struct search *search)
{
	if (open_links_each(search->procfs, search->pid, add_socket, search))
		search->failed = true;
	if (search->socket_count)
		qsort(search->sockets, search->socket_count, sizeof(*search->sockets), compare);
}

static bool has_socket(const struct search *search, uint64_t inode)
{
	return bsearch(&inode, search->sockets, search->socket_count, sizeof(inode), compare);
}

/* --- the kernel's lists --- */

static bool take_tcp(struct search *search, const char *line)
{
	struct net_row row;

	if (!net_row_read(line, &row) || row.local >= PORTS || row.remote >= PORTS)
		return true;
	if (row.state == NET_LISTEN)
		search->listens[row.local] = true;
	else if (has_socket(search, row.inode))
		return array_append(&search->rows, &search->row_count,
				    ((struct row){(uint16_t)row.local, (uint16_t)row.remote,
						  row.state == NET_CLOSE_WAIT}));
	return true;
}

static bool take_unix(struct search *search, const char *line)
{
	unsigned int flags, state;
	uint64_t inode;

	if (sscanf(line, "%*[0-9A-Fa-f]: %*s %*s %x %*s %x %" SCNu64, &flags, &state, &inode) ==
		    3 &&
	    !(flags & UNIX_LISTENS) && state == UNIX_CONNECTED)
		search->unix_count += has_socket(search, inode);
	return true;
}

/* One that the kernel does not have, such as that of version 6, has nothing in it. */
static void read_list(struct search *search, const char *name,
		      bool take(struct search *search, const char *line))
{
	FILE *file = procfs_open_of_process(search->procfs, search->pid, name);
	char line[LINE_BYTES];
	size_t count = 0;

	while (file && !search->failed && fgets(line, sizeof(line), file))
		search->failed = ++count > LINES_MAX || !take(search, line);
	if (file)
		fclose(file);
}

/* --- what there is of each --- */

struct found {
	struct peer *items;
	size_t count;
};

static struct peer *find_peer(struct peer *items, size_t count, enum peer_kind kind, uint16_t port)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].kind == kind && items[i].port == port)
			return &items[i];
	return NULL;
}

static bool count_row(const struct search *search, const struct row *row, struct found *found)
{
	bool incoming = search->listens[row->local];
	enum peer_kind kind = incoming ? PEER_TCP_IN : PEER_TCP_OUT;
	uint16_t port = incoming ? row->local : row->remote;
	struct peer *peer = find_peer(found->items, found->count, kind, port);

	if (!peer && found->count == FOUND_MAX) {
		kind = PEER_OTHERS;
		port = 0;
		peer = find_peer(found->items, found->count, kind, port);
	}
	if (!peer) {
		if (!array_append(&found->items, &found->count,
				  ((struct peer){.kind = kind, .port = port})))
			return false;
		peer = &found->items[found->count - 1];
	}
	peer->open++;
	peer->closed += row->closed;
	return true;
}

static int by_count(const void *a, const void *b)
{
	const struct peer *left = a, *right = b;

	if (left->open != right->open)
		return left->open < right->open ? 1 : -1;
	return (left->port > right->port) - (left->port < right->port);
}

static bool count_all(const struct search *search, struct found *found)
{
	const struct peer of_unix = {.kind = PEER_UNIX, .open = search->unix_count};
	bool done = true;

	for (size_t i = 0; done && i < search->row_count; i++)
		done = count_row(search, &search->rows[i], found);
	if (done && search->unix_count)
		done = array_append(&found->items, &found->count, of_unix);
	if (found->count)
		qsort(found->items, found->count, sizeof(*found->items), by_count);
	return done;
}

static void add_peer(struct peers *sum, const struct peer *peer)
{
	struct peer *known = find_peer(sum->items, sum->count, peer->kind, peer->port);

	if (!known && sum->count + 1 >= PEERS_MAX)
		known = find_peer(sum->items, sum->count, PEER_OTHERS, 0);
	if (!known) {
		known = &sum->items[sum->count++];
		*known = sum->count < PEERS_MAX
				 ? (struct peer){.kind = peer->kind, .port = peer->port}
				 : (struct peer){.kind = PEER_OTHERS};
	}
	known->open += peer->open;
	known->closed += peer->closed;
}

void peers_add(struct peers *sum, const struct peers *peers)
{
	sum->known |= peers->known;
	for (size_t i = 0; i < peers->count; i++)
		add_peer(sum, &peers->items[i]);
}

void peers_read(const struct procfs *procfs, pid_t pid, struct peers *peers)
{
	struct search search = {
		.procfs = procfs, .pid = pid, .listens = calloc(PORTS, sizeof(bool))};
	struct found found = {0};

	*peers = (struct peers){0};
	search.failed = !search.listens;
	if (!search.failed)
		list_sockets(&search);
	if (search.socket_count && !search.failed) {
		read_list(&search, "net/tcp", take_tcp);
		read_list(&search, "net/tcp6", take_tcp);
		read_list(&search, "net/unix", take_unix);
	}
	peers->known = !search.failed && count_all(&search, &found);
	for (size_t i = 0; peers->known && i < found.count; i++)
		add_peer(peers, &found.items[i]);
	free(found.items);
	free(search.listens);
	free(search.rows);
	free(search.sockets);
}

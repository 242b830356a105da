/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom a process has connections with, in recorded lists of the kernel's. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "made_tree.h"
#include "process/peers.h"

#define HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000  1000        0 "

static void link_files(pid_t pid, const uint64_t *sockets, size_t count)
{
	char path[64], to[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%d/fd/%zu", (int)pid, i + 3);
		snprintf(to, sizeof(to), "socket:[%llu]", (unsigned long long)sockets[i]);
		tree_link(path, to);
	}
	snprintf(path, sizeof(path), "%d/fd/0", (int)pid);
	tree_link(path, "/dev/null");
	snprintf(path, sizeof(path), "%d/fd/1", (int)pid);
	tree_link(path, "pipe:[100]");
}

static int setup(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-peers");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

/* "tcp 5432 2/1, unix 0 1/0": open, and closed by the other side; "?": not known. */
static const char *told(pid_t pid)
{
	const struct procfs procfs = {tree_root};
	static char text[1000];
	struct peers peers;
	size_t used = 0;

	peers_read(&procfs, pid, &peers);
	*text = '\0';
	for (size_t i = 0; i < peers.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %u %u/%u",
					 i ? ", " : "", peer_kind_name(peers.items[i].kind),
					 peers.items[i].port, peers.items[i].open,
					 peers.items[i].closed);
	return peers.known ? text : "?";
}

/* One that serves 8000 and asks a database, of which a connection is closed
 * there; others' are not its own. */
static void test_by_port(void **state)
{
	static const uint64_t sockets[] = {100, 101, 102, 103, 104, 105, 106, 107};

	(void)state;
	link_files(10, sockets, sizeof(sockets) / sizeof(*sockets));
	tree_write("10/net/tcp",
		   HEAD "   0: 0100007F:1F40 00000000:0000 0A" REST "100 1 0 100 0 0 10 0\n"
			"   1: 0100007F:9C40 0100007F:1538 01" REST "101 1 0 20 4 30 10 -1\n"
			"   2: 0100007F:9C41 0100007F:1538 01" REST "102 1 0 20 4 30 10 -1\n"
			"   3: 0100007F:9C42 0100007F:1538 08" REST "103 1 0 20 4 30 10 -1\n"
			"   4: 0100007F:9C43 0100007F:1538 01" REST "999 1 0 20 4 30 10 -1\n"
			"   5: 0100007F:9C44 0100007F:1538 06" REST "0 1 0 20 4 30 10 -1\n");
	tree_write(
		"10/net/tcp6", HEAD
		"   0: 0000000000000000FFFF00000100007F:1F40 0000000000000000FFFF00000100007F:C001 01" REST
		"104 1 0 20 4 30 10 -1\n");
	tree_write("10/net/unix",
		   "Num       RefCount Protocol Flags    Type St Inode Path\n"
		   "0000000000000000: 00000003 00000000 00000000 0001 03 105\n"
		   "0000000000000000: 00000002 00000000 00010000 0001 01 106 /run/x\n"
		   "0000000000000000: 00000003 00000000 00000000 0001 03 998 /run/107\n");
	assert_string_equal(told(10), "tcp 5432 3/1, unix 0 1/0, incoming tcp 8000 1/0");
}

static void test_what_is_no_such_list(void **state)
{
	static const uint64_t sockets[] = {100};

	(void)state;
	link_files(11, sockets, 1);
	assert_string_equal(told(11), ""); /* no lists at all */
	tree_write("11/net/tcp",
		   "\n   0: zzzz\n\x01\x02 0: :::: \n   1: 0:FFFFFFFF 0:1 01 x x x 1 1 100\n"
		   "   1: 0:99999999999 0:1 01 x x x 1 1 100");
	assert_string_equal(told(11), "");
	assert_string_equal(told(12), "?"); /* no such process */
}

/* Of very many the most are told, and the rest together. */
static void test_many(void **state)
{
	static char text[200000];
	static uint64_t sockets[500];
	size_t used = 0;
	const struct procfs procfs = {tree_root};
	struct peers peers, sum = {0};
	uint32_t open = 0;

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		sockets[i] = 1000 + i;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "   1: 0100007F:%04X 0100007F:%04X 01" REST "%u 1\n",
					 40000 + i, i < 100 ? 443 : 1000 + i, 1000 + i);
	}
	link_files(20, sockets, 500);
	tree_write("20/net/tcp", text);
	peers_read(&procfs, 20, &peers);
	assert_true(peers.known && peers.count == PEERS_MAX);
	assert_true(peers.items[0].port == 443 && peers.items[0].open == 100);
	for (size_t i = 0; i < peers.count; i++)
		open += peers.items[i].open;
	assert_int_equal(open, 500);
	peers_add(&sum, &peers);
	peers_add(&sum,
		  &(struct peers){true, {{PEER_TCP_OUT, 1, 5, 5}, {PEER_TCP_OUT, 443, 1, 0}}, 2});
	open = 0;
	for (size_t i = 0; i < sum.count; i++) {
		open += sum.items[i].open;
		for (size_t j = 0; j < i; j++) /* nothing is told twice */
			assert_false(sum.items[i].kind == sum.items[j].kind &&
				     sum.items[i].port == sum.items[j].port);
	}
	assert_true(open == 506 && sum.count == PEERS_MAX && sum.items[0].open == 101);
}

/* The rest of one service may come before those that are told apart of another. */
static void test_the_rest_is_one(void **state)
{
	struct peers sum = {0}, others = {true, {{PEER_OTHERS, 0, 7, 0}}, 1},
		     many = {.known = true};

	(void)state;
	peers_add(&sum, &others);
	for (; many.count < PEERS_MAX; many.count++)
		many.items[many.count] =
			(struct peer){PEER_TCP_IN, (uint16_t)(many.count + 1), 1, 0};
	peers_add(&sum, &many);
	assert_true(sum.count <= PEERS_MAX && sum.items[0].kind == PEER_OTHERS);
	assert_int_equal(sum.items[0].open, 7 + PEERS_MAX - (sum.count - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_port),
		cmocka_unit_test(test_what_is_no_such_list),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_the_rest_is_one),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process has by its open files alone: this one's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/open_memory.h"

enum { BYTES = 1 << 20, SENT = 10000 };

static struct open_claims claims;

static struct open_memory look(void)
{
	const struct procfs procfs = {.root = "/proc"};
	struct open_memory memory;

	assert_int_equal(open_memory_read(&procfs, getpid(), &claims, &memory), 0);
	assert_false(memory.cut);
	return memory;
}

static void fill(int fd)
{
	static const char bytes[BYTES] = {1};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, BYTES), BYTES);
}

static int release(void **state)
{
	(void)state;
	open_claims_release(&claims);
	return 0;
}

static void test_a_memfd(void **state)
{
	struct open_memory before = look(), now;
	int fd = memfd_create("held (deleted)", 0), copy;
	void *mapped;

	(void)state;
	fill(fd);
	copy = dup(fd);
	now = look();
	assert_int_equal(now.files, before.files + 1);
	assert_int_equal(now.file_bytes, before.file_bytes + BYTES);
	mapped = mmap(NULL, BYTES / 4, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	assert_int_equal(look().file_bytes, before.file_bytes + BYTES / 4 * 3);
	munmap(mapped, BYTES / 4);
	mapped = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(look().files, before.files);
	munmap(mapped, BYTES);
	close(fd);
	assert_int_equal(look().files, before.files + 1);
	close(copy);
	assert_int_equal(look().files, before.files);
}

/* A file that has a name is there for others, and one on a disk is no memory. */
static void test_files_of_a_tmpfs(void **state)
{
	char path[] = "/dev/shm/unfreed-test-XXXXXX", on_disk[] = "/var/tmp/unfreed-test-XXXXXX";
	struct open_memory before = look();
	int fd = mkstemp(path), other = mkstemp(on_disk);

	(void)state;
	fill(fd);
	fill(other);
	unlink(on_disk);
	assert_int_equal(look().files, before.files);
	unlink(path);
	assert_int_equal(look().files, before.files + 1);
	assert_int_equal(look().file_bytes, before.file_bytes + BYTES);
	close(fd);
	close(other);
}

static int listen_on_loopback(int family, struct sockaddr_storage *address, socklen_t *length)
{
	int fd = socket(family, SOCK_STREAM, 0);

	*length = sizeof(*address);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, length), 0);
	return fd;
}

/* A connection that waits for accept() stands in the queue of the socket that listens, as one. */
static void test_what_waits_in_sockets(void **state)
{
	static const char bytes[SENT];
	struct open_memory before = look(), now;
	struct sockaddr_storage address;
	socklen_t length;
	int server = listen_on_loopback(AF_INET, &address, &length);
	int near = socket(AF_INET, SOCK_STREAM, 0), far;

	(void)state;
	assert_int_equal(connect(near, (struct sockaddr *)&address, length), 0);
	assert_int_equal(look().sockets, before.sockets);
	far = accept(server, NULL, NULL);
	assert_int_equal(send(near, bytes, SENT, 0), SENT);
	now = look();
	assert_int_equal(now.unread_bytes + now.unsent_bytes - before.unread_bytes -
				 before.unsent_bytes,
			 SENT);
	assert_true(now.sockets > before.sockets);
	assert_int_equal(recv(far, (char[SENT]){0}, SENT, MSG_WAITALL), SENT);
	assert_int_equal(look().unread_bytes, before.unread_bytes);
	close(near);
	close(far);
	close(server);
}

/* Forked workers have open what their master has: it is there once. */
static void test_whose_it_is(void **state)
{
	struct open_memory before = look();
	int fd = memfd_create("shared", 0);

	(void)state;
	fill(fd);
	assert_int_equal(look().files, before.files + 1);
	claims.items[claims.count - 1].pid = 1;
	assert_int_equal(look().files, before.files);
	open_claims_drop(&claims, 1);
	assert_int_equal(look().files, before.files + 1);
	close(fd);
}

static void test_a_process_that_is_gone(void **state)
{
	const struct procfs procfs = {.root = "/proc"};
	struct open_memory memory;

	(void)state;
	assert_int_equal(open_memory_read(&procfs, 0x3ffffffe, &claims, &memory), -ESRCH);
	assert_int_equal(memory.files + memory.sockets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_memfd, release),
		cmocka_unit_test_teardown(test_files_of_a_tmpfs, release),
		cmocka_unit_test_teardown(test_what_waits_in_sockets, release),
		cmocka_unit_test_teardown(test_whose_it_is, release),
		cmocka_unit_test_teardown(test_a_process_that_is_gone, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

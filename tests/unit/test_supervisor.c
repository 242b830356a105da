/* SPDX-License-Identifier: BSD-2-Clause */
/* Who started us, on a socket of ours: by what it is found, and what it hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/supervisor.h"

static char path[100];

/* A name that begins with @ is one of no file. */
static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (*name == '@')
		*address.sun_path = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	return fd;
}

static void check_heard(int fd, const char *expected)
{
	char text[1000] = "";

	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), strlen(expected));
	assert_string_equal(text, expected);
}

static void check_told(const char *name)
{
	int fd = listen_at(name);
	struct supervisor supervisor;
	char many[700], cut[500];

	setenv("NOTIFY_SOCKET", name, 1);
	supervisor_init(&supervisor);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_true(supervisor.fd >= 0);
	supervisor_tell(&supervisor, "READY=%d", 1);
	check_heard(fd, "READY=1");
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	supervisor_tell(&supervisor, "%s", many);
	memcpy(cut, many, sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	check_heard(fd, cut);
	/* nobody listens any more: no matter */
	close(fd);
	supervisor_tell(&supervisor, "STOPPING=1");
	supervisor_release(&supervisor);
	assert_int_equal(supervisor.fd, -1);
	supervisor_release(&supervisor);
}

static void test_told(void **state)
{
	char abstract[100];

	(void)state;
	check_told(path);
	unlink(path);
	snprintf(abstract, sizeof(abstract), "@unfreed-test-%d", (int)getpid());
	check_told(abstract);
}

static void test_watchdog(void **state)
{
	char mine[20];
	const struct {
		const char *time_us, *pid;
		uint64_t ns;
	} cases[] = {
		{NULL, NULL, 0},
		{"3000000", NULL, 3000000000},
		{"3000000", mine, 3000000000},
		{"3000000", "1", 0}, /* another one's */
		{"0", NULL, 0},
		{"18446744073709551", NULL, 18446744073709551000u},
		{"18446744073709552", NULL, 0},
	};
	int fd = listen_at(path);

	(void)state;
	snprintf(mine, sizeof(mine), "%d", (int)getpid());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct supervisor supervisor;

		setenv("NOTIFY_SOCKET", path, 1);
		if (cases[i].time_us)
			setenv("WATCHDOG_USEC", cases[i].time_us, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		supervisor_init(&supervisor);
		if (supervisor.watchdog_ns != cases[i].ns)
			fail_msg("case %zu", i);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		supervisor_release(&supervisor);
	}
	close(fd);
	unlink(path);
}

static void test_nobody(void **state)
{
	static const char *const names[] = {NULL, "", "relative", "/no/such/socket"};
	char far_too_long[200];

	(void)state;
	memset(far_too_long, '/', sizeof(far_too_long) - 1);
	far_too_long[sizeof(far_too_long) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
		const char *name = i < sizeof(names) / sizeof(names[0]) ? names[i] : far_too_long;
		struct supervisor supervisor;

		if (name)
			setenv("NOTIFY_SOCKET", name, 1);
		setenv("WATCHDOG_USEC", "5", 1);
		supervisor_init(&supervisor);
		assert_int_equal(supervisor.fd, -1);
		assert_int_equal(supervisor.watchdog_ns, 0);
		supervisor_tell(&supervisor, "READY=1");
		supervisor_release(&supervisor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_nobody),
	};

	snprintf(path, sizeof(path), "/tmp/unfreed-supervisor-%d", (int)getpid());
	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}

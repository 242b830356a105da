/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug information from the network. libdw looks at DEBUGINFOD_URLS when a program starts, so this
 * program starts itself again with a server of its own, on a port that the kernel chooses.
 */
#include "symbol_fixture.h"

#include <errno.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "confine/confined_internal.h"

#define BUILD_ID "1234567890abcdef"

/* Answers each request with the file if it is for the build id, for as long as the test lives. */
static void serve(int listener)
{
	static char request[65536], body[1 << 20];
	int fd = fixture_open("debug");
	ssize_t size = read(fd, body, sizeof(body));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		ssize_t got = read(connection, request, sizeof(request) - 1);

		request[got > 0 ? got : 0] = '\0';
		if (strncmp(request, "GET /buildid/" BUILD_ID "/debuginfo ", 40) == 0) {
			dprintf(connection,
				"HTTP/1.1 200 OK\r\nConnection: close\r\n"
				"Content-Length: %zd\r\n\r\n",
				size);
			if (write(connection, body, (size_t)size) != size)
				_exit(1);
		} else {
			dprintf(connection, "HTTP/1.1 404 None\r\nConnection: close\r\n"
					    "Content-Length: 0\r\n\r\n");
		}
		close(connection);
	}
}

/* Where programs are told to ask. */
static int open_port(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return listener;
}

/* Runs this program with a server at the port, and more of an environment and of arguments. What
 * it says is no result of ours. */
static int run_again(int port, const char *environment, const char *argument)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "DEBUGINFOD_URLS=http://127.0.0.1:%d no_proxy=127.0.0.1 %s /proc/%d/exe %s %s "
		 ">%s/said 2>&1 || { sed 's/^/# /' %s/said; false; }",
		 port, environment, getpid(), fixture_directory, argument, fixture_directory,
		 fixture_directory);
	return system(command);
}

/* In this environment it must find names at a server. */
static void find_names(const char *environment)
{
	int port, status, listener = open_port(&port);
	pid_t server = fork();

	if (server == 0)
		serve(listener);
	close(listener);
	status = run_again(port, environment, "");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	assert_int_equal(status, 0);
}

static void network_gives_what_was_stripped(void **state)
{
	void *client = dlopen("libdebuginfod.so.1", RTLD_LAZY);
	char environment[512];

	(void)state;
	if (!client)
		skip();
	dlclose(client);
	assert_int_equal(fixture_try("gcc -O2 -g -o whole $S/chain.c -Wl,--build-id=0x" BUILD_ID
				     " && objcopy --only-keep-debug whole debug && strip -o bare "
				     "whole && mkdir -m 777 cache"),
			 0);
	snprintf(environment, sizeof(environment),
		 "DEBUGINFOD_CACHE_PATH=%s/cache CACHE_DIRECTORY=%s/unused", fixture_directory,
		 fixture_directory);
	find_names(environment);
	if (geteuid() != 0)
		return;
	/* from a root shell, whose own cache is nobody's to write to */
	snprintf(environment, sizeof(environment),
		 "CACHE_DIRECTORY=%s/own XDG_CACHE_HOME=/root/.cache HOME=/root env -u SUDO_UID",
		 fixture_directory);
	find_names(environment);
	assert_int_equal(fixture_try("test -f own/debuginfod/" BUILD_ID "/debuginfo"), 0);
}

/* One that takes the connection, and says nothing ever. */
static void network_that_is_silent_costs_nothing_else(void **state)
{
	void *client = dlopen("libdebuginfod.so.1", RTLD_LAZY);
	char environment[512];
	int port, status, listener;

	(void)state;
	if (!client)
		skip();
	dlclose(client);
	assert_int_equal(fixture_try("strip -g -o half whole && mkdir -m 777 empty"), 0);
	snprintf(environment, sizeof(environment),
		 "DEBUGINFOD_CACHE_PATH=%s/empty CACHE_DIRECTORY=%s/unused", fixture_directory,
		 fixture_directory);
	listener = open_port(&port);
	status = run_again(port, environment, "silent");
	close(listener);
	assert_int_equal(status, 0);
}

static void stripped_program_has_names(void **state)
{
	struct confined *confined = confined_new();
	struct symbol_list list = {0};
	struct truths truths;
	int fd;

	(void)state;
	truths_read(&truths, "whole");
	fd = fixture_open("bare");
	assert_int_equal(symbolizer_resolve(confined, fd, fixture_path("bare"),
					    &truths.items[0].offset, 1, CONFINED_WAIT_NOT, &list),
			 0);
	assert_truth(&truths.items[0], &list);
	symbol_lists_release(&list, 1);
	close(fd);
	confined_free(confined);
}

static void program_has_the_names_that_are_here(void **state)
{
	struct confined *confined = confined_new();
	struct symbol_list list = {0};
	struct truths truths;
	int fd;

	(void)state;
	confined_patience(confined, CONFINED_DEBUGINFOD)->wait_ms = 100;
	truths_read(&truths, "whole");
	fd = fixture_open("half");
	assert_int_equal(symbolizer_resolve(confined, fd, fixture_path("half"),
					    &truths.items[0].offset, 1, CONFINED_WAIT_NOT, &list),
			 0);
	assert_int_equal(confined_patience(confined, CONFINED_DEBUGINFOD)->files[0].tries, 1);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.symbols[0].name, "outer");
	symbol_lists_release(&list, 1);
	close(fd);
	confined_free(confined);
}

static void serve_until(const struct confined *confined, struct loop *loop, size_t ended)
{
	while (confined_ended(confined) < ended)
		assert_true(loop_wait(loop, -1) >= 0);
}

/* Nobody waits for either: what is here is there first, and stays when the
 * network has had its time. */
static void program_has_the_names_that_are_here_meanwhile(void **state)
{
	struct confined *confined = confined_new();
	struct loop *loop = loop_new();
	struct symbol_list list = {0};
	struct truths truths;
	int fd;

	(void)state;
	confined_use_loop(confined, loop);
	confined_wait_until(confined, 1);
	confined_patience(confined, CONFINED_DEBUGINFOD)->wait_ms = 2000;
	truths_read(&truths, "whole");
	fd = fixture_open("half");
	for (size_t ended = 0; ended <= 2; ended++) {
		serve_until(confined, loop, ended);
		assert_int_equal(symbolizer_resolve(confined, fd, fixture_path("half"),
						    &truths.items[0].offset, 1, CONFINED_WAIT_NOT,
						    &list),
				 ended == 2 ? 0 : -EINPROGRESS);
		assert_int_equal(list.count, ended > 0);
	}
	assert_string_equal(list.symbols[0].name, "outer");
	assert_int_equal(confined_calls(confined, CONFINED_NAMES), 1);
	symbol_lists_release(&list, 1);
	close(fd);
	confined_free(confined);
	loop_free(loop);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest outer[] = {
		cmocka_unit_test(network_gives_what_was_stripped),
		cmocka_unit_test(network_that_is_silent_costs_nothing_else),
	};
	const struct CMUnitTest inner[] = {cmocka_unit_test(stripped_program_has_names)};
	const struct CMUnitTest silent[] = {
		cmocka_unit_test(program_has_the_names_that_are_here),
		cmocka_unit_test(program_has_the_names_that_are_here_meanwhile),
	};

	if (argc < 2)
		return cmocka_run_group_tests(outer, fixture_setup, fixture_teardown);
	snprintf(fixture_directory, sizeof(fixture_directory), "%s", argv[1]);
	if (argc > 2)
		return cmocka_run_group_tests(silent, NULL, NULL);
	return cmocka_run_group_tests(inner, NULL, NULL);
}

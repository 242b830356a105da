/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A monitor of a living interpreter (living.h), as a process of its own, and what it answers to
 * those who ask: without rights, as the interpreter is ours. Run from the top directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <zlib.h>

#include "command_run.h"
#include "commands/monitor.h"
#include "golden.h"
#include "lib/clock.h"
#include "living.h"
#include "process/procfs.h"

enum { SECONDS_MOST = 90, ANSWER_BYTES = 4 << 20 };

struct fixture {
	struct living *living;
	pid_t pid;
	FILE *says;
	int port;
	char *token;
};

static void run_monitor(const struct fixture *fixture, int says)
{
	char pid[16], history[300], token[300],
		*words[] = {
			"unfreed", "-p",           pid,   "--listen", "127.0.0.1:0",  "-i",
			"0.1",     "-d",           "3",   "--budget", "100",          "--history",
			history,   "--token-file", token, "--host",   "shop.example", NULL,
		};

	snprintf(pid, sizeof(pid), "%d", (int)fixture->living->pid);
	snprintf(history, sizeof(history), "%s/history", tree_root);
	snprintf(token, sizeof(token), "%s/token", tree_root);
	dup2(says, STDERR_FILENO);
	close(says);
	exit(monitor_main((int)(sizeof(words) / sizeof(*words)) - 1, words));
}

/* The rest of the line behind some words; false where it ended before it said them. */
static bool hear(struct fixture *fixture, const char *words, char *rest, size_t size)
{
	char line[512];

	while (fgets(line, sizeof(line), fixture->says)) {
		const char *found = strstr(line, words);

		if (!found)
			continue;
		snprintf(rest, size, "%s", found + strlen(words));
		return true;
	}
	return false;
}

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char rest[200] = "";
	int says[2];

	tree_make("/tmp/unfreed-monitored");
	fixture->living = start("/usr/bin/python3");
	tell(fixture->living, "leak");
	if (pipe2(says, O_CLOEXEC))
		return -1;
	fflush(NULL);
	fixture->pid = fork();
	if (!fixture->pid)
		run_monitor(fixture, says[1]);
	close(says[1]);
	fixture->says = fdopen(says[0], "r");
	if (!hear(fixture, "metrics at http://127.0.0.1:", rest, sizeof(rest)))
		return -1; /* without libmicrohttpd there is none */
	fixture->port = atoi(rest);
	fixture->token = read_all(tree_path("token"));
	fixture->token[strcspn(fixture->token, "\n")] = '\0';
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->pid) {
		kill(fixture->pid, SIGKILL);
		waitpid(fixture->pid, NULL, 0);
	}
	fclose(fixture->says);
	stop(fixture->living);
	free(fixture->token);
	free(fixture);
	tree_remove();
	return 0;
}

/* --- who asks --- */

struct heard {
	int status;
	char *head, *body; /* of bytes */
	size_t size;       /* of the body */
	char bytes[ANSWER_BYTES];
};

static struct heard *send_request(const struct fixture *fixture, const char *request)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)fixture->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct heard *heard = calloc(1, sizeof(*heard));
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t size = 0;
	ssize_t part;

	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(client, request, strlen(request)), strlen(request));
	while ((part = read(client, heard->bytes + size, ANSWER_BYTES - 1 - size)) > 0)
		size += (size_t)part;
	close(client);
	if (sscanf(heard->bytes, "HTTP/1.%*d %d", &heard->status) != 1)
		fail_msg("%s\nis answered by %s", request, heard->bytes);
	heard->head = heard->bytes;
	heard->body = strstr(heard->bytes, "\r\n\r\n") + 4;
	heard->size = size - (size_t)(heard->body - heard->bytes);
	heard->body[-2] = '\0';
	return heard;
}

static struct heard *get(const struct fixture *fixture, const char *path, const char *headers)
{
	char request[1000];

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n", path,
		 fixture->port, headers);
	return send_request(fixture, request);
}

static struct heard *get_with_token(const struct fixture *fixture, const char *path)
{
	char header[400];

	snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", fixture->token);
	return get(fixture, path, header);
}

/* Until what a page says has some words in it. */
static void wait_for(const struct fixture *fixture, const char *path, const char *words)
{
	double end_s = clock_s(CLOCK_MONOTONIC) + SECONDS_MOST;
	bool found = false;

	while (!found && clock_s(CLOCK_MONOTONIC) < end_s) {
		struct heard *heard = get_with_token(fixture, path);

		found = strstr(heard->body, words);
		free(heard);
		usleep(50000);
	}
	if (!found)
		fail_msg("%s never says %s", path, words);
}

/* --- tests --- */

static double sample_of(const char *metrics, const char *name)
{
	const char *line = metrics;
	size_t length = strlen(name);

	for (; *line; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, name, length) || (line[length] != '{' && line[length] != ' '))
			continue;
		const char *end = line + strcspn(line, "\n");

		while (end[-1] != ' ')
			end--;
		return strtod(end, NULL);
	}
	fail_msg("no sample %s", name);
	return 0;
}

static void test_metrics(void **state)
{
	const struct fixture *fixture = *state;
	const struct procfs procfs = {.root = "/proc"};
	struct process_status status;

	wait_for(fixture, "/metrics", "unfreed_target_resident_bytes{");
	struct heard *heard = get(fixture, "/metrics", "");

	assert_int_equal(heard->status, 200);
	assert_non_null(strstr(heard->head, "Content-Type: application/openmetrics-text"));
	assert_string_equal(heard->body + heard->size - strlen("# EOF\n"), "# EOF\n");
	assert_int_equal(procfs_read_status(&procfs, fixture->living->pid, &status), 0);
	double resident = sample_of(heard->body, "unfreed_target_resident_bytes");

	assert_true(resident > 0.8 * (double)status.resident_bytes);
	assert_true(resident <= (double)status.resident_bytes * 1.01);
	assert_true(sample_of(heard->body, "unfreed_self_rounds_total") >= 1);
	assert_true(sample_of(heard->body, "unfreed_service_cpu_seconds_total") >= 0);
	free(heard);
}

static void test_who_is_let_in(void **state)
{
	static const struct {
		const char *path, *header;
		int status;
	} cases[] = {
		{"/metrics", "", 200},
		{"/metrics?name[]=x", "", 200},
		{"/metrics/", "", 404},
		{"/nothing", "", 404},
		{"/", "", 200},
		{"/api/services", "", 401},
		{"/api/services", "Authorization: Bearer wrong\r\n", 401},
		{"/api/services", "Cookie: unfreed=wrong\r\n", 401},
		{"/debug/pprof/heap", "", 401},
		{"/metrics", "Origin: http://evil.example\r\n", 200},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heard *heard = get(fixture, cases[i].path, cases[i].header);

		if (heard->status != cases[i].status)
			fail_msg("%s %s: %d", cases[i].path, cases[i].header, heard->status);
		assert_non_null(strstr(heard->head, "X-Content-Type-Options: nosniff"));
		free(heard);
	}
}

/* What is no request of a page, and by what name it may be asked. */
static void test_requests(void **state)
{
	static const struct {
		const char *request;
		int least, most;
	} cases[] = {
		{"HEAD /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 200,
		 200},
		{"GET /metrics HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n", 200,
		 200},
		{"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400,
		 499},
		{"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
		 "Content-Length: 0\r\n\r\n",
		 405, 405},
		{"DELETE / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 405, 405},
		{"GET /metrics%00 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 400,
		 404},
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heard *heard = send_request(fixture, cases[i].request);

		if (heard->status < cases[i].least || heard->status > cases[i].most)
			fail_msg("%s%d", cases[i].request, heard->status);
		free(heard);
	}
}

/* A browser keeps another secret, by which it is let in. */
static void test_session(void **state)
{
	const struct fixture *fixture = *state;
	struct heard *heard = get_with_token(fixture, "/api/session");
	char header[600] = "Cookie: ";

	assert_int_equal(heard->status, 200);
	const char *cookie = strstr(heard->head, "Set-Cookie: ");

	assert_non_null(cookie);
	assert_non_null(strstr(cookie, "HttpOnly"));
	assert_non_null(strstr(cookie, "SameSite=Strict"));
	assert_null(strstr(heard->head, fixture->token));
	cookie += strlen("Set-Cookie: ");
	strncat(header, cookie, strcspn(cookie, ";"));
	strcat(header, "\r\n");
	free(heard);
	heard = get(fixture, "/api/services", header);
	assert_int_equal(heard->status, 200);
	free(heard);
}

static void test_what_is_told(void **state)
{
	const struct fixture *fixture = *state;
	char pid[40];

	snprintf(pid, sizeof(pid), "python3[%d]", (int)fixture->living->pid);
	wait_for(fixture, "/api/services", pid);
	wait_for(fixture, "/metrics", "unfreed_container_bytes{");
	static const struct {
		const char *path;
		int status;
		const char *says;
	} pages[] = {
		{"/api/services", 200, "\"schema\":\"unfreed/monitor/1\""},
		{"/api/samples?service=1", 200, "\"samples\":["},
		{"/api/samples?service=1&since=100&until=200", 200, "\"samples\":[]"},
		{"/api/findings?service=1", 200, "\"findings\":["},
		{"/api/answers?service=1", 200, "\"answers\":["},
		{"/api/samples", 400, ""},
		{"/api/samples?service=x", 400, ""},
		{"/api/samples?service=1&since=200&until=200", 400, ""},
		{"/api/findings", 400, ""},
		{"/api/answer?id=12345", 404, ""},
		{"/api/answer", 400, ""},
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		struct heard *heard = get_with_token(fixture, pages[i].path);

		if (heard->status != pages[i].status || !strstr(heard->body, pages[i].says))
			fail_msg("%s: %d %s", pages[i].path, heard->status, heard->body);
		if (heard->status == 200)
			assert_non_null(strstr(heard->head, "Content-Type: application/json"));
		free(heard);
	}
}

/* Profiles are packed. */
static void check_profile(const struct fixture *fixture, const char *path, const char *name)
{
	struct heard *heard = get_with_token(fixture, path);
	char *text = calloc(1, ANSWER_BYTES);
	z_stream stream = {
		.next_in = (unsigned char *)heard->body,
		.avail_in = (unsigned int)heard->size,
		.next_out = (unsigned char *)text,
		.avail_out = ANSWER_BYTES,
	};

	assert_int_equal(heard->status, 200);
	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	inflateEnd(&stream);
	if (!memmem(text, stream.total_out, name, strlen(name)))
		fail_msg("%s: no %s", path, name);
	free(text);
	free(heard);
}

static void test_profiles(void **state)
{
	const struct fixture *fixture = *state;

	check_profile(fixture, "/debug/pprof/heap", "__main__.MANY");
	check_profile(fixture, "/debug/pprof/growth", "inuse_space");
	check_profile(fixture, "/debug/pprof/heap?by=type", "list");
	struct heard *heard = get_with_token(fixture, "/debug/pprof/heap?by=nothing");

	assert_int_equal(heard->status, 400);
	free(heard);
}

/* It ends when it is told to; what it saw is in a report. */
static void test_end(void **state)
{
	struct fixture *fixture = *state;
	char pid[40];
	int status;

	kill(fixture->pid, SIGTERM);
	waitpid(fixture->pid, &status, 0);
	fixture->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	struct run run = run_words(monitor_main, "--report-now --history %history");

	snprintf(pid, sizeof(pid), "python3[%d]", (int)fixture->living->pid);
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, pid));
	run_release(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),      cmocka_unit_test(test_who_is_let_in),
		cmocka_unit_test(test_requests),     cmocka_unit_test(test_session),
		cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests_name("monitored", tests, begin, end);
}

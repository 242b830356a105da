// SPDX-License-Identifier: BSD-2-Clause
/*
 * The parent's side. It believes nothing that comes back: a reply that is malformed, late or cut
 * short costs the process its life and the call its answer.
 *
 * Hostile files may be slow, one by one or in great numbers. A file that was too slow twice is not
 * tried again; and all waits that were in vain come out of one account, which when it is empty
 * leaves a second for each further call.
 */
#include "confined.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../arch/elf_machine.h"
#include "../lib/clock.h"
#include "confined_internal.h"
#include "privileges.h"
#include "protocol.h"

#define TIMEOUT_MS         20000
#define TIMEOUT_NETWORK_MS 120000
#define PATIENCE_CALLS     3 /* full waits in vain before it is empty */
#define PATIENCE_LEAST     1000
#define SLOW_FILES_MAX     64
#define SLOW_ANSWERS_MAX   2
#define ANSWER_BUFFER      (4 << 20)
#define DEATH_MS           500
#define MS_UNSET           UINT32_MAX

struct slow_file {
	dev_t device;
	ino_t inode;
	struct timespec modified;
	unsigned int answers;
};

struct confined {
	pid_t pid; /* 0: none runs */
	int socket;
	size_t calls; /* of this process */
	unsigned int forced_timeout_ms;
	int64_t patience_ms;
	struct slow_file slow_files[SLOW_FILES_MAX];
	size_t slow_next;
};

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static int64_t timeout_usual(void)
{
	return privileges_keep_network() ? TIMEOUT_NETWORK_MS : TIMEOUT_MS;
}

static _Noreturn void run_confined(int socket, pid_t parent)
{
	if (privileges_drop(socket, parent))
		confined_serve(PRIVILEGES_SOCKET);
	_exit(0);
}

/* So that most answers need the two processes to take turns once; without root it stays narrow. */
static void widen(int socket)
{
	int size = ANSWER_BUFFER;

	setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

static int process_start(struct confined *confined)
{
	pid_t parent = getpid(), pid;
	int sockets[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	widen(sockets[1]);
	pid = fork();
	if (pid == 0)
		run_confined(sockets[1], parent);
	error = pid < 0 ? -errno : 0;
	close(sockets[1]);
	if (error) {
		close(sockets[0]);
		return error;
	}
	confined->pid = pid;
	confined->socket = sockets[0];
	confined->calls = 0;
	return 0;
}

static void process_forget(struct confined *confined)
{
	close(confined->socket);
	confined->pid = 0;
	confined->socket = -1;
}

/*
 * A process that waits inside of a file system (a target's own FUSE) does not die at once: it is
 * left behind then, killed and without its socket.
 */
static void process_stop(struct confined *confined)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (!confined->pid)
		return;
	kill(confined->pid, SIGKILL);
	for (int i = 0; i < DEATH_MS && waitpid(confined->pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&pause, NULL);
	process_forget(confined);
}

/* Collects a process that has died by itself. */
static bool process_alive(struct confined *confined)
{
	if (confined->pid && waitpid(confined->pid, NULL, WNOHANG) != 0)
		process_forget(confined);
	return confined->pid != 0;
}

struct confined *confined_new(void)
{
	struct confined *confined = calloc(1, sizeof(*confined));
	int error;

	if (!confined)
		return NULL;
	confined->socket = -1;
	confined->forced_timeout_ms = MS_UNSET;
	confined->patience_ms = PATIENCE_CALLS * timeout_usual();
	error = process_start(confined);
	if (!error)
		return confined;
	free(confined);
	errno = -error;
	return NULL;
}

void confined_free(struct confined *confined)
{
	if (!confined)
		return;
	process_stop(confined);
	free(confined);
}

void confined_set_timeout_ms(struct confined *confined, unsigned int timeout_ms)
{
	confined->forced_timeout_ms = timeout_ms;
}

pid_t confined_pid(const struct confined *confined)
{
	return confined->pid;
}

static int wait_ready(int socket, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = socket, .events = events};
		int64_t left_ms = deadline_ms - now_ms();
		int ready;

		if (left_ms <= 0)
			return -ETIME;
		ready = poll(&poll_fd, 1, (int)left_ms);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

static int send_all(int socket, const void *data, size_t length, int64_t deadline_ms)
{
	while (length) {
		int error = wait_ready(socket, POLLOUT, deadline_ms);
		ssize_t sent;

		if (error)
			return error;
		sent = send(socket, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && !is_passing(errno))
			return -EPIPE;
		if (sent > 0) {
			data = (const char *)data + sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

static int receive_all(int socket, void *data, size_t length, int64_t deadline_ms)
{
	while (length) {
		int error = wait_ready(socket, POLLIN, deadline_ms);
		ssize_t got;

		if (error)
			return error;
		got = recv(socket, data, length, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && !is_passing(errno)))
			return -EPIPE;
		if (got > 0) {
			data = (char *)data + got;
			length -= (size_t)got;
		}
	}
	return 0;
}

/* The socket is empty when a call begins, so that a header always fits in one go. */
static int send_header(int socket, const struct call_header *header, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] __attribute__((aligned(8))) = {0};
	struct iovec part = {(void *)header, sizeof(*header)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(*header))
		return -EPIPE;
	return 0;
}

static bool reply_valid(const struct reply_header *reply)
{
	return reply->magic == REPLY_MAGIC && reply->status <= 0 && reply->status > -4096 &&
	       reply->length <= CONFINED_ANSWER_MAX && (reply->status == 0 || reply->length == 0);
}

/* Puts what the function returned into `status`; returns what became of the exchange. */
static int receive_reply(int socket, int64_t deadline_ms, int *status,
			 struct confined_answer *answer)
{
	struct reply_header reply;
	int error = receive_all(socket, &reply, sizeof(reply), deadline_ms);

	if (error)
		return error;
	if (!reply_valid(&reply))
		return -EPIPE;
	*status = reply.status;
	if (reply.status)
		return 0;
	answer->data = malloc(reply.length + 1);
	if (!answer->data)
		return -ENOMEM;
	answer->length = reply.length;
	return receive_all(socket, answer->data, answer->length, deadline_ms);
}

static int exchange(struct confined *confined, const struct confined_call *call,
		    int64_t deadline_ms, struct confined_answer *answer)
{
	const struct call_header header = {
		.magic = CALL_MAGIC, .length = (uint32_t)call->length, .function = call->function};
	int status = 0;
	int error = process_alive(confined) ? 0 : process_start(confined);

	if (error)
		return error;
	confined->calls++;
	error = send_header(confined->socket, &header, call->fd);
	if (!error)
		error = send_all(confined->socket, call->input, call->length, deadline_ms);
	if (!error)
		error = receive_reply(confined->socket, deadline_ms, &status, answer);
	if (error)
		process_stop(confined);
	return error ? error : status;
}

static struct slow_file *slow_file_find(struct confined *confined, const struct stat *status)
{
	for (size_t i = 0; i < SLOW_FILES_MAX; i++) {
		struct slow_file *file = &confined->slow_files[i];

		if (file->answers && file->device == status->st_dev &&
		    file->inode == status->st_ino &&
		    memcmp(&file->modified, &status->st_mtim, sizeof(file->modified)) == 0)
			return file;
	}
	return NULL;
}

static void slow_file_note(struct confined *confined, const struct stat *status)
{
	struct slow_file *file = slow_file_find(confined, status);

	if (!file) {
		file = &confined->slow_files[confined->slow_next++ % SLOW_FILES_MAX];
		*file = (struct slow_file){status->st_dev, status->st_ino, status->st_mtim, 0};
	}
	file->answers++;
}

static int64_t timeout_of(const struct confined *confined)
{
	int64_t timeout_ms = timeout_usual();
	int64_t patience_ms = confined->patience_ms;

	if (confined->forced_timeout_ms != MS_UNSET)
		return confined->forced_timeout_ms;
	if (patience_ms < PATIENCE_LEAST)
		patience_ms = PATIENCE_LEAST;
	return timeout_ms < patience_ms ? timeout_ms : patience_ms;
}

static int call_timed(struct confined *confined, const struct confined_call *call,
		      const struct stat *status, struct confined_answer *answer)
{
	const struct slow_file *slow = slow_file_find(confined, status);
	int64_t start_ms = now_ms();
	int error;

	if (slow && slow->answers >= SLOW_ANSWERS_MAX)
		return -ETIME;
	error = exchange(confined, call, start_ms + timeout_of(confined), answer);
	if (error == -ETIME) {
		slow_file_note(confined, status);
		confined->patience_ms -= now_ms() - start_ms;
	}
	return error;
}

int confined_call(struct confined *confined, const struct confined_call *call,
		  struct confined_answer *answer)
{
	struct stat status;
	int error = 0;

	*answer = (struct confined_answer){0};
	if (call->length > CONFINED_INPUT_MAX)
		return -EINVAL;
	if (fstat(call->fd, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -ENOEXEC;
	if (!error)
		error = call_timed(confined, call, &status, answer);
	if (error) {
		free(answer->data);
		*answer = (struct confined_answer){0};
	}
	return error;
}

int confined_reject(struct confined *confined)
{
	process_stop(confined);
	return -EPIPE;
}

bool confined_renew(struct confined *confined)
{
	if (!confined->calls)
		return false;
	process_stop(confined);
	return true;
}

const char *confined_error_text(int error)
{
	switch (error) {
	case -ENOEXEC:
		return "damaged ELF file";
	case -ENOTSUP:
		return elf_machine_refusal;
	case -EFBIG:
		return "too large";
	case -E2BIG:
		return "more work than its size justifies";
	case -EPIPE:
		return "its reader crashed";
	case -ETIME:
		return "reading it took too long";
	default:
		return strerror(-error);
	}
}

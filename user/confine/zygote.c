/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program sends one end of a socket pair; the zygote forks a process that serves calls on it,
 * and answers with a descriptor of that process. Both sockets keep messages apart.
 *
 * Whoever dies takes those below along: the zygote has the program's death as its signal, a reader
 * the zygote's.
 */
#include "zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "privileges.h"
#include "protocol.h"

#define ANSWER_BUFFER (4 << 20)
#define START_NS      UINT64_C(10000000000)
#define DEATH_MS      500

struct wanted {
	bool network;
};

/* The answer: who was forked, or a negative errno. */
struct forked {
	pid_t pid;
};

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static _Noreturn void run_reader(int socket, pid_t zygote, const struct wanted *wanted)
{
	if (privileges_drop(socket, zygote, wanted->network))
		confined_serve(PRIVILEGES_SOCKET);
	_exit(0);
}

/* One that has died is collected only when the next one is asked for: its number stays its own. */
static bool serve_one(int control)
{
	pid_t self = getpid();
	struct wanted wanted;
	struct forked forked;
	int socket, process = -1;
	bool sent;

	if (protocol_receive_fd(control, &wanted, sizeof(wanted), &socket))
		return false;
	reap();
	forked.pid = fork();
	if (forked.pid == 0)
		run_reader(socket, self, &wanted);
	if (forked.pid > 0)
		process = (int)syscall(SYS_pidfd_open, forked.pid, 0);
	if (process < 0)
		forked.pid = -errno;
	close(socket);
	sent = !protocol_send_fd(control, &forked, sizeof(forked), process);
	if (process >= 0)
		close(process);
	return sent;
}

static _Noreturn void run_zygote(int control, pid_t parent)
{
	if (privileges_detach(control, parent))
		while (serve_one(PRIVILEGES_SOCKET))
			;
	_exit(0);
}

int zygote_start(struct zygote *zygote)
{
	pid_t parent = getpid(), pid;
	int sockets[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_zygote(sockets[1], parent);
	error = pid < 0 ? -errno : 0;
	close(sockets[1]);
	if (error) {
		close(sockets[0]);
		return error;
	}
	*zygote = (struct zygote){pid, sockets[0]};
	return 0;
}

void zygote_stop(struct zygote *zygote)
{
	if (!zygote->pid)
		return;
	kill(zygote->pid, SIGKILL);
	waitpid(zygote->pid, NULL, 0);
	close(zygote->socket);
	*zygote = (struct zygote){0, -1};
}

/* So that most answers need the two processes to take turns once; without root it stays narrow. */
static void widen(int socket)
{
	int size = ANSWER_BUFFER;

	setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

/* Returns 0 or a negative errno, also that of the zygote's fork(). */
static int ask(const struct zygote *zygote, struct loop *loop, const struct wanted *wanted,
	       int socket, struct reader *reader)
{
	struct forked forked = {0};
	int error = protocol_send_fd(zygote->socket, wanted, sizeof(*wanted), socket);

	if (!error)
		error = loop_wait_for(loop, zygote->socket, POLLIN,
				      clock_ns(CLOCK_MONOTONIC) + START_NS);
	if (!error)
		error = protocol_receive_fd(zygote->socket, &forked, sizeof(forked),
					    &reader->process);
	if (!error && forked.pid > 0 && reader->process < 0)
		error = -EPIPE;
	reader->pid = forked.pid;
	return error ? error : forked.pid < 0 ? forked.pid : 0;
}

/* One that does not answer any more has been killed, or is kept from running. */
static int ask_again(struct zygote *zygote, struct loop *loop, const struct wanted *wanted,
		     int socket, struct reader *reader)
{
	int error = zygote->pid ? ask(zygote, loop, wanted, socket, reader) : -EPIPE;

	if (error != -EPIPE && error != -ETIME)
		return error;
	zygote_stop(zygote);
	error = zygote_start(zygote);
	return error ? error : ask(zygote, loop, wanted, socket, reader);
}

int reader_start(struct zygote *zygote, struct loop *loop, bool network, struct reader *reader)
{
	const struct wanted wanted = {.network = network};
	struct reader started = {.process = -1};
	int sockets[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	widen(sockets[1]);
	error = ask_again(zygote, loop, &wanted, sockets[1], &started);
	close(sockets[1]);
	if (error) {
		close(sockets[0]);
		return error == -ETIME ? -EPIPE : error;
	}
	started.socket = sockets[0];
	*reader = started;
	return 0;
}

static void forget(struct reader *reader)
{
	close(reader->socket);
	close(reader->process);
	*reader = (struct reader){.process = -1, .socket = -1};
}

static bool has_ended(const struct reader *reader, int wait_ms)
{
	struct pollfd ended = {.fd = reader->process, .events = POLLIN};

	return poll(&ended, 1, wait_ms) > 0;
}

bool reader_alive(struct reader *reader)
{
	if (reader->pid && has_ended(reader, 0))
		forget(reader);
	return reader->pid != 0;
}

/*
 * One that waits inside of a file system (a target's own FUSE) does not die at once: it is left
 * behind then, killed and without its socket.
 */
void reader_stop(struct reader *reader)
{
	if (!reader->pid)
		return;
	syscall(SYS_pidfd_send_signal, reader->process, SIGKILL, NULL, 0);
	has_ended(reader, DEATH_MS);
	forget(reader);
}

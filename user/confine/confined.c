// SPDX-License-Identifier: BSD-2-Clause
/*
 * The parent's side. It believes nothing that comes back: a reply that is malformed, late or cut
 * short costs the process its life and the call its answer.
 *
 * A call waits for its answer, as whoever asks cannot go on without it; what cannot wait meanwhile is
 * in the loop.
 */
#include "confined.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../arch/elf_machine.h"
#include "../lib/clock.h"
#include "confined_internal.h"
#include "kept.h"
#include "privileges.h"
#include "protocol.h"
#include "zygote.h"

#define TIMEOUT_MS         20000
#define TIMEOUT_NETWORK_MS 120000
#define MS_UNSET           UINT32_MAX

struct need {
	struct reader reader;
	bool network;
	/* Of this reader: the file that it has read, unless it was asked nothing, or has read another. */
	dev_t device;
	ino_t inode;
	bool asked;
	bool mixed;
	size_t calls;         /* of all readers */
	const bool *given_up; /* NULL: never */
	struct patience patience;
};

struct confined {
	struct zygote zygote;
	struct kept *kept;
	struct loop *loop; /* served while an answer is awaited; NULL: none */
	bool busy;
	unsigned int forced_timeout_ms;
	struct need needs[CONFINED_NEEDS];
};

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static void need_init(struct need *need, enum confined_need which)
{
	need->network = which == CONFINED_DEBUGINFOD;
	patience_init(&need->patience, need->network ? TIMEOUT_NETWORK_MS : TIMEOUT_MS, now_ms());
}

struct confined *confined_new(void)
{
	struct confined *confined = calloc(1, sizeof(*confined));
	int error;

	if (!confined)
		return NULL;
	confined->forced_timeout_ms = MS_UNSET;
	for (int which = 0; which < CONFINED_NEEDS; which++)
		need_init(&confined->needs[which], which);
	confined->kept = kept_new();
	error = confined->kept ? zygote_start(&confined->zygote) : -ENOMEM;
	if (!error)
		return confined;
	confined_free(confined);
	errno = -error;
	return NULL;
}

void confined_free(struct confined *confined)
{
	if (!confined)
		return;
	for (int which = 0; which < CONFINED_NEEDS; which++)
		reader_stop(&confined->needs[which].reader);
	zygote_stop(&confined->zygote);
	kept_free(confined->kept);
	free(confined);
}

bool confined_has_network(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && *urls;
}

void confined_use_loop(struct confined *confined, struct loop *loop)
{
	confined->loop = loop;
}

void confined_give_up_if(struct confined *confined, const bool *given_up, bool network)
{
	for (int which = 0; which < CONFINED_NEEDS; which++) {
		struct need *need = &confined->needs[which];

		need->given_up = need->network || !network ? given_up : NULL;
	}
}

void confined_set_timeout_ms(struct confined *confined, unsigned int timeout_ms)
{
	confined->forced_timeout_ms = timeout_ms;
}

pid_t confined_pid(const struct confined *confined, enum confined_need which)
{
	return confined->needs[which].reader.pid;
}

size_t confined_calls(const struct confined *confined, enum confined_need which)
{
	return confined->needs[which].calls;
}

struct patience *confined_patience(struct confined *confined, enum confined_need which)
{
	return &confined->needs[which].patience;
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* A call that is under way. */
struct exchange {
	int socket;
	struct loop *loop;
	uint64_t deadline_ns;
	const bool *given_up;
};

static int wait_for(const struct exchange *exchange, short events)
{
	return loop_wait_unless(exchange->loop, exchange->socket, events, exchange->deadline_ns,
				exchange->given_up);
}

static int send_all(const struct exchange *exchange, const void *data, size_t length)
{
	while (length) {
		int error = wait_for(exchange, POLLOUT);
		ssize_t sent;

		if (error)
			return error;
		sent = send(exchange->socket, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && !is_passing(errno))
			return -EPIPE;
		if (sent > 0) {
			data = (const char *)data + sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

static int receive_all(const struct exchange *exchange, void *data, size_t length)
{
	while (length) {
		int error = wait_for(exchange, POLLIN);
		ssize_t got;

		if (error)
			return error;
		got = recv(exchange->socket, data, length, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && !is_passing(errno)))
			return -EPIPE;
		if (got > 0) {
			data = (char *)data + got;
			length -= (size_t)got;
		}
	}
	return 0;
}

static bool reply_valid(const struct reply_header *reply)
{
	return reply->magic == REPLY_MAGIC && reply->status <= 0 && reply->status > -4096 &&
	       reply->length <= CONFINED_ANSWER_MAX && (reply->status == 0 || reply->length == 0);
}

/* Puts what the function returned into `status`; returns what became of the exchange. */
static int receive_reply(const struct exchange *exchange, int *status,
			 struct confined_answer *answer)
{
	struct reply_header reply;
	int error = receive_all(exchange, &reply, sizeof(reply));

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
	return receive_all(exchange, answer->data, answer->length);
}

static bool is_alone_with(const struct need *need, const struct stat *file)
{
	return !need->asked ||
	       (!need->mixed && need->device == file->st_dev && need->inode == file->st_ino);
}

/* A reader for a call about a file. */
static int reader_provide(struct confined *confined, const struct confined_call *call,
			  const struct stat *file)
{
	struct need *need = &confined->needs[call->need];

	if (call->alone && !is_alone_with(need, file))
		reader_stop(&need->reader);
	if (reader_alive(&need->reader))
		return 0;
	need->asked = need->mixed = false;
	return reader_start(&confined->zygote, confined->loop, need->network, &need->reader);
}

static void note_call(struct need *need, const struct stat *file)
{
	need->calls++;
	need->mixed = !is_alone_with(need, file);
	need->asked = true;
	need->device = file->st_dev;
	need->inode = file->st_ino;
}

/* The socket is empty when a call begins, so that a header always fits in one go. */
static int exchange_messages(struct confined *confined, const struct confined_call *call,
			     const struct stat *file, uint64_t deadline_ns,
			     struct confined_answer *answer)
{
	struct need *need = &confined->needs[call->need];
	const struct call_header header = {
		.magic = CALL_MAGIC, .length = (uint32_t)call->length, .function = call->function};
	int status = 0;
	int error = reader_provide(confined, call, file);
	const struct exchange exchange = {need->reader.socket, confined->loop, deadline_ns,
					  need->given_up};

	if (error)
		return error;
	note_call(need, file);
	error = protocol_send_fd(exchange.socket, &header, sizeof(header), call->fd);
	if (!error)
		error = send_all(&exchange, call->input, call->length);
	if (!error)
		error = receive_reply(&exchange, &status, answer);
	if (error)
		reader_stop(&need->reader);
	return error ? error : status;
}

static int call_timed(struct confined *confined, const struct confined_call *call,
		      const struct stat *file, struct confined_answer *answer)
{
	const struct need *need = &confined->needs[call->need];
	struct patience *patience = &confined->needs[call->need].patience;
	int64_t start_ms = now_ms();
	int64_t wait_ms = patience_for(patience, file, start_ms);
	int error;

	if (!wait_ms)
		return -ETIME;
	if (need->given_up && *need->given_up)
		return -ECANCELED;
	if (confined->forced_timeout_ms != MS_UNSET)
		wait_ms = confined->forced_timeout_ms;
	error = exchange_messages(confined, call, file, (uint64_t)(start_ms + wait_ms) * 1000000,
				  answer);
	if (error == -ETIME)
		patience_note(patience, file, now_ms() - start_ms, now_ms());
	return error;
}

/* Asks, unless the answer is known. */
static int find_answer(struct confined *confined, const struct confined_call *call,
		       const struct stat *file, struct confined_answer *answer)
{
	int error;

	if (call->keep && kept_find(confined->kept, call, file, answer))
		return 0;
	error = call_timed(confined, call, file, answer);
	if (!error && call->keep)
		kept_add(confined->kept, call, file, answer,
			 is_alone_with(&confined->needs[call->need], file));
	return error;
}

int confined_call(struct confined *confined, const struct confined_call *call,
		  struct confined_answer *answer)
{
	struct stat file;
	int error = 0;

	*answer = (struct confined_answer){0};
	if (call->length > CONFINED_INPUT_MAX)
		return -EINVAL;
	if (confined->busy)
		return -EBUSY;
	if (fstat(call->fd, &file) < 0)
		error = -errno;
	else if (!S_ISREG(file.st_mode))
		error = -ENOEXEC;
	confined->busy = true;
	if (!error)
		error = find_answer(confined, call, &file, answer);
	confined->busy = false;
	if (error) {
		free(answer->data);
		*answer = (struct confined_answer){0};
	}
	return error;
}

int confined_reject(struct confined *confined, enum confined_need which)
{
	reader_stop(&confined->needs[which].reader);
	kept_forget(confined->kept, which);
	return -EPIPE;
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
	case -ECANCELED:
		return "given up, as the recording ended";
	case -EREMOTE:
		return "on a file system that a user's process serves";
	default:
		return strerror(-error);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

static int send_all(int socket, const void *data, size_t length, struct loop *loop,
		    uint64_t deadline_ns)
{
	while (length) {
		int error = loop_wait_for(loop, socket, POLLOUT, deadline_ns);
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

/* The socket is empty when a call begins, so that a header always fits in one go. */
int exchange_send(const struct exchange *exchange, const struct confined_call *call,
		  struct loop *loop, uint64_t deadline_ns)
{
	const struct call_header header = {
		.magic = CALL_MAGIC, .length = (uint32_t)call->length, .function = call->function};
	int socket = exchange->reader.socket;
	int error = protocol_send_fd(socket, &header, sizeof(header), call->fd);

	return error ? error : send_all(socket, call->input, call->length, loop, deadline_ns);
}

/* Some of it, up to `end` of all that is received; `data` begins at `start`. */
static int receive_some(struct exchange *exchange, void *data, size_t start, size_t end)
{
	ssize_t got;

	if (exchange->received >= end)
		return 0;
	got = recv(exchange->reader.socket, (char *)data + exchange->received - start,
		   end - exchange->received, MSG_DONTWAIT);
	if (got < 0 && is_passing(errno))
		return -EAGAIN;
	if (got <= 0)
		return -EPIPE;
	exchange->received += (size_t)got;
	return exchange->received < end ? -EAGAIN : 0;
}

static bool reply_valid(const struct reply_header *reply)
{
	return reply->magic == REPLY_MAGIC && reply->status <= 0 && reply->status > -4096 &&
	       reply->length <= CONFINED_ANSWER_MAX && (reply->status == 0 || reply->length == 0);
}

/* Room for what the header has announced. */
static int provide_room(struct exchange *exchange, size_t most)
{
	struct confined_answer *answer = &exchange->answer;

	if (answer->data)
		return 0;
	if (!reply_valid(&exchange->reply))
		return -EPIPE;
	if (exchange->reply.length > most)
		return -EFBIG;
	answer->length = exchange->reply.length;
	answer->data = malloc(answer->length + 1);
	return answer->data ? 0 : -ENOMEM;
}

int exchange_receive(struct exchange *exchange, size_t most)
{
	size_t header = sizeof(exchange->reply);
	int error = receive_some(exchange, &exchange->reply, 0, header);

	if (!error)
		error = provide_room(exchange, most);
	if (error)
		return error;
	return receive_some(exchange, exchange->answer.data, header,
			    header + exchange->answer.length);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol.h"

static bool receive_all(int socket, void *data, size_t length)
{
	while (length) {
		ssize_t got = recv(socket, data, length, 0);

		if (got <= 0)
			return false;
		data = (char *)data + got;
		length -= (size_t)got;
	}
	return true;
}

static bool send_all(int socket, const void *data, size_t length)
{
	while (length) {
		ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data = (const char *)data + sent;
		length -= (size_t)sent;
	}
	return true;
}

/* Receives a call's header and the descriptor that comes with it. */
static bool receive_header(int socket, struct call_header *call, int *fd)
{
	return !protocol_receive_fd(socket, call, sizeof(*call), fd) && *fd >= 0 &&
	       call->magic == CALL_MAGIC && call->length <= CONFINED_INPUT_MAX;
}

static bool serve_one(int socket)
{
	static char input[CONFINED_INPUT_MAX];
	struct confined_answer answer = {0};
	struct reply_header reply = {.magic = REPLY_MAGIC};
	struct call_header call;
	bool sent;
	int fd;

	if (!receive_header(socket, &call, &fd) || !receive_all(socket, input, call.length))
		return false;
	reply.status = call.function(fd, input, call.length, &answer);
	close(fd);
	reply.length = reply.status ? 0 : answer.length;
	sent = send_all(socket, &reply, sizeof(reply)) &&
	       send_all(socket, answer.data, reply.length);
	free(answer.data);
	return sent;
}

void confined_serve(int socket)
{
	while (serve_one(socket))
		;
}

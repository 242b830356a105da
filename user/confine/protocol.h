/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the program and a confined process, over a stream socket.
 *
 *   call:   struct call_header with the file as SCM_RIGHTS, then the input
 *   reply:  struct reply_header, then the answer
 *
 * Both sides are one program image, forked and not executed anew, so that numbers are in its byte
 * order and the address of a function means the same in both.
 */
#ifndef UNFREED_CONFINE_PROTOCOL_H
#define UNFREED_CONFINE_PROTOCOL_H

#include <stdbool.h>

#include "confined.h"

#define CALL_MAGIC  0x756e6663u
#define REPLY_MAGIC 0x756e6672u

struct call_header {
	uint32_t magic;
	uint32_t length;
	confined_fn *function;
};

struct reply_header {
	uint32_t magic;
	int32_t status; /* 0 or a negative errno; then there is no answer */
	uint64_t length;
};

/*
 * Sends or receives `length` bytes in one go, with a descriptor; -1: none. The first one waits for
 * nothing. Each returns 0 or -EPIPE.
 */
int protocol_send_fd(int socket, const void *data, size_t length, int fd);
int protocol_receive_fd(int socket, void *data, size_t length, int *fd);

/* The confined side: serves calls until the socket is closed. */
void confined_serve(int socket);

#endif

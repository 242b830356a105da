/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call and its answer, on the socket of the process that is asked. Nothing that comes back is
 * believed: a reply that is malformed or cut short is an error, and its process of no use any more.
 *
 *	exchange_send(), exchange_receive() whenever there is something, until it is not -EAGAIN
 */
#ifndef UNFREED_EXCHANGE_H
#define UNFREED_EXCHANGE_H

#include "protocol.h"
#include "zygote.h"

/* Starts zeroed, with its reader. */
struct exchange {
	struct reader reader;
	struct reply_header reply;
	size_t received; /* of header and answer */
	/* Whose owner is whoever has the exchange. */
	struct confined_answer answer;
};

/* Serves the loop where it has to wait. Returns 0, -EPIPE, -ETIME or another negative errno. */
int exchange_send(const struct exchange *exchange, const struct confined_call *call,
		  struct loop *loop, uint64_t deadline_ns);

/*
 * Takes in what has come, and waits for nothing. Returns 0 once all is there (reply.status is what
 * the function returned), -EAGAIN where more is to come, -EFBIG where it would be more than `most`
 * bytes, -EPIPE or -ENOMEM.
 */
int exchange_receive(struct exchange *exchange, size_t most);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a chain of references to a block begins: what holds it, in the end. */
#ifndef UNFREED_LOOK_HOLDER_H
#define UNFREED_LOOK_HOLDER_H

#include <stdint.h>

enum holder_kind {
	HOLDER_VARIABLE,     /* of a program or library; `name` may be unknown */
	HOLDER_STACK,        /* of a thread */
	HOLDER_THREAD_LOCAL, /* `name` may be unknown */
	HOLDER_MAPPING,      /* memory of the process that is none of the others */
	HOLDER_SYSTEM_CALL,  /* an argument of one in which a thread waits */
	HOLDER_REGISTER,
	HOLDER_EPOLL, /* the kernel gives it back */
	HOLDER_TIMER,
	HOLDER_BLOCKS, /* other blocks; what holds them was forgotten */
	HOLDER_KINDS
};

struct holder {
	enum holder_kind kind;
	uint32_t thread;  /* 0: none, or unknown */
	const char *name; /* of the variable or the mapping; of a thread its comm; NULL: unknown */
	const char *object; /* path of the file that has the variable; NULL: none */
};

#endif

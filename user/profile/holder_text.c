/* SPDX-License-Identifier: BSD-2-Clause */
#include "holder_text.h"

#include <inttypes.h>

#include "../lib/escape.h"
#include "../lib/path.h"

static void print_thread(FILE *file, const char *what, const struct holder *holder)
{
	fputs(what, file);
	if (holder->thread)
		fprintf(file, " of thread %" PRIu32, holder->thread);
	else
		fputs(" of a thread", file);
	if (holder->kind == HOLDER_THREAD_LOCAL || !holder->name)
		return;
	fputs(" (", file);
	escape_print(file, holder->name);
	putc(')', file);
}

static void print_variable(FILE *file, const struct holder *holder)
{
	if (holder->name)
		escape_print(file, holder->name);
	else
		fputs("a variable", file);
	if (!holder->object)
		return;
	fputs(" of ", file);
	escape_print(file, path_base(holder->object));
}

static void print_local(FILE *file, const struct holder *holder)
{
	if (holder->name)
		escape_print(file, holder->name);
	print_thread(file, holder->name ? "" : "thread-local data", holder);
}

void holder_print(FILE *file, const struct holder *holder)
{
	switch (holder->kind) {
	case HOLDER_VARIABLE:
		print_variable(file, holder);
		break;
	case HOLDER_STACK:
		print_thread(file, "stack", holder);
		break;
	case HOLDER_THREAD_LOCAL:
		print_local(file, holder);
		break;
	case HOLDER_SYSTEM_CALL:
		print_thread(file, "a system call", holder);
		break;
	case HOLDER_REGISTER:
		print_thread(file, "a register", holder);
		break;
	case HOLDER_EPOLL:
		fputs("data given to epoll_ctl", file);
		break;
	case HOLDER_TIMER:
		fputs("data given to timer_create", file);
		break;
	case HOLDER_BLOCKS:
		fputs("other blocks", file);
		break;
	default:
		fputs("a mapping", file);
		if (holder->name) {
			fputs(" (", file);
			escape_print(file, holder->name);
			putc(')', file);
		}
	}
}

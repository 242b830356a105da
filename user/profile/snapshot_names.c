/* SPDX-License-Identifier: BSD-2-Clause */
/* The names that reports and saved profiles use for the enums of a snapshot. */
#include "snapshot.h"

#define NAME_OF(names, value) \
	((size_t)(value) < sizeof(names) / sizeof((names)[0]) ? (names)[value] : "unknown")

const char *loss_name(enum loss loss)
{
	static const char *const names[] = {
#define X(name, meaning) #name,
		LOSS_LIST(X)
#undef X
	};

	return NAME_OF(names, loss);
}

const char *loss_meaning(enum loss loss)
{
	static const char *const meanings[] = {
#define X(name, meaning) meaning,
		LOSS_LIST(X)
#undef X
	};

	return NAME_OF(meanings, loss);
}

const char *domain_name(enum domain domain)
{
	static const char *const names[DOMAIN_COUNT] = {"malloc", "python", "mmap"};

	return NAME_OF(names, domain);
}

const char *frame_kind_name(enum frame_kind kind)
{
	static const char *const names[FRAME_KINDS] = {"native", "inlined", "python"};

	return NAME_OF(names, kind);
}

bool frame_is_named(const struct frame *frame)
{
	return frame->kind == FRAME_PYTHON || frame->name[0] != '[';
}

const char *holder_kind_name(enum holder_kind kind)
{
	static const char *const names[HOLDER_KINDS] = {
		[HOLDER_VARIABLE] = "variable",
		[HOLDER_STACK] = "stack",
		[HOLDER_THREAD_LOCAL] = "thread_local",
		[HOLDER_MAPPING] = "mapping",
		[HOLDER_SYSTEM_CALL] = "system_call",
		[HOLDER_REGISTER] = "register",
		[HOLDER_EPOLL] = "epoll",
		[HOLDER_TIMER] = "timer",
		[HOLDER_BLOCKS] = "blocks",
	};

	return NAME_OF(names, kind);
}

const char *growth_verdict_name(enum growth_verdict verdict)
{
	static const char *const names[GROWTH_VERDICTS] = {"cannot tell", "steady", "grows"};

	return NAME_OF(names, verdict);
}

const char *trace_mode_name(enum trace_mode mode)
{
	static const char *const names[MODE_COUNT] = {"exact", "growth", "windows"};

	return NAME_OF(names, mode);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Replays for tests that ask a collector themselves: steps in C, and nothing of what is said. */
#ifndef TEST_REPLAY_QUIET_H
#define TEST_REPLAY_QUIET_H

#include "replay_stream.h"

/* Of the whole program, between its group's set-up and tear-down. */
static struct confined *confined;

/* For cmocka. */
static inline int confined_setup(void **state)
{
	(void)state;
	confined = confined_new();
	return confined ? 0 : -1;
}

static inline int confined_teardown(void **state)
{
	(void)state;
	confined_free(confined);
	return 0;
}

static inline struct replay *replay_quiet(void)
{
	struct replay *replay = replay_new(confined);

	replay->said = fopen("/dev/null", "w");
	return replay;
}

static inline void replay_quiet_free(struct replay *replay)
{
	fclose(replay->said);
	replay_free(replay);
}

/* Steps of a stream, up to NULL. */
static inline void replay_steps(struct replay *replay, const char *const *steps)
{
	for (; *steps; steps++) {
		char *line = strdup(*steps);

		stream_step(replay, line);
		free(line);
	}
}

/* Space 1 is the process 10, whose program has `main` at 0x401100. */
static inline struct replay *replay_with_process(void)
{
	static const char *const steps[] = {
		"file app /srv/app",
		"symbol 0x1100 0x100 main",
		"process 10 app /srv/app --serve",
		"maps 10 0x400000 0x402000 0 app",
		"trace 1 10",
		"refresh 10",
		NULL,
	};
	struct replay *replay = replay_quiet();

	replay_steps(replay, steps);
	return replay;
}

#endif

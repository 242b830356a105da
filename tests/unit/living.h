/* SPDX-License-Identifier: BSD-2-Clause */
/* A living interpreter that says what it has (tests/programs/python_told.py). */
#ifndef UNFREED_TESTS_LIVING_H
#define UNFREED_TESTS_LIVING_H

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVING_PROGRAM "tests/programs/python_told.py"

enum { ROUND = 400, TOLD_MAX = 128 };

/* What the interpreter says of one. */
struct told {
	uint64_t address;
	char type[80], name[40];
	long size, length, bound; /* -1: nothing */
	uint64_t *referents;
	size_t referent_count;
};

struct living {
	pid_t pid;
	FILE *ask, *says;
	struct told told[TOLD_MAX];
	size_t count;
	unsigned long system_bytes, mmapped_chunks, mmapped_bytes, free_bytes; /* mallinfo2() */
};

/* The system's and those of pyenv that there are: `minors` as glob(3) has it with braces.
 * To be given to globfree(). */
static inline void find_pythons(const char *minors, glob_t *pythons)
{
	char pattern[512];

	glob("/usr/bin/python3", 0, NULL, pythons);
	if (!getenv("HOME"))
		return;
	snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/3.%s.*/bin/python3", getenv("HOME"),
		 minors);
	glob(pattern, GLOB_APPEND | GLOB_BRACE, NULL, pythons);
}

static inline void take_line(struct living *living, char *line)
{
	struct told *told = &living->told[living->count++];
	char *rest = strchr(line, ' '), *end;
	int used = 0;

	if (living->count == TOLD_MAX ||
	    sscanf(rest, "%lu %79s %ld %ld %ld %39s%n", &told->address, told->type, &told->size,
		   &told->length, &told->bound, told->name, &used) != 6)
		fail_msg("told: %s", line);
	told->referents = calloc(strlen(line) / 2 + 1, sizeof(*told->referents));
	for (rest += used; *rest == ' '; rest = end)
		told->referents[told->referent_count++] = strtoull(rest, &end, 10);
}

static inline void wait_ready(struct living *living)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, living->says) > 0 && strcmp(line, "ready\n") != 0)
		if (!strncmp(line, "object ", 7))
			take_line(living, line);
		else if (!strncmp(line, "malloc ", 7) &&
			 sscanf(line + 7, "%lu %lu %lu %lu", &living->system_bytes,
				&living->mmapped_chunks, &living->mmapped_bytes,
				&living->free_bytes) != 4)
			fail_msg("told: %s", line);
	if (feof(living->says))
		fail_msg("it ended: %s", line);
	free(line);
}

static inline void tell(struct living *living, const char *what)
{
	fprintf(living->ask, "%s\n", what);
	fflush(living->ask);
	wait_ready(living);
}

static inline struct living *start(const char *path)
{
	struct living *living = calloc(1, sizeof(*living));
	int asks[2], says[2];

	assert_int_equal(pipe(asks) | pipe(says), 0);
	living->pid = fork();
	if (!living->pid) {
		dup2(asks[0], STDIN_FILENO);
		dup2(says[1], STDOUT_FILENO);
		for (int fd = STDERR_FILENO; fd < 64; fd++)
			close(fd);
		execl(path, path, LIVING_PROGRAM, NULL);
		_exit(127);
	}
	close(asks[0]);
	close(says[1]);
	living->ask = fdopen(asks[1], "w");
	living->says = fdopen(says[0], "r");
	wait_ready(living);
	return living;
}

static inline void stop(struct living *living)
{
	kill(living->pid, SIGKILL);
	waitpid(living->pid, NULL, 0);
	fclose(living->ask);
	fclose(living->says);
	for (size_t i = 0; i < living->count; i++)
		free(living->told[i].referents);
	free(living);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short lives. A life allocates BLOCKS blocks, loads a library and unloads it, and ends.
 *
 * Says `ready`, then does as it is told by lines on stdin, and says `done` after each:
 *   fork N   N children, one after the other, each a life
 *   exec N   the same, by fork and exec of this program
 *   end
 * `--library PATH`: the library; `--copies DIRECTORY`: each life has a copy of it there, which goes
 * with it. `--life`: this is an exec'd one; with `--wait` it says `ready` before its life and
 * `lived` after it, unloads the library and ends when a line comes.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

enum { BLOCKS = 10, BYTES = 100 };

static const char *library;
static const char *copies;

TRUTH_LEAF static void *leak_in_life(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		truth_die("malloc failed");
	TRUTH_NO_TAIL_CALL();
	return block;
}

static void copy_library(const char *path)
{
	int from = open(library, O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat status;

	if (from < 0 || to < 0 || fstat(from, &status) ||
	    sendfile(to, from, NULL, (size_t)status.st_size) != status.st_size)
		truth_die("the library cannot be copied");
	close(from);
	close(to);
}

static void *load_library(void)
{
	const char *path = library;
	char copy[256];
	void *loaded;

	if (!*library)
		return NULL;
	if (*copies) {
		snprintf(copy, sizeof(copy), "%s/%d.so", copies, (int)getpid());
		copy_library(copy);
		path = copy;
	}
	loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!loaded)
		truth_die("dlopen failed");
	if (*copies)
		unlink(copy);
	return loaded;
}

/* Returns the library, loaded still. */
static void *live(void)
{
	void *loaded = load_library();

	for (int i = 0; i < BLOCKS; i++)
		leak_in_life(BYTES);
	return loaded;
}

static void unload(void *loaded)
{
	if (loaded)
		dlclose(loaded);
}

static void be_executed(char *program)
{
	char *arguments[] = {program,
			     (char *)"--life",
			     (char *)"--library",
			     (char *)library,
			     (char *)"--copies",
			     (char *)copies,
			     NULL};

	execv("/proc/self/exe", arguments);
	_exit(1);
}

static void make_lives(char *program, int count, bool exec)
{
	int status;

	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (!child && exec)
			be_executed(program);
		if (!child) {
			unload(live());
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			truth_die("a life failed");
	}
}

/* Without stdio, whose buffers would be blocks. */
static bool read_line(char *line, size_t size)
{
	size_t length = 0;

	while (length + 1 < size && read(STDIN_FILENO, &line[length], 1) == 1) {
		if (line[length] == '\n') {
			line[length] = '\0';
			return true;
		}
		length++;
	}
	return false;
}

int main(int argc, char **argv)
{
	char line[64];

	truth_init(argc, argv);
	library = truth_string("--library", "");
	copies = truth_string("--copies", "");
	if (truth_flag("--life")) {
		if (truth_flag("--wait")) {
			truth_say("ready");
			truth_wait_line();
		}
		void *loaded = live();

		if (truth_flag("--wait")) {
			truth_say("lived");
			truth_wait_line();
		}
		unload(loaded);
		return 0;
	}
	truth_say("ready");
	while (read_line(line, sizeof(line)) && strcmp(line, "end")) {
		make_lives(argv[0], atoi(line + 5), line[0] == 'e');
		truth_say("done");
	}
	return 0;
}

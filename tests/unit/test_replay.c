/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each stream of tests/replay/ goes through user/collect/ and the merge, and what comes of it is
 * what stands at its end. UPDATE_GOLDEN=1 writes there what comes of it now. Streams can be named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>

#include "golden.h"
#include "replay_stream.h"

#define EXPECT "\nexpect\n"

static struct confined *confined;

static void write_expected(const char *path, const char *stream, const char *said)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "%.*s" EXPECT "%s", (int)(strstr(stream, EXPECT) - stream), stream, said);
	fclose(file);
}

static void test_stream(void **state)
{
	const char *path = *state;
	char *stream = read_all(path), *steps = strdup(stream);
	const char *expected = strstr(stream, EXPECT);

	assert_non_null(expected);
	char *said = stream_play(confined, steps);

	if (getenv("UPDATE_GOLDEN"))
		write_expected(path, stream, said);
	else if (strcmp(expected + strlen(EXPECT), said))
		fail_msg("%s: another profile came of it:\n%s", path, said);
	free(said);
	free(steps);
	free(stream);
}

static int find_streams(int argc, char **argv, glob_t *streams)
{
	int error = 0;

	if (argc < 2)
		return glob("tests/replay/*.stream", 0, NULL, streams);
	for (int i = 1; i < argc && !error; i++)
		error = glob(argv[i], i > 1 ? GLOB_APPEND : 0, NULL, streams);
	return error;
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests;
	glob_t streams;

	if (find_streams(argc, argv, &streams)) {
		fputs("no streams: run from the top directory\n", stderr);
		return 1;
	}
	confined = confined_new();
	tests = calloc(streams.gl_pathc, sizeof(*tests));
	if (!confined || !tests)
		return 1;
	for (size_t i = 0; i < streams.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){.name = strrchr(streams.gl_pathv[i], '/') + 1,
					       .test_func = test_stream,
					       .initial_state = streams.gl_pathv[i]};

	int failed = _cmocka_run_group_tests("streams", tests, streams.gl_pathc, NULL, NULL);

	confined_free(confined);
	free(tests);
	globfree(&streams);
	return failed;
}

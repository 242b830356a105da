/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands as the program runs them: what each writes, says and returns. */
#ifndef UNFREED_TESTS_COMMAND_RUN_H
#define UNFREED_TESTS_COMMAND_RUN_H

#include "lib/message.h"
#include "made_tree.h"
#include "said.h"

enum { WORDS_MAX = 32 };

struct run {
	int status;
	char *out, *err;
};

static inline void run_release(struct run *run)
{
	free(run->out);
	free(run->err);
}

/* Words are separated by spaces; a % in front of one stands for the directory of the test. */
static inline struct run run_words(int (*command)(int argc, char **argv), const char *line)
{
	char *text = strdup(line), *words[WORDS_MAX] = {(char *)"unfreed"}, *rest = text;
	struct said out = said_begin(STDOUT_FILENO), err = said_begin(STDERR_FILENO);
	struct run run;
	int count = 1;

	for (char *word; (word = strsep(&rest, " "));) {
		const char *here = strchr(word, '%');

		if (here && asprintf(&words[count++], "%.*s%s/%s", (int)(here - word), word,
				     tree_root, here + 1) < 0)
			abort();
		if (!here && *word)
			words[count++] = strdup(word);
	}
	message_set_verbosity(VERBOSITY_NORMAL);
	run.status = command(count, words);
	run.err = said_end(&err);
	run.out = said_end(&out);
	while (--count)
		free(words[count]);
	free(text);
	return run;
}

#endif

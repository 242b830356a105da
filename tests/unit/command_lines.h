/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines: what each says, written out, or the one sentence that refuses it. Of what is
 * written out, what nobody asked for and that is nothing is left out.
 */
#ifndef UNFREED_TESTS_COMMAND_LINES_H
#define UNFREED_TESTS_COMMAND_LINES_H

#include <string.h>

#include "commands/arguments.h"
#include "commands/target_options.h"
#include "said.h"

enum { WORDS_MAX = 64 };

struct line {
	const char *words; /* without the command; '' is an empty one */
	const char *says;
};

/* Parses, and writes out what came of it where that is no mistake. */
typedef int parse_fn(int argc, char **argv, FILE *out);

static inline void put_flag(FILE *out, const char *name, bool set)
{
	if (set)
		fprintf(out, " %s", name);
}

static inline void put_number(FILE *out, const char *name, double value)
{
	if (value)
		fprintf(out, " %s=%.12g", name, value);
}

static inline void put_text(FILE *out, const char *name, const char *text)
{
	if (text)
		fprintf(out, " %s=%s", name, text);
}

static inline void put_target(FILE *out, const struct target_choice *target)
{
	static const char *const kinds[] = {[SELECT_CONTAINER] = "container",
					    [SELECT_CGROUP] = "cgroup",
					    [SELECT_COMM] = "comm"};

	for (size_t i = 0; i < target->pid_count; i++)
		fprintf(out, "%s%d", i ? "," : "", (int)target->pids[i]);
	if (target->selection.name)
		fprintf(out, "%s:%s", kinds[target->selection.kind], target->selection.name);
	for (char **word = target->command; word && *word; word++)
		fprintf(out, "%s%s", word == target->command ? "run " : "+", *word);
}

static inline void put_look(FILE *out, const struct look_options *look)
{
	put_flag(out, "keys", look->with_keys);
	put_number(out, "memory", (double)look->max_memory_bytes);
}

static inline int split(char *text, char **words)
{
	int count = 1;

	words[0] = (char *)"unfreed";
	for (char *word; (word = strsep(&text, " "));)
		if (*word)
			words[count++] = strcmp(word, "''") ? word : word + 2;
	words[count] = NULL;
	return count;
}

/* Without "unfreed: " and the newline. */
static inline void check_line(parse_fn *parse, const struct line *line)
{
	char *text = strdup(line->words), *words[WORDS_MAX], *written = NULL;
	size_t size;
	int count = split(text, words);
	FILE *out = open_memstream(&written, &size);
	struct said said = said_begin(STDERR_FILENO);
	int error = parse(count, words, out);
	char *sentence = said_end(&said);

	fclose(out);
	if (error && strlen(sentence) > strlen("unfreed: "))
		sentence[strlen(sentence) - 1] = '\0';
	const char *got = error ? sentence + strlen("unfreed: ") : written;

	if (strcmp(got, line->says))
		fail_msg("%s\n  says: %s\n  not:  %s", line->words, got, line->says);
	if (!error)
		assert_string_equal(sentence, "");
	free(sentence);
	free(written);
	free(text);
}

#define check_lines(parse, lines)                                       \
	for (size_t i = 0; i < sizeof(lines) / sizeof((lines)[0]); i++) \
	check_line(parse, &(lines)[i])

#endif

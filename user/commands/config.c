/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/library.h"
#include "../lib/owner.h"
#include "../lib/words.h"

#define LIBRARY "libinih.so.1" /* in Debian 10 to 13, Fedora and Arch */

struct reading {
	FILE *file;
	const struct argp *parser;
	const char *except;
	struct config *config;
	struct failure *failure; /* the first one; its text is empty until then */
	int line, failed_line;
	bool is_cut; /* the line is longer than the library's room for it */
};

/* --- which options there are --- */

static const struct argp_option *find_option(const struct argp *parser, const char *name)
{
	const struct argp_option *option = parser->options;

	for (; option && (option->name || option->key || option->doc); option++)
		if (option->name && !strcmp(option->name, name))
			return option;
	for (const struct argp_child *child = parser->children; child && child->argp; child++)
		if ((option = find_option(child->argp, name)))
			return option;
	return NULL;
}

/* --- one line --- */

static int refuse(struct reading *reading, const char *what, const char *which)
{
	if (!*reading->failure->text) {
		reading->failed_line = reading->line;
		failure_set(reading->failure, STATUS_USAGE, "%.200s, line %d: %s%.100s%s",
			    reading->config->path, reading->line, what, which ? which : "",
			    which ? "\"" : "");
	}
	return 0;
}

/* Of a flag. Returns 1, 0, or -1: neither. */
static int read_flag(const char *value)
{
	static const char *const words[][2] = {
		{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (int j = 0; j < 2; j++)
			if (!strcasecmp(value, words[i][j]))
				return j;
	return -1;
}

static bool has_key(const struct config *config, const char *key)
{
	for (size_t i = 0; i < config->count; i++)
		if (!strcmp(config->entries[i].key, key))
			return true;
	return false;
}

static int add(struct reading *reading, const char *key, char *argument)
{
	struct config *config = reading->config;
	char *copy = strdup(key);

	if (!copy) {
		free(argument);
		return refuse(reading, "out of memory", NULL);
	}
	config->entries[config->count++] = (struct config_entry){copy, argument, reading->line};
	return 1;
}

/* As libinih calls it: 0 is an error. */
static int take_entry(void *context, const char *section, const char *key, const char *value)
{
	struct reading *reading = context;
	const struct argp_option *option = find_option(reading->parser, key);
	char *argument = NULL;
	int flag = 1;

	if (*section && strcmp(section, "monitor") != 0)
		return refuse(reading, "there is no section \"", section);
	if (!option || words_have(reading->except, ' ', key))
		return refuse(reading, "there is no option \"", key);
	if (has_key(reading->config, key))
		return refuse(reading, "it gives once more \"", key);
	if (reading->config->count == CONFIG_ENTRIES_MAX)
		return refuse(reading, "too many lines", NULL);
	if (!option->arg && (flag = read_flag(value)) < 0)
		return refuse(reading, "yes or no is what it may be, not \"", value);
	int size = !flag ? 0 : asprintf(&argument, option->arg ? "--%s=%s" : "--%s", key, value);
	return size < 0 ? refuse(reading, "out of memory", NULL) : add(reading, key, argument);
}

/* As fgets(). */
static char *read_line(char *text, int size, void *context)
{
	struct reading *reading = context;
	char *line = fgets(text, size, reading->file);

	if (!line)
		return NULL;
	if (!reading->is_cut)
		reading->line++;
	reading->is_cut = !strchr(line, '\n') && !feof(reading->file);
	if (reading->is_cut)
		refuse(reading, "it is longer than it may be", NULL);
	return line;
}

/* --- the file --- */

static int check_file(const char *path, FILE *file, struct failure *failure)
{
	struct stat status;

	if (fstat(fileno(file), &status))
		return failure_set(failure, STATUS_FAILURE, "cannot read %.200s: %s", path,
				   strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_size > CONFIG_BYTES_MAX)
		return failure_set(failure, STATUS_FAILURE, "%.200s is no file of options", path);
	if (others_can_change(&status))
		return failure_set(failure, STATUS_FAILURE,
				   "others can change %.200s: chown it and chmod go-w make it safe",
				   path);
	return 0;
}

static int parse(struct reading *reading)
{
	__typeof__(&ini_parse_stream) parse_stream;
	const struct library_function wanted = {"ini_parse_stream", &parse_stream,
						LIBRARY_OWN(ini_parse_stream)};

	if (!library_load(LIBRARY, &wanted, 1))
		return failure_set(
			reading->failure, STATUS_FAILURE,
			"cannot read options from a file without %s, of Debian's libinih1",
			LIBRARY);
	int line = parse_stream(read_line, reading, take_entry, reading);
	if (line < 0)
		return failure_set(reading->failure, STATUS_FAILURE, "out of memory");
	if (line > 0 && (!*reading->failure->text || line < reading->failed_line)) {
		*reading->failure->text = 0;
		reading->line = line;
		refuse(reading, "it is neither a comment nor KEY = VALUE", NULL);
	}
	return *reading->failure->text ? -1 : 0;
}

/* Not a FIFO, which would be waited for. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file && fd >= 0)
		close(fd);
	return file;
}

int config_read(const char *path, const struct argp *parser, const char *except,
		struct config *config, struct failure *failure)
{
	struct reading reading = {
		.file = open_file(path),
		.parser = parser,
		.except = except,
		.config = config,
		.failure = failure,
	};

	*config = (struct config){.path = path};
	*failure = (struct failure){0};
	if (!reading.file)
		return failure_set(failure, STATUS_FAILURE, "cannot read %.200s: %s", path,
				   strerror(errno));
	int error = check_file(path, reading.file, failure) || parse(&reading) ? -1 : 0;
	fclose(reading.file);
	return error;
}

void config_release(struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		free(config->entries[i].key);
		free(config->entries[i].argument);
	}
	config->count = 0;
}

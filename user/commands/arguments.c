/* SPDX-License-Identifier: BSD-2-Clause */
#include "arguments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/command_line.h"
#include "../lib/message.h"
#include "../memory/budget.h"

error_t argument_number(const char *name, const char *text, double low, double high, double *value)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !isfinite(number) || number < low || number > high) {
		message_error("%s needs a number from %.10g to %.10g, not \"%s\"", name, low, high,
			      text);
		return EINVAL;
	}
	*value = number;
	return 0;
}

error_t argument_count(const char *name, const char *text, long high, long *count)
{
	double value = 0;
	error_t error = argument_number(name, text, 1, (double)high, &value);

	if (error)
		return error;
	if (value != floor(value)) {
		message_error("%s needs a whole number, not \"%s\"", name, text);
		return EINVAL;
	}
	*count = (long)value;
	return 0;
}

error_t argument_once_more(const char *name, size_t count, size_t most)
{
	if (count < most)
		return 0;
	message_error("%s can be given %zu times", name, most);
	return EINVAL;
}

/* "1MB/h", "500 kB/h", "2e6" (bytes an hour). */
error_t argument_rate(const char *name, const char *text, double *bytes)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {{"", 1}, {"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}};
	char unit[8] = "", *end;
	double value = strtod(text, &end);
	size_t length;

	end += strspn(end, " ");
	length = strcspn(end, "/");
	if (end != text && value >= 0 && value < 1e18 && length < sizeof(unit) &&
	    (!end[length] || !strcmp(end + length, "/h"))) {
		memcpy(unit, end, length);
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (!strcmp(unit, units[i].unit)) {
				*bytes = value * units[i].factor;
				return 0;
			}
	}
	message_error("%s needs a rate such as 1MB/h, not \"%s\"", name, text);
	return EINVAL;
}

/* --- messages --- */

static const struct argp_option messages[] = {
	{"quiet", 'q', NULL, 0, "Say nothing but errors and the report", 3},
	{"verbose", 'v', NULL, 0, "Say more", 3},
	{0},
};

static error_t parse_message_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		command_line_init(state);
		return 0;
	case ARGP_KEY_FINI:
		command_line_release(state);
		return 0;
	case 'q':
		message_set_verbosity(VERBOSITY_QUIET);
		return 0;
	case 'v':
		message_set_verbosity(VERBOSITY_VERBOSE);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp message_options = {.options = messages, .parser = parse_message_option};

/* --- looks --- */

enum { KEY_WITH_KEYS = 0x7300, KEY_MAX_MEMORY, MEMORY_LEAST_MB = 16, MEMORY_MOST_MB = 10000000 };

static const struct argp_option looks[] = {
	{"with-keys", KEY_WITH_KEYS, NULL, 0,
	 "Show keys of dictionaries in names: they are data of the process's users", 2},
	{"max-memory", KEY_MAX_MEMORY, "MB", 0,
	 "Memory that looks may use themselves, 16 at least (default: 512, or a quarter of what is "
	 "free)",
	 2},
	{0},
};

error_t argument_memory(const char *argument, uint64_t *bytes)
{
	double megabytes = 0;
	error_t error = argument_number("--max-memory", argument, MEMORY_LEAST_MB, MEMORY_MOST_MB,
					&megabytes);

	*bytes = (uint64_t)(megabytes * 1e6);
	return error;
}

static error_t parse_look_option(int key, char *argument, struct argp_state *state)
{
	struct look_options *look = state->input;

	switch (key) {
	case KEY_WITH_KEYS:
		look->with_keys = true;
		return 0;
	case KEY_MAX_MEMORY:
		return argument_memory(argument, &look->max_memory_bytes);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp look_options_argp = {.options = looks, .parser = parse_look_option};

uint64_t look_options_budget(const struct look_options *options)
{
	return options->max_memory_bytes ? options->max_memory_bytes : budget_default();
}

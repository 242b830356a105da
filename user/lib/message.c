/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "escape.h"

static enum verbosity current_verbosity = VERBOSITY_NORMAL;
static const char *current_place;

void message_set_verbosity(enum verbosity verbosity)
{
	current_verbosity = verbosity;
}

void message_set_place(const char *place)
{
	current_place = place;
}

bool message_is_verbose(void)
{
	return current_verbosity >= VERBOSITY_VERBOSE;
}

static void print_message(const char *format, va_list arguments)
{
	char *text = NULL;
	char *line = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		return;
	char *escaped = escape_string(text),
	     *place = escape_string(current_place ? current_place : "");
	int length = asprintf(&line, "unfreed: %s%s\n", place ? place : "",
			      escaped ? escaped : "out of memory");

	if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0) {
		/* stderr is closed: there is nobody to tell */
	}
	free(line);
	free(place);
	free(escaped);
	free(text);
}

void message_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
}

void message_info(const char *format, ...)
{
	va_list arguments;

	if (current_verbosity < VERBOSITY_NORMAL)
		return;
	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
}

void message_detail(const char *format, ...)
{
	va_list arguments;

	if (current_verbosity < VERBOSITY_VERBOSE)
		return;
	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
}

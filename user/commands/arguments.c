/* SPDX-License-Identifier: BSD-2-Clause */
#include "arguments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "../lib/message.h"

error_t argument_number(const char *name, const char *text, double low, double high, double *value)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !isfinite(number) || number < low || number > high) {
		message_error("%s needs a number from %g to %g, not \"%s\"", name, low, high, text);
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

error_t argument_pid(const char *verb, const char *text, pid_t *pid)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*pid) {
		message_error("%s one process: \"%s\" is one too many", verb, text);
		return EINVAL;
	}
	if (*text < '0' || *text > '9' || *end || value <= 0 || value > 1 << 22) {
		message_error("-p needs a process number, not \"%s\"", text);
		return EINVAL;
	}
	*pid = (pid_t)value;
	return 0;
}

error_t argument_memory(const char *name, const char *text, uint64_t *bytes)
{
	double megabytes = 0;
	error_t error = argument_number(name, text, 16, 1 << 24, &megabytes);

	if (!error)
		*bytes = (uint64_t)(megabytes * 1e6);
	return error;
}

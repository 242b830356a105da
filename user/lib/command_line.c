/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_line.h"

#include <stdio.h>
#include <string.h>

#include "message.h"

void command_line_init(struct argp_state *state)
{
	FILE *nowhere = fmemopen(NULL, 4096, "w"); /* no descriptor: stdout may be closed */

	argp_err_exit_status = STATUS_USAGE;
	if (nowhere)
		state->err_stream = nowhere;
}

void command_line_release(struct argp_state *state)
{
	if (state->err_stream != stderr)
		fclose(state->err_stream);
	state->err_stream = stderr;
}

int command_line_choose(const char *text, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(text, names[i]))
			return i;
	return -1;
}

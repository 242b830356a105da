// SPDX-License-Identifier: BSD-2-Clause
#include "command_line.h"

#include <stdio.h>

#include "message.h"

void command_line_init(struct argp_state *state)
{
	static FILE *nowhere;

	argp_err_exit_status = STATUS_USAGE;
	if (!nowhere)
		nowhere = fmemopen(NULL, 4096, "w"); /* no descriptor: stdout may be closed */
	if (nowhere)
		state->err_stream = nowhere;
}

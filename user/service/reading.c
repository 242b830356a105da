/* SPDX-License-Identifier: BSD-2-Clause */
#include "reading.h"

#include <errno.h>
#include <string.h>

int reading_begin(struct reading *reading, struct failure *failure)
{
	*reading = (struct reading){.confined = confined_new()};
	if (!reading->confined)
		return failure_set(failure, STATUS_FAILURE,
				   "cannot start a process to read files in: %s", strerror(errno));
	reading->loop = loop_new();
	if (reading->loop) {
		confined_use_loop(reading->confined, reading->loop);
		return 0;
	}
	failure_set(failure, STATUS_FAILURE, "cannot wait for what happens: %s", strerror(errno));
	reading_end(reading);
	return -1;
}

void reading_end(struct reading *reading)
{
	confined_free(reading->confined);
	loop_free(reading->loop);
	*reading = (struct reading){0};
}

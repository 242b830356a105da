/* SPDX-License-Identifier: BSD-2-Clause */
/* A report on the health of services, out of a history alone: what it says
 * is user/output/health.h's. */
#ifndef UNFREED_SERVICE_MONITOR_REPORT_H
#define UNFREED_SERVICE_MONITOR_REPORT_H

#include "history.h"

enum { REPORT_PATH_BYTES = 4096 };

/*
 * Writes it, with what changed since the last one, to unfreed-DATE.html and unfreed-DATE.txt in
 * a directory, of which `path`, where it is not NULL, is then the first; and notes in the
 * history that there is one. `directory` NULL: as text to stdout, and nothing is noted. Returns
 * 0, or -1 with `failure` filled.
 */
int report_write(struct history *history, const char *directory, char path[REPORT_PATH_BYTES],
		 struct failure *failure);

#endif

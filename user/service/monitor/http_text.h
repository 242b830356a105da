/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in a request in another form than it is meant in. Pure. */
#ifndef UNFREED_SERVICE_MONITOR_HTTP_TEXT_H
#define UNFREED_SERVICE_MONITOR_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* An argument of an address, as in "?target=a%20b". False where it is no text, or does not fit. */
bool http_text_argument(const char *raw, char *text, size_t size);

#endif

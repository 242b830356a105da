/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages there are, and to whom: /metrics to whoever asks, the rest
 * to whoever has the token. */
#ifndef UNFREED_SERVICE_MONITOR_SITE_H
#define UNFREED_SERVICE_MONITOR_SITE_H

#include "api.h"

struct site {
	struct api api;
	struct http_page pages[HTTP_PAGES_MAX];
	struct http_site http;
};

/* `site` may not move afterwards. Without a token there is /metrics alone;
 * `host` as in struct http_site. */
void site_init(struct site *site, const struct api *api, const struct http_page *metrics,
	       const struct token *token, const char *host);

#endif

// SPDX-License-Identifier: BSD-2-Clause
#include "site.h"

#define JSON "application/json"

static int let_in(void *context, const struct http_request *request, FILE *file)
{
	(void)context;
	(void)request;
	fputs("{}\n", file);
	return 0;
}

static const struct http_page guarded[] = {
	{.path = "/api/session", .type = JSON, .lets_in = true, .write = let_in},
	{.path = "/api/services", .type = JSON, .write = api_write_services},
	{.path = "/api/samples", .type = JSON, .write = api_write_samples},
	{.path = "/api/findings", .type = JSON, .write = api_write_findings},
	{.path = "/api/answers", .type = JSON, .write = api_write_answers},
	{.path = "/api/answer", .type = JSON, .write = api_write_answer},
};

_Static_assert(1 + sizeof(guarded) / sizeof(*guarded) <= HTTP_PAGES_MAX, "there is room");

void site_init(struct site *site, const struct api *api, const struct http_page *metrics,
	       const struct token *token)
{
	*site = (struct site){.api = *api};
	site->pages[site->http.count++] = *metrics;
	for (size_t i = 0; i < sizeof(guarded) / sizeof(*guarded); i++) {
		struct http_page *page = &site->pages[site->http.count++];

		*page = guarded[i];
		page->context = &site->api;
	}
	site->http.pages = site->pages;
	site->http.token = token;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "site.h"

#include "monitor/page_hashes.h"
#include "pprof_page.h"

#define JSON  "application/json"
#define PPROF "application/octet-stream"

#define POLICY                                                                                 \
	"default-src 'none'; script-src '" PAGE_SCRIPT_HASH "'; style-src '" PAGE_STYLE_HASH   \
	"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " \
	"require-trusted-types-for 'script'; trusted-types 'none'"

/* Made by the linker from the files themselves. */
extern const char _binary_monitor_page_js_start[];
extern const char _binary_monitor_page_js_end[];
extern const char _binary_monitor_page_css_start[];
extern const char _binary_monitor_page_css_end[];

/* The same for all: what it shows it asks for, and signs in for first. */
static int write_page(void *context, const struct http_request *request, FILE *file)
{
	(void)context;
	(void)request;
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<title>unfreed monitor</title>\n<style>",
	      file);
	fwrite(_binary_monitor_page_css_start, 1,
	       (size_t)(_binary_monitor_page_css_end - _binary_monitor_page_css_start), file);
	fputs("</style>\n</head>\n<body>\n<noscript>This page needs its script.</noscript>\n<script>",
	      file);
	fwrite(_binary_monitor_page_js_start, 1,
	       (size_t)(_binary_monitor_page_js_end - _binary_monitor_page_js_start), file);
	fputs("</script>\n</body>\n</html>\n", file);
	return 0;
}

static int let_in(void *context, const struct http_request *request, FILE *file)
{
	(void)context;
	(void)request;
	fputs("{}\n", file);
	return 0;
}

static const struct http_page of_token[] = {
	{.path = "/",
	 .type = "text/html; charset=utf-8",
	 .policy = POLICY,
	 .open = true,
	 .is_kept = true,
	 .write = write_page},
	{.path = "/api/session", .type = JSON, .lets_in = true, .write = let_in},
	{.path = "/api/services", .type = JSON, .write = api_write_services},
	{.path = "/api/samples", .type = JSON, .write = api_write_samples},
	{.path = "/api/findings", .type = JSON, .write = api_write_findings},
	{.path = "/api/answers", .type = JSON, .write = api_write_answers},
	{.path = "/debug/pprof/heap", .type = PPROF, .write = pprof_write_heap},
	{.path = "/debug/pprof/growth", .type = PPROF, .write = pprof_write_growth},
	{.path = "/api/answer", .type = JSON, .write = api_write_answer},
};

_Static_assert(1 + sizeof(of_token) / sizeof(*of_token) <= HTTP_PAGES_MAX, "there is room");

void site_init(struct site *site, const struct api *api, const struct http_page *metrics,
	       const struct token *token, const char *host)
{
	*site = (struct site){.api = *api};
	site->pages[site->http.count++] = *metrics;
	for (size_t i = 0; token && i < sizeof(of_token) / sizeof(*of_token); i++) {
		struct http_page *page = &site->pages[site->http.count++];

		*page = of_token[i];
		page->context = &site->api;
	}
	site->http.pages = site->pages;
	site->http.token = token;
	site->http.host = host;
}

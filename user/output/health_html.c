/* SPDX-License-Identifier: BSD-2-Clause */
/* As a page, of the parts that the page of an answer is made of. */
#include "health.h"

#include <stdlib.h>

#include "page.h"
#include "why_page.h"

static void print_name(struct page *page, const struct health_finding *finding)
{
	if (finding->type) {
		fputs("<span class=\"kind\">", page->file);
		page_print_name(page, finding->type);
		fputs("</span> ", page->file);
	}
	page_print_name(page, finding->name);
}

static void print_header(struct page *page, const struct health *health)
{
	fputs("<header>\n<p class=\"target\">", page->file);
	page_print_name(page, health->host);
	fputs(", ", page->file);
	health_print_time(page->file, health->at);
	fputs("</p>\n<h1>", page->file);
	health_print_counts(page->file, health);
	fputs("</h1>\n</header>\n", page->file);
}

/* --- what changed --- */

static void print_change(void *context, enum health_change change,
			 const struct health_service *service, const struct health_finding *finding)
{
	struct page *page = context;

	fprintf(page->file, "<dt>%s</dt><dd>", health_change_label(change));
	page_print_name(page, service->name);
	if (finding) {
		fputs(": <code>", page->file);
		print_name(page, finding);
		fprintf(page->file, "</code> %s, ", verdict_name(finding->verdict));
		health_print_rate(page->file, finding);
	}
	fputs("</dd>\n", page->file);
}

static void print_changes(struct page *page, const struct health *health)
{
	fputs("<section>\n<h2>Since ", page->file);
	health_print_time(page->file, health->since);
	fputs("</h2>\n", page->file);
	if (health_changes(health, NULL, NULL)) {
		fputs("<dl>\n", page->file);
		health_changes(health, print_change, page);
		fputs("</dl>\n", page->file);
	} else {
		fputs("<p>Nothing came, went, or was found.</p>\n", page->file);
	}
	fputs("</section>\n", page->file);
}

/* --- one service --- */

static void print_finding(struct page *page, const struct health_finding *finding)
{
	fprintf(page->file,
		"<li class=\"finding %s\">\n<p class=\"figures\"><span class=\"badge\">%s</span> "
		"<span>",
		why_page_verdict_class(finding->verdict), verdict_name(finding->verdict));
	health_print_rate(page->file, finding);
	fputs("</span> <span class=\"holds\">since ", page->file);
	health_print_time(page->file, finding->first_at);
	fputs("</span></p>\n<h3>", page->file);
	print_name(page, finding);
	fputs("</h3>\n<dl>", page->file);
	if (finding->filled_by) {
		fputs("<dt>filled by</dt><dd><code>", page->file);
		page_print_name(page, finding->filled_by);
		fputs("</code></dd>\n", page->file);
	}
	if (finding->reason) {
		fputs("<dt>evidence</dt><dd>", page->file);
		page_print_name(page, finding->reason);
		fputs("</dd>", page->file);
	}
	fputs("</dl>\n</li>\n", page->file);
}

static void print_findings(struct page *page, const struct health_service *service)
{
	fputs("<ol class=\"findings\">\n", page->file);
	for (size_t i = 0; i < service->finding_count; i++)
		if (!service->findings[i].over_at)
			print_finding(page, &service->findings[i]);
	fputs("</ol>\n", page->file);
}

static bool is_open(const struct health_service *service)
{
	for (size_t i = 0; i < service->finding_count; i++)
		if (!service->findings[i].over_at)
			return true;
	return false;
}

/* Of an answer whose findings are all over nothing fills it now. */
static void print_stacks(struct page *page, const struct health_service *service)
{
	char *heading = NULL;
	size_t size;
	FILE *file = service->answer && is_open(service) ? open_memstream(&heading, &size) : NULL;

	if (!file)
		return;
	fputs("The stacks that fill it, callers on top, as of ", file);
	health_print_time(file, service->answered_at);
	if (!fclose(file))
		why_page_flames(page, service->answer, heading);
	free(heading);
}

static void print_line(struct page *page, const char *name, const struct health_line *line)
{
	why_page_line(page, &(struct answer_line){name, line->samples, line->count});
}

static void print_facts(struct page *page, const struct health *health,
			const struct health_service *service)
{
	fputs("<dl>\n", page->file);
	if (*service->group) {
		fputs("<dt>cgroup</dt><dd>", page->file);
		page_print_name(page, service->group);
		fputs("</dd>\n", page->file);
	}
	fputs("<dt>memory</dt><dd>", page->file);
	health_print_size(page->file, health, service);
	fputs("</dd>\n<dt>trend</dt><dd>", page->file);
	health_print_growth(page->file, service);
	fputs("</dd>\n", page->file);
	if (service->limit_bytes) {
		fputs("<dt>limit</dt><dd>", page->file);
		health_print_limit(page->file, service);
		fputs("</dd>\n", page->file);
	}
	if (service->gc.known) {
		fputs("<dt>collector</dt><dd>", page->file);
		health_print_gc(page->file, &service->gc);
		fputs("</dd>\n", page->file);
	}
	for (size_t i = 0; i < service->cache_count; i++) {
		fputs("<dt>cache</dt><dd><code>", page->file);
		page_print_name(page, service->caches[i].name);
		fputs("</code> ", page->file);
		health_print_cache(page->file, &service->caches[i]);
		fputs("</dd>\n", page->file);
	}
	for (size_t i = 0; i < service->pool_count; i++) {
		fputs("<dt>pool</dt><dd><code>", page->file);
		page_print_name(page, service->pools[i].name);
		fputs("</code> ", page->file);
		health_print_pool(page->file, &service->pools[i]);
		fputs("</dd>\n", page->file);
	}
	fputs("</dl>\n", page->file);
}

static void print_service(struct page *page, const struct health *health,
			  const struct health_service *service)
{
	fputs("<section>\n<h2>", page->file);
	page_print_name(page, service->name);
	fputs("</h2>\n", page->file);
	print_facts(page, health, service);
	fputs("<div class=\"charts\">\n", page->file);
	print_line(page, "anonymous memory and swap, the last day", &service->day);
	print_line(page, "the last two weeks", &service->weeks);
	fputs("</div>\n", page->file);
	print_findings(page, service);
	print_stacks(page, service);
	fputs("</section>\n", page->file);
}

int health_html(const struct health *health, FILE *file)
{
	struct page page;
	int error = page_init(&page, file);

	if (error)
		return error;
	why_page_head(&page, health->host);
	fputs("<main class=\"report\">\n", file);
	print_header(&page, health);
	print_changes(&page, health);
	for (size_t i = 0; i < health->service_count; i++)
		print_service(&page, health, health->services[i]);
	fputs("</main>\n", file);
	page_print_foot(&page);
	page_release(&page);
	return 0;
}

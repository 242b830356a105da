/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer as one page, to be read on a screen or sent to somebody: no script, nothing to
 * load. */
#include "why.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "look_label.h"
#include "why_label.h"
#include "why_page.h"

static void print_interval(struct page *page, const struct rate *rate)
{
	fputs("<span class=\"interval\">", page->file);
	quantity_print_rate(page->file, rate->low);
	fputs(" to ", page->file);
	quantity_print_rate(page->file, rate->high);
	fputs("</span>", page->file);
}

static void print_limit(struct page *page, const struct answer *answer)
{
	double share = (double)answer->resident_bytes / fmax((double)answer->limit_bytes, 1);

	fputs("<p class=\"size\">", page->file);
	why_print_size(page->file, answer);
	fputs("</p>\n", page->file);
	if (answer->limit_bytes)
		fprintf(page->file,
			"<div class=\"limit\" aria-hidden=\"true\"><i style=\"width:%.2f%%\"></i>"
			"</div>\n",
			100 * fmin(share, 1));
}

static void print_header(struct page *page, const struct answer *answer)
{
	const struct look *look = answer->look;

	fputs("<header>\n<p class=\"target\">", page->file);
	why_print_target(page->text, answer);
	if (look && look->python_version) {
		fputs(", Python ", page->file);
		page_print_name(page, look->python_version);
	}
	fputs("</p>\n<h1>", page->file);
	why_print_growth(page->file, answer);
	fputs("</h1>\n", page->file);
	print_limit(page, answer);
	fputs("</header>\n", page->file);
}

static double positive(double rate)
{
	return isfinite(rate) && rate > 0 ? rate : 0;
}

/* Each finding as wide as its share of the growth. */
static void print_shares(struct page *page, const struct answer *answer)
{
	double sum = 0;

	for (size_t i = 0; i < answer->finding_count; i++)
		sum += positive(answer->findings[i].rate.value);
	if (!(sum > 0) || !isfinite(sum))
		return;
	fputs("<div class=\"bar\" aria-hidden=\"true\">", page->file);
	for (size_t i = 0; i < answer->finding_count; i++)
		fprintf(page->file, "<i class=\"%s\" style=\"width:%.2f%%\"></i>",
			why_page_verdict_class(answer->findings[i].verdict),
			100 * positive(answer->findings[i].rate.value) / sum);
	fputs("</div>\n", page->file);
}

static void print_frames(struct page *page, const struct answer_fill *fill)
{
	fprintf(page->file, "<details><summary>stack of %zu</summary><ol>\n", fill->frame_count);
	for (size_t i = 0; i < fill->frame_count; i++) {
		fputs(fill->frames[i].own ? "<li class=\"own\">" : "<li>", page->file);
		why_print_frame(page->text, &fill->frames[i], SIZE_MAX);
		fputs("</li>\n", page->file);
	}
	fputs("</ol></details>", page->file);
}

static void print_fills(struct page *page, const char *label, const struct answer_fill *fills,
			size_t count)
{
	double all = 0;

	for (size_t i = 0; i < count; i++)
		all += fabs((double)fills[i].delta);
	if (count)
		fprintf(page->file, "<dt>%s</dt>", label);
	for (size_t i = 0; i < count; i++) {
		fputs("<dd>", page->file);
		if (count > 1) {
			quantity_print_percent(page->file, fabs((double)fills[i].delta), all);
			fputs(" ", page->file);
		}
		fputs("<code>", page->file);
		why_print_fill(page->text, &fills[i]);
		fputs("</code>", page->file);
		if (fills[i].frame_count > 1)
			print_frames(page, &fills[i]);
		fputs("</dd>\n", page->file);
	}
}

static void print_subject(struct page *page, const struct finding *finding)
{
	if (!finding->container && !*finding_subject(finding))
		return;
	fputs("<h3>", page->file);
	if (finding->container)
		why_page_container(page, finding->container);
	else
		page_print_name(page, finding_subject(finding));
	if (finding->container && finding->of) {
		fputs(" <span class=\"kind\">of</span> ", page->file);
		page_print_name(page, finding->of);
	}
	fputs("</h3>\n", page->file);
}

static void print_finding(struct page *page, const struct finding *finding)
{
	fprintf(page->file,
		"<li class=\"finding %s\">\n<p class=\"figures\"><span class=\"badge\">%s</span> "
		"<span><b>",
		why_page_verdict_class(finding->verdict), verdict_name(finding->verdict));
	quantity_print_rate(page->file, finding->rate.value);
	fputs("</b> MB/h</span> ", page->file);
	print_interval(page, &finding->rate);
	if (finding->holds_bytes) {
		fputs(" <span class=\"holds\">holds ", page->file);
		quantity_print_amount(page->file, finding->holds_bytes);
		fputs("</span>", page->file);
	}
	fputs("</p>\n", page->file);
	print_subject(page, finding);
	fputs("<dl>", page->file);
	print_fills(page, finding->container ? "filled by" : "allocated by", finding->fills,
		    finding->fill_count);
	print_fills(page, "emptied by", finding->empties, finding->empty_count);
	if (finding->reason) {
		fputs("<dt>evidence</dt><dd>", page->file);
		page_print_name(page, finding->reason);
		fputs("</dd>", page->file);
	}
	fputs("</dl>\n</li>\n", page->file);
}

static void print_findings(struct page *page, const struct answer *answer)
{
	if (!answer->finding_count)
		return;
	fputs("<section>\n<h2>What grows</h2>\n", page->file);
	print_shares(page, answer);
	fputs("<ol class=\"findings\">\n", page->file);
	for (size_t i = 0; i < answer->finding_count; i++)
		print_finding(page, &answer->findings[i]);
	fputs("</ol>\n", page->file);
	why_page_flames(page, answer, "The stacks that fill it, callers on top");
	fputs("</section>\n", page->file);
}

static const char *const command_labels[WHY_COMMAND_COUNT] = {
	[WHY_HOLDERS] = "who holds it",        [WHY_RECORD] = "who allocates it",
	[WHY_RUNTIME] = "what its heap holds", [WHY_GROWTH] = "who touches new memory",
	[WHY_DIFF] = "what grew since",        [WHY_MENDED] = "whether a mend holds",
};

static void print_conditions(struct page *page, const struct answer *answer)
{
	fputs("<section>\n<h2>Conditions</h2>\n<dl>\n", page->file);
	if (answer->look && answer->look->gc.known) {
		fputs("<dt>collector</dt><dd>", page->file);
		why_print_gc(page->file, answer);
		fputs("</dd>\n", page->file);
	}
	if (why_has_open(answer)) {
		fputs("<dt>beside what is resident</dt><dd>", page->file);
		why_print_open(page->file, answer);
		fputs("</dd>\n", page->file);
	}
	if (why_has_crew(answer)) {
		fputs("<dt>workers</dt><dd>", page->file);
		why_print_crew(page->file, answer);
		fputs("</dd>\n", page->file);
	}
	if (answer->lacks) {
		fputs("<dt>lacks</dt><dd>", page->file);
		page_print_name(page, answer->lacks);
		fputs("</dd>\n", page->file);
	}
	fputs("<dt>cost</dt><dd>", page->file);
	why_print_cost(page->file, answer);
	fputs("</dd>\n", page->file);
	for (size_t i = 0; i < WHY_COMMAND_COUNT; i++) {
		if (!why_has_command(answer, i))
			continue;
		fprintf(page->file, "<dt>%s</dt><dd><code>", command_labels[i]);
		why_print_command(page->text, answer, i);
		fputs("</code></dd>\n", page->file);
	}
	fputs("</dl>\n</section>\n", page->file);
}

int why_html(const struct answer *answer, const struct why_output_options *options, FILE *file)
{
	struct page page;
	int error = page_init(&page, file);

	(void)options;
	if (error)
		return error;
	why_page_head(&page, answer->comm ? answer->comm : "unfreed");
	fputs("<main>\n", file);
	print_header(&page, answer);
	print_findings(&page, answer);
	why_page_lines(&page, answer);
	if (answer->look)
		why_page_memory(&page, answer->look);
	print_conditions(&page, answer);
	fputs("</main>\n", file);
	page_print_foot(&page);
	page_release(&page);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "why_page.h"

#include <inttypes.h>
#include <math.h>

#include "../lib/escape.h"
#include "../lib/quantity.h"
#include "look_label.h"

enum { CHART_WIDTH = 600, CHART_HEIGHT = 120, MOST_POINTS = 300, TOP = 15 };

extern const char _binary_user_output_why_css_start[];
extern const char _binary_user_output_why_css_end[];

struct scale {
	double first_s;
	double last_s;
	double least;
	double most;
};

const char *why_page_verdict_class(enum verdict verdict)
{
	static const char *const classes[] = {
		[VERDICT_LEAK] = "leak",           [VERDICT_GROWS] = "grows",
		[VERDICT_FILLING_CACHE] = "cache", [VERDICT_KEPT] = "kept",
		[VERDICT_WARM_UP] = "passing",     [VERDICT_SAWTOOTH] = "passing",
		[VERDICT_CHURN] = "passing",       [VERDICT_UNEXPLAINED] = "unexplained",
	};

	return classes[verdict];
}

void why_page_head(struct page *page, const char *title)
{
	const char *style = _binary_user_output_why_css_start;

	page_print_head(page, title, style, (size_t)(_binary_user_output_why_css_end - style));
}

static bool scale_of(const struct answer_line *line, struct scale *scale)
{
	*scale = (struct scale){INFINITY, -INFINITY, INFINITY, -INFINITY};
	for (size_t i = 0; i < line->count; i++) {
		const struct sample *sample = &line->samples[i];

		if (!isfinite(sample->at_s) || !isfinite(sample->value))
			return false;
		scale->first_s = fmin(scale->first_s, sample->at_s);
		scale->last_s = fmax(scale->last_s, sample->at_s);
		scale->least = fmin(scale->least, sample->value);
		scale->most = fmax(scale->most, sample->value);
	}
	return line->count >= 2 && scale->last_s > scale->first_s;
}

static void print_points(struct page *page, const struct answer_line *line,
			 const struct scale *scale)
{
	size_t step = line->count / MOST_POINTS + 1;
	double range = scale->most - scale->least;

	for (size_t i = 0; i < line->count; i += step) {
		const struct sample *sample = &line->samples[i];
		double x = (sample->at_s - scale->first_s) / (scale->last_s - scale->first_s);
		double y = range > 0 ? (scale->most - sample->value) / range : 0.5;

		fprintf(page->file, "%s%.1f,%.1f", i ? " " : "", x * CHART_WIDTH,
			4 + y * (CHART_HEIGHT - 8));
	}
}

static void print_amount(struct page *page, double bytes)
{
	quantity_print_amount(page->file, (uint64_t)fmin(fmax(bytes, 0), 1e19));
}

void why_page_line(struct page *page, const struct answer_line *line)
{
	struct scale scale;

	if (!scale_of(line, &scale))
		return;
	fputs("<figure class=\"chart\"><figcaption>", page->file);
	page_print_name(page, line->name);
	fprintf(page->file,
		"</figcaption>\n<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
		"role=\"img\" aria-label=\"from ",
		CHART_WIDTH, CHART_HEIGHT);
	print_amount(page, line->samples[0].value);
	fputs(" to ", page->file);
	print_amount(page, line->samples[line->count - 1].value);
	fputs("\"><polyline points=\"", page->file);
	print_points(page, line, &scale);
	fputs("\"/></svg>\n<div class=\"scale\"><span>+", page->file);
	print_amount(page, scale.most - scale.least);
	fputs("</span><span>", page->file);
	print_amount(page, scale.least);
	fputs("</span></div><div class=\"times\"><span>0</span><span>", page->file);
	quantity_print_span(page->file, scale.last_s - scale.first_s);
	fputs("</span></div></figure>\n", page->file);
}

void why_page_lines(struct page *page, const struct answer *answer)
{
	if (!answer->line_count)
		return;
	fputs("<section>\n<h2>While it was watched</h2>\n<div class=\"charts\">\n", page->file);
	for (size_t i = 0; i < answer->line_count; i++)
		why_page_line(page, &answer->lines[i]);
	fputs("</div>\n</section>\n", page->file);
}

static void print_parts_bar(struct page *page, const struct look *look)
{
	fputs("<div class=\"bar\" aria-hidden=\"true\">", page->file);
	for (size_t i = 0; i < PART_COUNT; i++) {
		double share = (double)look->parts[i].resident_bytes /
			       fmax((double)look->resident_bytes, 1);

		if (share >= 0.001)
			fprintf(page->file, "<i class=\"part-%s\" style=\"width:%.2f%%\"></i>",
				look_part_name(i), 100 * fmin(share, 1));
	}
	fputs("</div>\n", page->file);
}

static void print_part(struct page *page, const struct look *look, enum look_part_id part)
{
	fprintf(page->file, "<tr><th scope=\"row\"><i class=\"key part-%s\"></i>%s</th><td>",
		look_part_name(part), look_part_label(part));
	quantity_print_bytes(page->file, look->parts[part].resident_bytes);
	fputs("</td><td>", page->file);
	quantity_print_percent(page->file, (double)look->parts[part].resident_bytes,
			       (double)look->resident_bytes);
	fputs("</td><td>", page->file);
	quantity_print_bytes(page->file, look->parts[part].bytes);
	fputs("</td></tr>\n", page->file);
}

static void print_parts(struct page *page, const struct look *look)
{
	if (!look->parts_known)
		return;
	print_parts_bar(page, look);
	fputs("<div class=\"table\"><table class=\"parts\"><thead><tr><th scope=\"col\">part</th>"
	      "<th scope=\"col\">resident</th><th scope=\"col\">share</th>"
	      "<th scope=\"col\">as counted</th></tr></thead><tbody>\n",
	      page->file);
	for (size_t i = 0; i < PART_COUNT; i++)
		if (look->parts[i].resident_bytes || look->parts[i].bytes)
			print_part(page, look, i);
	fputs("</tbody></table></div>\n", page->file);
	for (size_t i = 0; i < look->hint_count; i++) {
		fputs("<p class=\"hint\">", page->file);
		page_print_name(page, look->hints[i]);
		fputs("</p>\n", page->file);
	}
}

static void begin_table(struct page *page, const char *title, const char *count, const char *bytes,
			const char *name)
{
	fprintf(page->file,
		"<div class=\"table\"><h3>%s</h3>\n<table><thead><tr><th scope=\"col\">%s</th>"
		"<th scope=\"col\">%s</th><th scope=\"col\">%s</th></tr></thead><tbody>\n",
		title, count, bytes, name);
}

static void print_numbers(struct page *page, uint64_t count, uint64_t bytes)
{
	fputs("<tr><td>", page->file);
	quantity_print_count(page->file, count);
	fputs("</td><td>", page->file);
	quantity_print_bytes(page->file, bytes);
	fputs("</td><td class=\"name\">", page->file);
}

void why_page_container(struct page *page, const struct look_container *container)
{
	fputs("<span class=\"kind\">", page->file);
	page_print_name(page, container->type);
	fputs("</span> ", page->file);
	if (container->name)
		page_print_name(page, container->name);
	else
		fprintf(page->file, "at 0x%" PRIx64 ", by no known way", container->address);
}

static void print_holders(struct page *page, const struct look *look)
{
	if (!look->container_count)
		return;
	begin_table(page, "Largest holders", "entries", "hold", "container");
	for (size_t i = 0; i < look->container_count && i < TOP; i++) {
		const struct look_container *container = &look->containers[i];

		print_numbers(page, container->length, container->bytes);
		why_page_container(page, container);
		fputs("</td></tr>\n", page->file);
	}
	fputs("</tbody></table></div>\n", page->file);
}

static void print_types(struct page *page, const struct look *look)
{
	if (!look->type_count)
		return;
	begin_table(page, "Types", "objects", "bytes", "type");
	for (size_t i = 0; i < look->type_count && i < TOP; i++) {
		print_numbers(page, look->types[i].count, look->types[i].bytes);
		page_print_name(page, look->types[i].name);
		fputs("</td></tr>\n", page->file);
	}
	fputs("</tbody></table></div>\n", page->file);
}

void why_page_memory(struct page *page, const struct look *look)
{
	fputs("<section>\n<h2>Where the memory is</h2>\n", page->file);
	print_parts(page, look);
	fputs("<div class=\"tables\">\n", page->file);
	print_holders(page, look);
	print_types(page, look);
	fputs("</div>\n</section>\n", page->file);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One page that loads nothing: the largest findings as a table and the stacks as a picture, and,
 * where scripts run, a program that takes their place (user/output/page/). Its policy allows this
 * one script and this one style sheet by their hashes, which the build writes (Makefile), and no
 * script may make markup of text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "../lib/quantity.h"
#include "formats.h"
#include "groups.h"
#include "grown_label.h"
#include "label.h"
#include "label_objects.h"
#include "label_reach.h"
#include "net_label.h"
#include "own_frame.h"
#include "page.h"
#include "picture.h"
#include "stack_page.h"

enum { FINDINGS_SHOWN = 30 };

static void print_paragraph(struct page *page, const struct snapshot *snapshot,
			    void (*print)(FILE *, const struct snapshot *))
{
	fputs("<p>", page->file);
	print(page->text, snapshot);
	fputs("</p>\n", page->file);
}

static void print_notes(FILE *file, const struct snapshot *snapshot)
{
	grown_print(file, snapshot);
	label_print_python(file, snapshot);
	label_print_object_notes(file, snapshot);
	label_print_reach_totals(file, snapshot);
	label_print_losses(file, snapshot, "");
}

static void print_summary(struct page *page, const struct snapshot *snapshot, const char *title)
{
	fputs("<h1>", page->file);
	fputs(title, page->text);
	fputs("</h1>\n", page->file);
	print_paragraph(page, snapshot, label_print_totals);
	print_paragraph(page, snapshot, label_print_conditions);
	print_paragraph(page, snapshot, label_print_origin_of);
	print_paragraph(page, snapshot, print_notes);
}

static void print_finding(struct page *page, const struct snapshot *snapshot, const struct net *net,
			  const struct group *group, const struct path_tails *tails)
{
	const struct stack *sum = &group->sum;

	fputs("<tr><td class=\"name\">", page->file);
	if (group->frame)
		label_print_frame_source(page->text, group->frame, tails);
	else
		fputs("[no frames]", page->text);
	fputs("</td><td>", page->file);
	quantity_print_bytes(page->text, sum->live_bytes);
	fputs("</td><td>", page->file);
	quantity_print_percent(page->text, (double)sum->live_bytes,
			       (double)snapshot->totals.live_bytes);
	fputs("</td><td>", page->file);
	net_print_rate(page->text, snapshot, net, sum);
	fputs("</td><td>", page->file);
	quantity_print_count(page->text, sum->live_blocks);
	fprintf(page->file, "</td><td>%zu</td><td>", group->stacks);
	if (group->mixed)
		fputs("several", page->file);
	else
		fprintf(page->file, "%" PRIu32, sum->processes);
	fputs("</td></tr>\n", page->file);
}

static void print_findings(struct page *page, const struct snapshot *snapshot,
			   const struct group *groups, size_t count, const struct path_tails *tails)
{
	struct net net;

	net_sum(snapshot, &net);
	fputs("<table class=\"findings\">\n<thead><tr><th class=\"name\">own code</th>"
	      "<th>not freed</th><th>share</th><th>rate</th><th>blocks</th><th>stacks</th>"
	      "<th>processes</th></tr></thead>\n<tbody>\n",
	      page->file);
	for (size_t i = 0; i < count && i < FINDINGS_SHOWN; i++)
		print_finding(page, snapshot, &net, &groups[i], tails);
	fputs("</tbody>\n</table>\n", page->file);
	if (count > FINDINGS_SHOWN)
		fprintf(page->file, "<p>%zu smaller ones are left out here.</p>\n",
			count - FINDINGS_SHOWN);
}

static int print_table(struct page *page, const struct snapshot *snapshot,
		       const struct output_options *options)
{
	size_t count, group_count = 0;
	const struct stack **stacks = stacks_live(snapshot, options->count, &count);
	struct path_tails *tails = path_tails_new(snapshot);
	struct group *groups =
		stacks ? groups_make(snapshot, stacks, count, BY_APP, &options->app, &group_count)
		       : NULL;
	int error = groups && tails ? 0 : -ENOMEM;

	if (!error)
		print_findings(page, snapshot, groups, group_count, tails);
	free(groups);
	path_tails_free(tails);
	free(stacks);
	return error;
}

static int print_page(struct page *page, const struct snapshot *snapshot,
		      const struct snapshot *merged, const struct output_options *options,
		      const char *title)
{
	FILE *file = page->file;
	int error;

	stack_page_print_head(page, title);
	fputs("<main id=\"plain\" class=\"app\">\n", file);
	print_summary(page, merged, title);
	error = print_table(page, merged, options);
	if (!error)
		error = picture_print(merged, options, title, false, file);
	if (error)
		return error;
	fputs("</svg>\n</main>\n<script type=\"application/json\" id=\"stack-data\">\n", file);
	error = stack_page_print_data(snapshot, merged, options, file);
	fputs("</script>\n<script>", file);
	stack_page_print_script(file);
	fputs("</script>\n</body>\n</html>\n", file);
	return error;
}

int output_html(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct snapshot *merged;
	struct page page;
	char *title = NULL;
	int error = stack_page_merge(snapshot, options, &merged);

	if (!error)
		error = stack_page_title(merged ? merged : snapshot, &title);
	if (!error)
		error = page_init(&page, file);
	if (!error) {
		error = print_page(&page, snapshot, merged ? merged : snapshot, options, title);
		page_release(&page);
	}
	free(title);
	snapshot_free(merged);
	return error;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flame graph for viewers with and without scripts: a picture, which, where the file is opened
 * directly in a browser, the program of the page replaces by what the HTML output shows.
 */
#include <stdlib.h>

#include "formats.h"
#include "picture.h"
#include "stack_page.h"

static int print_program(const struct snapshot *snapshot, const struct snapshot *merged,
			 const struct output_options *options, FILE *file)
{
	int error;

	fputs("<style>\n", file);
	stack_page_print_style(file);
	fputs("</style>\n<script type=\"application/json\" id=\"stack-data\">\n", file);
	error = stack_page_print_data(snapshot, merged, options, file);
	fputs("</script>\n<script><![CDATA[\n", file);
	stack_page_print_script(file);
	fputs("]]></script>\n</svg>\n", file);
	return error;
}

int output_svg(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct snapshot *merged;
	char *title = NULL;
	int error = stack_page_merge(snapshot, options, &merged);
	const struct snapshot *whole = merged ? merged : snapshot;

	if (!error)
		error = stack_page_title(whole, &title);
	if (!error) {
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", file);
		error = picture_print(whole, options, title, true, file);
	}
	if (!error)
		error = print_program(snapshot, whole, options, file);
	free(title);
	snapshot_free(merged);
	return error;
}

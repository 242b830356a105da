// SPDX-License-Identifier: BSD-2-Clause
#include "flamegraph.h"

#include <stdlib.h>

#include "formats.h"
#include "../lib/escape.h"

/* The policy forbids all that the page does not bring along: it loads nothing from anywhere. */
static void print_head(FILE *file, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "script-src 'unsafe-inline'; style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      file);
	escape_print_markup(file, title);
	fputs("</title>\n<style>\n", file);
	flame_graph_print_style(file);
	fputs("</style>\n</head>\n<body>\n", file);
}

int output_html(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct flame_graph graph;
	char *title = NULL;
	int error = flame_graph_init(&graph, snapshot, options);

	if (!error)
		error = flame_graph_title(snapshot, &title);
	if (!error) {
		print_head(file, title);
		fputs("<noscript>This flame graph needs JavaScript; the SVG output does not."
		      "</noscript>\n<script type=\"application/json\" id=\"flame-data\">\n",
		      file);
		error = flame_graph_print_data(&graph, snapshot, options, file);
		fputs("</script>\n<script>\n", file);
		flame_graph_print_script(file);
		fputs("</script>\n</body>\n</html>\n", file);
	}
	free(title);
	flame_graph_release(&graph);
	return error;
}

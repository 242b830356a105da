/* SPDX-License-Identifier: BSD-2-Clause */
#include "output.h"

#include <string.h>

#include "../lib/path.h"
#include "file.h"
#include "formats.h"

static const struct output_format formats[] = {
	{"text", ".txt", output_text, true}, {"folded", ".folded", output_folded, true},
	{"svg", ".svg", output_svg},         {"html", ".html", output_html},
	{"json", ".json", output_json},      {"pprof", ".pb.gz", output_pprof},
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

const struct output_format *output_format_by_name(const char *name)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (!strcmp(name, formats[i].name))
			return &formats[i];
	}
	return NULL;
}

const struct output_format *output_format_by_path(const char *path)
{
	const struct output_format *best = NULL;

	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (path_ends_in(path, formats[i].suffix) &&
		    (!best || strlen(formats[i].suffix) > strlen(best->suffix)))
			best = &formats[i];
	}
	return best;
}

const char *output_format_names(void)
{
	return "text, folded, svg, html, json, pprof";
}

struct request {
	const struct output_format *format;
	const struct snapshot *snapshot;
	const struct output_options *options;
};

static int write_request(const void *context, FILE *file)
{
	const struct request *request = context;

	return request->format->write(request->snapshot, request->options, file);
}

int output_write(const char *path, const struct output_format *format,
		 const struct snapshot *snapshot, const struct output_options *options)
{
	struct alloc_functions found;
	struct output_options with_found = *options;
	struct request request = {format, snapshot, &with_found};
	int error;

	alloc_functions_find(&found, snapshot);
	with_found.app.alloc_functions = &found;
	error = file_write(path, write_request, &request);
	alloc_functions_release(&found);
	return error;
}

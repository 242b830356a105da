// SPDX-License-Identifier: BSD-2-Clause
#include "runtime_tools.h"

#include <string.h>

/*
 * Of runtimes that move objects: who touches their new memory is a thread that collects garbage,
 * and their objects are of no form that is understood here.
 */
static const struct {
	const char *runtime;
	const char *before, *after; /* of the process's number */
} tools[] = {
	{"Java", "jcmd ", " GC.class_histogram"},
	{".NET", "dotnet-gcdump report -p ", ""},
};

static size_t find_tool(const char *runtime)
{
	size_t i = 0;

	while (i < sizeof(tools) / sizeof(*tools) &&
	       (!runtime || strcmp(tools[i].runtime, runtime)))
		i++;
	return i;
}

bool runtime_has_tool(const char *runtime)
{
	return find_tool(runtime) < sizeof(tools) / sizeof(*tools);
}

void runtime_print_tool(FILE *file, const char *runtime, int pid)
{
	if (!runtime_has_tool(runtime))
		return;
	size_t i = find_tool(runtime);

	fprintf(file, "%s%d%s", tools[i].before, pid, tools[i].after);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime_tools.h"

#include <string.h>

/*
 * Of runtimes that move objects: who touches their new memory is a thread that collects garbage,
 * and their objects are of no form that is understood here.
 */
static const struct tool {
	const char *runtime;
	const char *before, *after; /* of the process's number */
} tools[] = {
	{"Java", "jcmd ", " GC.class_histogram"},
	{".NET", "dotnet-gcdump report -p ", ""},
};

static const struct tool *find_tool(const char *runtime)
{
	for (size_t i = 0; runtime && i < sizeof(tools) / sizeof(*tools); i++)
		if (!strcmp(tools[i].runtime, runtime))
			return &tools[i];
	return NULL;
}

bool runtime_has_tool(const char *runtime)
{
	return find_tool(runtime) != NULL;
}

void runtime_print_tool(FILE *file, const char *runtime, int pid)
{
	const struct tool *tool = find_tool(runtime);

	if (tool)
		fprintf(file, "%s%d%s", tool->before, pid, tool->after);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "commands/diff.h"
#include "commands/heap.h"
#include "commands/why.h"
#include "commands/doctor.h"
#include "commands/monitor.h"
#include "lib/message.h"
#include "lib/signals.h"
#include "commands/record.h"
#include "commands/report.h"

struct command {
	const char *name;
	char *full_name; /* argv[0] of the command, which argp prints in usage messages */
	int (*main)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"why", "unfreed why", why_main,
	 "say why a process grows: what, held by whom, filled where"},
	{"record", "unfreed record", record_main,
	 "trace processes and report what they have not freed"},
	{"heap", "unfreed heap", heap_main, "say what is in a process's memory, and what holds it"},
	{"monitor", "unfreed monitor", monitor_main,
	 "watch services for months: metrics of their memory"},
	{"report", "unfreed report", report_main, "render saved profiles"},
	{"diff", "unfreed diff", diff_main, "say what changed between two saved files"},
	{"doctor", "unfreed doctor", doctor_main,
	 "say what this kernel and a target allow, and what tracing would cost"},
};

/* libbpf explains a refused program at length: useful to a maintainer alone. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_DEBUG || !message_is_verbose())
		return 0;
	return vfprintf(stderr, format, arguments);
}

static void print_help(FILE *file)
{
	fprintf(file, "Usage: unfreed COMMAND [OPTION...]\n"
		      "Say why the memory of a live process grows.\n\nCommands:\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(file, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(file, "\n`unfreed COMMAND --help` lists a command's options; `man unfreed` "
		      "explains them.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		message_error("no command given; `unfreed --help` lists them");
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "help") && argc > 2) {
		argc = 3;
		argv[1] = argv[2];
		argv[2] = "--help";
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("unfreed %s\n", UNFREED_VERSION);
		return STATUS_OK;
	}
	command = find_command(argv[1]);
	if (!command) {
		message_error("there is no command '%s'; `unfreed --help` lists them", argv[1]);
		return STATUS_USAGE;
	}
	signals_leave_writes_alone();
	libbpf_set_print(print_libbpf);
	argv[1] = command->full_name;
	return command->main(argc - 1, argv + 1);
}

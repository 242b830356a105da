// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "lib/message.h"
#include "report.h"

int main(int argc, char **argv)
{
	static char report_name[] = "unfreed report";

	if (argc > 1 && !strcmp(argv[1], "report")) {
		argv[1] = report_name;
		return report_main(argc - 1, argv + 1);
	}
	message_error("name a command: report");
	return STATUS_USAGE;
}

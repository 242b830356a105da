/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap_core.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../service/patient.h"
#include "../process/core.h"

bool heap_core_is_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char magic[SELFMAG] = "";
	ssize_t got = fd < 0 ? -1 : pread(fd, magic, sizeof(magic), 0);

	if (fd >= 0)
		close(fd);
	return got == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

struct look *heap_core_look(const char *path, const char *root, struct confined *confined,
			    uint64_t budget_bytes, struct failure *failure)
{
	const struct objects_request request = {.containers = HEAP_CONTAINERS};
	struct procfs procfs = {.root = "/proc"};
	struct look *look = NULL;
	struct patient patient;

	if (core_open(path, root, &procfs.core, failure))
		return NULL;
	if (!patient_open(&patient, &procfs, confined, core_about(procfs.core).pid, budget_bytes,
			  failure)) {
		patient.with_classes = true;
		if (!patient_look(&patient, true, failure))
			look = patient_report(&patient, &request);
		patient_close(&patient);
	}
	core_free(procfs.core);
	return look;
}

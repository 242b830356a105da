/* SPDX-License-Identifier: BSD-2-Clause */
#include "pressure.h"

#include <inttypes.h>
#include <stdio.h>

struct pressure pressure_read(const char *path)
{
	struct pressure pressure = {0};
	FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		pressure.known |= sscanf(line, "some avg10=%*f avg60=%*f avg300=%*f total=%" SCNu64,
					 &pressure.some_us) == 1;
		sscanf(line, "full avg10=%*f avg60=%*f avg300=%*f total=%" SCNu64,
		       &pressure.full_us);
	}
	if (file)
		fclose(file);
	return pressure;
}

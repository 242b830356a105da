/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As tests/services/simulated.py, of malloc's memory: `simulated KIND SEED`, KIND one of
 * leak1, leak15, leak150 (MB an hour, times ten, in blocks of one size amid churn of
 * others), fragments (what lives stays the same; what is free does not) and day_night. Says
 * `ready`, and ends with its input.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FASTER = 10, STEP_MS = 10, IN_FLIGHT_MAX = 40000, DAY_S = 60, HOUR_S = 3600 };
enum { LEAST_BYTES = 600 };

struct node {
	struct node *next;
	char rest[];
};

static struct node *kept;
static size_t kept_bytes, kept_size;
static void *in_flight[IN_FLIGHT_MAX];
static unsigned int flights, churn_per_s;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void *filled(size_t size)
{
	void *block = malloc(size);

	if (!block)
		abort();
	return memset(block, 1, size);
}

static void keep_one(void)
{
	struct node *node = filled(kept_size);

	node->next = kept;
	kept = node;
	kept_bytes += kept_size;
}

static size_t random_size(void)
{
	return 32 + (size_t)rand() % LEAST_BYTES;
}

/* A place gets a new block; where more is held than at first, others get none. */
static void take_turns(size_t size)
{
	static size_t sizes[IN_FLIGHT_MAX], held;
	unsigned int at = rand() % flights;

	held += size - sizes[at];
	free(in_flight[at]);
	in_flight[at] = filled(size);
	sizes[at] = size;
	for (; held > flights * (size_t)LEAST_BYTES; at = (at + 1) % flights) {
		free(in_flight[at]);
		in_flight[at] = NULL;
		held -= sizes[at];
		sizes[at] = 0;
	}
}

/* How many seconds of a load of 1 have passed by then, where it is 1.8 by day and 0.2 by night. */
static double day_load(double seconds)
{
	double days = (double)(long)(seconds / DAY_S) * DAY_S, rest = seconds - days;

	return days + (rest < DAY_S / 2 ? 1.8 * rest : 0.9 * DAY_S + 0.2 * (rest - DAY_S / 2));
}

static void step(const char *kind, double seconds)
{
	static double done;
	double load = strcmp(kind, "day_night") ? seconds : day_load(seconds);

	/* fragments: the holes that smaller ones leave are of no use to ever larger ones */
	for (; done < load * churn_per_s; done++)
		take_turns(strcmp(kind, "fragments") ? random_size()
						     : LEAST_BYTES + (size_t)seconds * 64);
	if (!strncmp(kind, "leak", 4)) {
		double rate = atof(kind + 4) * FASTER * 1e6 / HOUR_S;

		while (kept_bytes < seconds * rate)
			keep_one();
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "leak15";
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64];
	double began;

	srand(argc > 2 ? atoi(argv[2]) : 1);
	kept_size = 40 + rand() % 2000;
	flights = 2000 + rand() % (IN_FLIGHT_MAX - 2000);
	churn_per_s = 200 + rand() % 4000;
	for (unsigned int i = 0; i < 8 * flights; i++)
		take_turns(random_size());
	puts("ready");
	fflush(stdout);
	for (began = now();;) {
		step(kind, now() - began);
		if (!poll(&input, 1, STEP_MS))
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
	}
}

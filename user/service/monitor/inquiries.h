/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a service is asked why it grows, and what came of it. Cheap figures say that it does
 * (trend.h); then an inquiry says why (asking.h), which is dear: one at a time, first who was not
 * asked yet, then the fastest, as often as a share of a processor allows over time; and the same
 * service the less often, the longer nothing new is told of it. One that comes near to the limit of
 * a cgroup is asked at once, so that what it was filled with is known when it is ended.
 */
#ifndef UNFREED_SERVICE_MONITOR_INQUIRIES_H
#define UNFREED_SERVICE_MONITOR_INQUIRIES_H

#include "alerts.h"
#include "asking.h"
#include "history.h"
#include "spending.h"

struct inquiries_options {
	/* Of a processor, for all of it (spending.h), and what it costs the targets; 0: nobody is
	 * asked. */
	double share;
	double duration_s;         /* of one */
	uint64_t max_memory_bytes; /* of what asks; 0: by what there is */
	bool with_keys;
};

struct inquiries {
	const struct inquiries_options *options;
	struct roster *roster;
	struct loop *loop;
	const struct alerts *alerts;
	struct history *history;         /* NULL: none is kept */
	struct asking *asking;           /* NULL: none goes on */
	struct watched_service *service; /* that it is about */
	double began_s;                  /* when it began */
	struct spending spending;
	double spent_s;            /* of processor time, by them and looks */
	struct told_losses losses; /* all in all */
	uint64_t asked;
	uint64_t failed;
};

/* After each roster_read(): takes the samples, and begins an inquiry where one is due. */
void inquiries_attend(struct inquiries *inquiries, double now_s);

/* What was told, by these too: what it cost, and what it could not see. */
void inquiries_count(struct inquiries *inquiries, const struct told *told);

void inquiries_release(struct inquiries *inquiries);

#endif

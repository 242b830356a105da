/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people are told of services, once for each thing that changes: a sentence, and where
 * there is a receiver also JSON (docs/formats.md). Findings are told by whoever has them;
 * limits are looked at here.
 */
#ifndef UNFREED_SERVICE_MONITOR_ALERTS_H
#define UNFREED_SERVICE_MONITOR_ALERTS_H

#include "delivery.h"
#include "history.h"

/* Where alerts for one receiver are kept until it has them. */
struct alert_keeper {
	struct history *history;
	const char *receiver; /* as history_alerts.h has it */
	struct delivery *delivery;
};

struct alerts {
	const struct roster *roster;
	const struct listener *listener; /* NULL: nobody */
	struct delivery *hook, *webhook; /* NULL: none */
	struct alert_keeper keepers[2];  /* of these */
};

/*
 * Has a delivery that was just made keep what waits in a history, and go on with what it has for
 * that receiver: of a monitor before this one, whose PIDs may be of others by now, so that none is
 * told. The keeper must stay. Neither may be NULL.
 */
void alerts_keep(struct alert_keeper *keeper, struct delivery *delivery, struct history *history,
		 const char *receiver);

void alerts_finding(const struct alerts *alerts, const struct watched_service *service,
		    enum finding_change change, const struct known_finding *finding);

/*
 * After each roster_read(): which cgroups came near to their limit, and which are no more. What the
 * kernel takes back first, pages of files that were not used lately, does not count.
 */
void alerts_attend_limits(const struct alerts *alerts);

#endif

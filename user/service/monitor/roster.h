/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is watched: services, and the processes of each that are there at the moment. A series
 * belongs to a service, as processes come and go: workers that are replaced after so many requests,
 * a master that was started anew. A service is what a process asked for by its number forks, with
 * itself; or, of processes found by name, container or cgroup, those of one name in one cgroup with
 * their workers, whatever these are called.
 *
 *	roster_init()
 *	roster_look()   who came; every few seconds
 *	roster_read()   what each takes, and who went; at each interval
 *	roster_release()
 *
 * A process is taken up when it is a second old: by then it has its name and its cgroup. One that
 * lives for less than that, or falls between two looks, is never seen.
 */
#ifndef UNFREED_SERVICE_MONITOR_ROSTER_H
#define UNFREED_SERVICE_MONITOR_ROSTER_H

#include "../../events/event.h"
#include "../../process/peers.h"
#include "../../process/selection.h"
#include "findings.h"
#include "groups.h"
#include "trend.h"

enum { SERVICES_MAX = 128, INSTANCES_MAX = 1024 };

struct watched_service {
	char *name;
	char *group; /* of the cgroup, at first; "": none */
	pid_t pid;   /* asked for by its number; 0: found */
	size_t processes;
	uint64_t came; /* how many, since it is watched; those that were there count, */
	uint64_t went;
	double past_cpu_s;  /* processor time of those that went, since it is watched */
	double seen_s;      /* when it had a process last */
	double risen_bytes; /* what a process of it has grown by, on average, since it is watched */
	struct trend trend; /* of that */
	/* What inquiries told of it, see inquiries.h. */
	bool is_asked;
	bool near_limit; /* a cgroup of it, */
	bool urgent;     /* so that it is asked next */
	double ask_after_s, pause_s;
	double cost_s; /* of the last one; 0: none yet */
	bool growth_told;
	struct rate growth;        /* of memory in use */
	struct told_memory memory; /* at the last look, of inquiries too, */
	struct told_memory
		before; /* and at an earlier one at the same process; see roster_take_memory() */
	struct findings findings;
	bool is_looked_at; /* see looks.h, */
	double looked_s;   /* when it was last; 0: not yet */
	bool recalled;     /* what a history has of it was asked for */
};

struct instance {
	struct watched_service *service;
	struct group *group; /* NULL: not known */
	struct process_status status;
	uint64_t first_ticks; /* of processor time that the service's sum does not have */
	pid_t root;           /* whose worker it is; itself: of none */
	bool counted;         /* what it grows by counts for its service, since it took: */
	double counted_bytes;
	/* Dear, and so read as often as a thousandth of a processor allows; negative: not known. */
	int64_t open_files;
	int64_t proportional_bytes;
	struct peers peers;
	double dear_at_s; /* when that was tried last; 0: never */
};

struct roster {
	const struct procfs *procfs;
	const struct selection *selection; /* its name NULL: the processes below */
	const pid_t *pids;
	size_t pid_count;
	double interval_s;               /* between two readings */
	const struct listener *listener; /* NULL: nobody */
	struct watched_service *services[SERVICES_MAX];
	size_t service_count;
	struct instance *instances; /* room for INSTANCES_MAX */
	size_t instance_count;
	struct groups groups;
	double began_s;   /* when processes were first looked for; 0: not yet */
	size_t left_out;  /* at the last look: more than there is room for */
	bool found_none;  /* at the last look */
	double dear_s;    /* processor time that may be used for what is dear; negative: a debt */
	double dear_at_s; /* when that was counted */
};

/* What is pointed to must outlive it. Returns 0 or -ENOMEM. */
int roster_init(struct roster *roster, const struct procfs *procfs,
		const struct selection *selection, const pid_t *pids, size_t pid_count);

/*
 * Returns 0, or -1 with `failure` filled where what was asked for cannot be looked for: a
 * container's ID that could be several, for one. None there is no failure.
 */
int roster_look(struct roster *roster, double now_s, struct failure *failure);

void roster_read(struct roster *roster, double now_s);

struct memory_taken {
	uint64_t resident_bytes;
	uint64_t anonymous_bytes;
	uint64_t swapped_bytes;
};

/* What a service takes: the sums over its processes. */
struct memory_taken roster_memory(const struct roster *roster,
				  const struct watched_service *service);

/* With whom it has connections: all its processes that were asked for that by now. */
struct peers roster_peers(const struct roster *roster, const struct watched_service *service);

/* Takes over what a look at a process of it told; what one told before stays for what grew
 * since, for a day at most. */
void roster_take_memory(struct watched_service *service, struct told_memory *memory);

/* The process that the last look was at; NULL where it is gone, or there was none. */
const struct instance *roster_looked_at(const struct roster *roster,
					const struct watched_service *service);

/* Whether nothing can come any more: what was asked for by number has ended. */
bool roster_is_over(const struct roster *roster);

void roster_release(struct roster *roster);

#endif

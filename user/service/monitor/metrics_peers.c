/* SPDX-License-Identifier: BSD-2-Clause */
/* As metrics.c, of connections by whom they are with. */
#include "metrics.h"

#include "../../output/openmetrics.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static double opened(const struct peer *peer)
{
	return peer->open;
}

static double closed(const struct peer *peer)
{
	return peer->closed;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct peer *peer);
} of_peers[] = {
	{"unfreed_service_connections",
	 "Connections by the port at the other side, or, incoming, by the port here; read now and then.",
	 opened},
	{"unfreed_service_connections_closed_by_peer",
	 "Those of them that the other side has closed, and the service has not.", closed},
};

static void write_peer(size_t family, const struct watched_service *service,
		       const struct peer *peer, FILE *file)
{
	char port[8];
	const struct openmetrics_label labels[] = {
		{"service", service->name},
		{"cgroup", *service->group ? service->group : NULL},
		{"with", peer_kind_name(peer->kind)},
		{"port", peer->port ? port : NULL},
	};

	snprintf(port, sizeof(port), "%u", peer->port);
	openmetrics_sample(file, OPENMETRICS_GAUGE, of_peers[family].name, labels, COUNT(labels),
			   of_peers[family].value(peer));
}

void metrics_write_peers(const struct roster *roster, FILE *file)
{
	for (size_t i = 0; i < COUNT(of_peers); i++) {
		openmetrics_family(file, OPENMETRICS_GAUGE, of_peers[i].name, of_peers[i].help);
		for (size_t j = 0; j < roster->service_count; j++) {
			const struct peers peers = roster_peers(roster, roster->services[j]);

			for (size_t k = 0; k < peers.count; k++)
				write_peer(i, roster->services[j], &peers.items[k], file);
		}
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of connections: SQLAlchemy's, redis', urllib3's, psycopg's and psycopg2's, by what
 * their objects say of themselves: how many connections are in use, wait to be used, and
 * may be. Nothing is called.
 */
#ifndef UNFREED_PYTHON_OBJECTS_CONNECTIONS_H
#define UNFREED_PYTHON_OBJECTS_CONNECTIONS_H

#include "objects.h"

/* After a look with a graph: puts those that are reached into a look, at most LOOK_POOLS_MAX. */
void objects_report_pools(const struct objects *objects, const struct objects_request *request,
			  struct look *look);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "target_list.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"
#include "../process/family.h"

static bool is_listed(const struct target_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->pids[i] == pid)
			return true;
	return false;
}

static int add_workers_of(struct target_list *list, const struct procfs *procfs, pid_t master,
			  const struct target_list_request *request)
{
	pid_t *workers;
	size_t count = family_list_workers(procfs, master, &workers), added = 0;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		if (is_listed(list, workers[i]))
			continue;
		if (array_append(&list->pids, &list->count, workers[i]))
			added++;
		else
			error = -ENOMEM;
	}
	free(workers);
	if (added)
		event_tell(request->listener,
			   &(struct event){.kind = request->follow_forks ? EVENT_WORKERS_TOO
									 : EVENT_WORKERS_NOW,
					   .pid = (int)master,
					   .count = added});
	return error;
}

static int add_all(struct target_list *list, const struct procfs *procfs,
		   const struct target_list_request *request)
{
	int error = 0;

	for (size_t i = 0; i < request->count && !error; i++)
		if (!array_append(&list->pids, &list->count, request->pids[i]))
			error = -ENOMEM;
	list->needed = request->by_number ? request->count : 0;
	for (size_t i = 0; i < list->needed && !error; i++)
		error = add_workers_of(list, procfs, request->pids[i], request);
	return !error && request->follow_forks ? family_append(procfs, &list->pids, &list->count)
					       : error;
}

int target_list_fill(struct target_list *list, const struct procfs *procfs,
		     const struct target_list_request *request, struct failure *failure)
{
	if (add_all(list, procfs, request))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	return 0;
}

void target_list_release(struct target_list *list)
{
	free(list->pids);
	*list = (struct target_list){0};
}

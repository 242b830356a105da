/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose memory is looked at, once or again and again: what is known of it between looks.
 * Needs the permission to read its memory (CAP_SYS_PTRACE), no BPF, and a PID that the own PID
 * namespace knows.
 */
#ifndef UNFREED_SERVICE_PATIENT_H
#define UNFREED_SERVICE_PATIENT_H

#include "../confine/confined.h"
#include "../lib/failure.h"
#include "../look/look.h"
#include "../memory/reach.h"
#include "../python/objects/objects.h"

struct patient {
	const struct procfs *procfs;
	struct confined *confined;
	pid_t pid;
	struct process_status status; /* at the beginning */
	uint64_t budget_bytes;
	bool is_python;
	bool forgotten;                /* see patient_forget */
	struct failure python_problem; /* where it is a CPython that is not understood */
	struct python_interpreter interpreter;
	struct objects objects;
	bool with_classes;   /* set by whoever wants objects of C++ counted by class */
	bool with_freeze;    /* to be stopped while lost blocks are looked for */
	uint64_t frozen_ns;  /* how long it was, all in all */
	struct reach *reach; /* what is lost; NULL: nobody asked */
	size_t looks;
	struct look *mark;   /* where the memory was; NULL: not kept */
	int64_t taken_at_ns; /* of the last look, since the epoch */
	uint64_t cpu_ns;     /* of ours, that the last look took */
	uint64_t wall_ns;
};

/*
 * Returns 0, or -1 with `failure` filled (then nothing is to be released). `procfs` and `confined`
 * must outlive it. Its looks take at most about `budget_bytes` of our memory.
 */
int patient_open(struct patient *patient, const struct procfs *procfs, struct confined *confined,
		 pid_t pid, uint64_t budget_bytes, struct failure *failure);
void patient_close(struct patient *patient);

/* It is gone: frees what looks at it needed. It still is to be closed; there are no more looks. */
void patient_forget(struct patient *patient);

/* Looks; `graph`: also at who holds what. Returns 0, or -1 with `failure` filled. */
int patient_look(struct patient *patient, bool graph, struct failure *failure);

/*
 * Before patient_report without a request, in the place of a look: sees of Python's memory how much
 * is in use, and none of its objects. Returns 0, or -1 with `failure` filled.
 */
int patient_measure(struct patient *patient, struct failure *failure);

/*
 * Has patient_mark and patient_report look for lost blocks too. patient_look_for_lost makes one
 * look more between these. Returns 0 or -ENOMEM.
 */
int patient_seek_lost(struct patient *patient);
void patient_look_for_lost(struct patient *patient);

/*
 * Keeps where the memory is now, for patient_report to tell what grew since, of malloc's blocks
 * too: after the first of several looks.
 */
void patient_mark(struct patient *patient);

/*
 * What the last look found, and what grew since the first: the caller's. Also says where the memory
 * is, as it is now. `request` NULL: that alone.
 */
struct look *patient_report(struct patient *patient, const struct objects_request *request);

#endif

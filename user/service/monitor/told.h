/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inquiry has told, small enough to be kept for each service: written as JSON by
 * the process that asked, read by the one that watches. Names are of the target's making
 * and not escaped, lines are.
 */
#ifndef UNFREED_SERVICE_MONITOR_TOLD_H
#define UNFREED_SERVICE_MONITOR_TOLD_H

#include <stdio.h>

#include "../../analyze/answer.h"
#include "../../profile/snapshot.h"
#include "told_memory.h"

enum { TOLD_FINDINGS_MAX = 32, TOLD_FRAMES_MAX = 16, TOLD_BYTES_MAX = 1 << 20 };

struct told_frame {
	char *function; /* never NULL */
	char *file;     /* NULL: unknown */
	uint32_t line;  /* 0: unknown */
};

struct told_finding {
	enum verdict verdict;
	char *name;      /* of the container, or what else it is; never NULL. What it is known by */
	char *type;      /* of the container; NULL: of none, or not known */
	char *filled_by; /* NULL: not seen */
	char *reason;    /* NULL: none */
	struct told_frame *frames; /* the stack that fills it, innermost first; NULL: not seen */
	size_t frame_count;
	struct rate rate;
	uint64_t holds_bytes;
};

/* What could not be seen, by cause: objects, bytes or blocks, as its name says. */
struct told_losses {
	uint64_t looked[UNCERTAIN_COUNT]; /* of looks */
	uint64_t recorded[LOSS_COUNT];    /* of recordings */
};

struct told {
	bool growth_known;
	struct rate growth;        /* of memory in use */
	double cost_s;             /* processor time, ours and what watches took of the target's */
	char *failure;             /* why there is no answer; NULL: there is one */
	struct told_memory memory; /* of one process, the last one that was looked at */
	struct told_losses losses;
	struct told_finding findings[TOLD_FINDINGS_MAX];
	size_t finding_count;
};

/* Return 0 or a negative errno. */
int told_write(const struct answer *answer, FILE *file);
int told_write_look(const struct look *look, FILE *file);
int told_write_failure(const char *why, FILE *file);

/* Fills what is then to be released. Returns 0, or -EPROTO where the text is none of these. */
int told_read(const char *text, size_t size, struct told *told);
void told_release(struct told *told);
void told_finding_release(struct told_finding *finding);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_OWNER_H
#define UNFREED_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether somebody besides root and ourselves may write to a file: by its mode, or as its owner. */
static inline bool others_can_change(const struct stat *status)
{
	return status->st_mode & (S_IWGRP | S_IWOTH) ||
	       (status->st_uid && status->st_uid != geteuid());
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "patience.h"

#include <string.h>

void patience_init(struct patience *patience, int64_t wait_ms, int64_t now_ms)
{
	*patience = (struct patience){
		.wait_ms = wait_ms,
		.left_ms = PATIENCE_WAITS * wait_ms,
		.as_of_ms = now_ms,
	};
}

static void refill(struct patience *patience, int64_t now_ms)
{
	int64_t most_ms = PATIENCE_WAITS * patience->wait_ms;
	int64_t more_ms = (now_ms - patience->as_of_ms) / PATIENCE_SHARE;

	patience->left_ms += more_ms;
	patience->as_of_ms += more_ms * PATIENCE_SHARE;
	if (patience->left_ms > most_ms)
		patience->left_ms = most_ms;
}

static bool is_of(const struct slow_file *slow, const struct stat *file)
{
	return slow->tries && slow->device == file->st_dev && slow->inode == file->st_ino &&
	       memcmp(&slow->modified, &file->st_mtim, sizeof(slow->modified)) == 0;
}

/* NULL where it was not slow of late. */
static struct slow_file *find(struct patience *patience, const struct stat *file, int64_t now_ms)
{
	for (size_t i = 0; i < PATIENCE_FILES; i++) {
		struct slow_file *slow = &patience->files[i];

		if (is_of(slow, file) && now_ms - slow->last_ms < PATIENCE_GRUDGE_MS)
			return slow;
	}
	return NULL;
}

/* In place of one that is not known any more, else of the one that is past longest. */
static struct slow_file *add(struct patience *patience, const struct stat *file)
{
	struct slow_file *oldest = &patience->files[0];

	for (size_t i = 0; i < PATIENCE_FILES; i++) {
		struct slow_file *slow = &patience->files[i];

		if (!slow->tries || is_of(slow, file)) {
			oldest = slow;
			break;
		}
		if (slow->last_ms < oldest->last_ms)
			oldest = slow;
	}
	*oldest = (struct slow_file){
		.device = file->st_dev, .inode = file->st_ino, .modified = file->st_mtim};
	return oldest;
}

int64_t patience_for(struct patience *patience, const struct stat *file, int64_t now_ms)
{
	const struct slow_file *slow = find(patience, file, now_ms);

	if (slow && slow->tries >= PATIENCE_TRIES)
		return 0;
	refill(patience, now_ms);
	if (patience->left_ms < PATIENCE_LEAST_MS)
		return PATIENCE_LEAST_MS;
	return patience->left_ms < patience->wait_ms ? patience->left_ms : patience->wait_ms;
}

void patience_note(struct patience *patience, const struct stat *file, int64_t waited_ms,
		   int64_t now_ms)
{
	struct slow_file *slow = find(patience, file, now_ms);

	if (!slow)
		slow = add(patience, file);
	slow->tries++;
	slow->last_ms = now_ms;
	refill(patience, now_ms);
	patience->left_ms = patience->left_ms > waited_ms ? patience->left_ms - waited_ms : 0;
}

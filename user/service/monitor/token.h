/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a page is opened by: a secret in a file that nobody else can read. A browser does not keep
 * it: it gets another one in its place, which is good until we end, as it may show that to others:
 * cookies of an address go to all of its ports.
 */
#ifndef UNFREED_SERVICE_MONITOR_TOKEN_H
#define UNFREED_SERVICE_MONITOR_TOKEN_H

#include <stdbool.h>

#include "../../lib/failure.h"

enum { TOKEN_LEAST = 16, TOKEN_MOST = 256, TOKEN_MADE = 32 };

struct token {
	char secret[TOKEN_MOST + 1];
	char session[TOKEN_MADE + 1];
};

/*
 * Reads the file, which is made with a token by chance where there is none, for us alone.
 * Returns 0, or -1 with `failure` filled: it cannot be read, others can read or change
 * it, or it holds no token.
 */
int token_read(const char *path, struct token *token, struct failure *failure);

/* Whether `given` is it, the secret or what a browser has; NULL is none. It takes as long
 * whatever the first difference is. */
bool token_is_secret(const struct token *token, const char *given);
bool token_is_session(const struct token *token, const char *given);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/descriptors.h"
#include "../../lib/process_end.h"
#include "curl.h"

#define SLACK_S 5.0 /* in which a child whose time is over should have ended by itself */

enum {
	TRIES = 20, /* an hour, from a pause of a second on */
	ANSWER_BYTES_MAX = 65536,
	URL_BYTES_MAX = 4096,
	SHOWN_BYTES = 300,
};

/* What a child has come to, in memory that it shares with us. */
struct outcome {
	long status; /* of HTTP; 0: no answer */
	char text[128];
};

struct webhook {
	char *url;
	double timeout_s;
	const struct listener *listener;
	struct outcome *outcome;
	char shown[SHOWN_BYTES];
	bool fails; /* and that was said */
};

/* --- addresses --- */

/* The server's part, without a password; false where there is none. */
static bool show(const char *url, char shown[SHOWN_BYTES])
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
			: strncasecmp(url, "https://", 8) == 0 ? 8
							       : 0;
	const char *server = url + scheme, *end = server + strcspn(server, "/?#");
	const char *at = memrchr(server, '@', (size_t)(end - server));

	if (at)
		server = at + 1;
	int size = snprintf(shown, SHOWN_BYTES, "%.*s%.*s", (int)scheme, url, (int)(end - server),
			    server);
	return scheme && server < end && size < SHOWN_BYTES;
}

static bool is_plain(const char *url)
{
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '\\')
			return false;
	return strlen(url) < URL_BYTES_MAX;
}

enum { CHILD_HAS_NO_LIBRARY = 1, CHILD_HAS_NO_URL };

/* By libcurl, in a child, so that we never have it ourselves. */
static int ask_library(const char *url)
{
	pid_t child = fork();

	if (!child) {
		const struct curl *curl = curl_load();

		if (!curl)
			_exit(CHILD_HAS_NO_LIBRARY);
		_exit(curl->url_set(curl->url(), CURLUPART_URL, url, 0) ? CHILD_HAS_NO_URL : 0);
	}
	return child < 0 ? -1 : process_wait(child);
}

int webhook_check(const char *url, struct failure *failure)
{
	char shown[SHOWN_BYTES];
	int status = is_plain(url) && show(url, shown) ? ask_library(url)
						       : W_EXITCODE(CHILD_HAS_NO_URL, 0);

	if (status == 0)
		return 0;
	if (status == W_EXITCODE(CHILD_HAS_NO_URL, 0))
		return failure_set(failure, STATUS_USAGE,
				   "--webhook needs an address of HTTP, such as "
				   "https://alerts.example/unfreed");
	return failure_set(failure, STATUS_FAILURE,
			   "cannot post alerts without libcurl, of Debian's libcurl4");
}

/* --- the child --- */

/* What the server says besides its status is not wanted, and too much of it not waited for. */
static size_t forget(char *data, size_t size, size_t count, void *context)
{
	size_t *left = context;

	(void)data;
	if (size * count > *left)
		return 0;
	*left -= size * count;
	return size * count;
}

static void post(const struct curl *curl, const struct webhook *webhook, const char *text)
{
	struct outcome *outcome = webhook->outcome;
	size_t left = ANSWER_BYTES_MAX;
	long timeout_ms = (long)(webhook->timeout_s * 1000);
	CURL *handle = curl->easy_init();
	struct curl_slist *headers = curl->slist_append(NULL, "Content-Type: application/json");

	if (!handle || !headers || curl->easy_setopt(handle, CURLOPT_URL, webhook->url))
		return;
#if LIBCURL_VERSION_NUM >= 0x075500
	curl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl->easy_setopt(handle, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	/* It has no other than these two, and goes to no other address; an
	 * older library does not know. */
	curl->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl->easy_setopt(handle, CURLOPT_POST, 1L);
	curl->easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
	curl->easy_setopt(handle, CURLOPT_POSTFIELDS, text);
	curl->easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	curl->easy_setopt(handle, CURLOPT_USERAGENT, "unfreed/" UNFREED_VERSION);
	curl->easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, forget);
	curl->easy_setopt(handle, CURLOPT_WRITEDATA, &left);
	CURLcode code = curl->easy_perform(handle);
	snprintf(outcome->text, sizeof(outcome->text), "%s", curl->easy_strerror(code));
	curl->easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &outcome->status);
}

/* What a server and its certificates are made of is read without any right to other processes. */
static _Noreturn void run_child(const struct webhook *webhook, const char *text)
{
	const struct curl *curl;

	descriptors_close_from(3);
	if (cap_set_proc(cap_init()))
		_exit(1);
	curl = curl_load();
	if (curl)
		post(curl, webhook, text);
	_exit(0);
}

static pid_t start(void *context, const char *text)
{
	const struct webhook *webhook = context;

	*webhook->outcome = (struct outcome){0, "it ended before it had posted"};
	pid_t child = delivery_fork();
	if (!child)
		run_child(webhook, text);
	return child;
}

/* --- what came of it --- */

/* What may be otherwise later: of answers those that say so (RFC 9110, RFC 6585). */
static bool may_pass(long status)
{
	return status < 200 || status >= 500 || status == 408 || status == 425 || status == 429;
}

/* Once until it goes well again, and each alert that is dropped. */
static void tell(struct webhook *webhook, enum delivery_end end, const char *text)
{
	bool dropped = end == DELIVERY_DROPPED;

	if (dropped || !webhook->fails)
		event_tell(webhook->listener,
			   &(struct event){
				   .kind = dropped ? EVENT_ALERT_DROPPED : EVENT_ALERT_DELAYED,
				   .path = webhook->shown,
				   .text = text,
			   });
	webhook->fails = true;
}

static enum delivery_end judge(void *context, const struct delivery_try *done)
{
	struct webhook *webhook = context;
	struct outcome outcome = *webhook->outcome;
	enum delivery_end end = may_pass(outcome.status) && done->number < TRIES ? DELIVERY_AGAIN
										 : DELIVERY_DROPPED;
	char text[sizeof(outcome.text)];

	if (outcome.status >= 200 && outcome.status < 300) {
		webhook->fails = false;
		return DELIVERY_DONE;
	}
	outcome.text[sizeof(outcome.text) - 1] = 0;
	if (done->status < 0)
		snprintf(text, sizeof(text), "%s", strerror(-done->status));
	else if (outcome.status >= 200)
		snprintf(text, sizeof(text), "HTTP status %ld", outcome.status);
	else
		snprintf(text, sizeof(text), "%s", done->is_late ? "no answer" : outcome.text);
	tell(webhook, end, text);
	return end;
}

static void release(void *context)
{
	struct webhook *webhook = context;

	munmap(webhook->outcome, sizeof(*webhook->outcome));
	free(webhook->url);
	free(webhook);
}

struct delivery *webhook_new(struct loop *loop, const struct webhook_options *options)
{
	struct webhook *webhook = malloc(sizeof(*webhook));
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	char *url = strdup(options->url);

	if (!webhook || !url || outcome == MAP_FAILED) {
		if (outcome != MAP_FAILED)
			munmap(outcome, sizeof(*outcome));
		free(webhook);
		free(url);
		return NULL;
	}
	*webhook = (struct webhook){
		.url = url,
		.timeout_s = options->timeout_s,
		.listener = options->listener,
		.outcome = outcome,
	};
	show(options->url, webhook->shown);
	return delivery_new(loop, &(struct delivery_way){
					  .start = start,
					  .judge = judge,
					  .free = release,
					  .context = webhook,
					  .timeout_s = options->timeout_s + SLACK_S,
					  .pause_s = options->pause_s,
				  });
}

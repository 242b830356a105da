/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The demo: a small request server that leaks about 1 MB a second.
 *
 * It makes its own requests. Three places grow: sessions are kept and never expire, the error path
 * of the parser forgets its copy of the request, and the access log keeps every line "until the
 * next flush", which nobody calls. A fourth, the response cache, holds much memory too, but evicts:
 * it stops growing, and is no leak. Prints `ready` and runs until it is killed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS_A_TICK 20
#define TICK_NS         10000000
#define CACHE_ENTRIES   512
#define SESSION_BUCKETS 4096
#define NOT_INLINED     __attribute__((noinline))

struct request {
	char *path;
	char *query;
	uint32_t user;
	bool is_new;
};

struct session {
	struct session *next;
	uint32_t user;
	char *basket;
};

struct cache_entry {
	char *path;
	char *body;
};

struct log_line {
	struct log_line *next;
	char text[];
};

static struct session *sessions[SESSION_BUCKETS];
static struct cache_entry cache[CACHE_ENTRIES];
static struct log_line *log_pending;
static uint64_t seed = 88172645463325252ull;
static uint32_t users;

static uint64_t random_next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void *memory_get(size_t bytes)
{
	void *block = malloc(bytes);

	if (!block) {
		fputs("demo_leaky: out of memory\n", stderr);
		exit(1);
	}
	return block;
}

NOT_INLINED static char *text_copy(const char *text)
{
	size_t bytes = strlen(text) + 1;

	return memcpy(memory_get(bytes), text, bytes);
}

NOT_INLINED static void request_receive(char *text, size_t size)
{
	uint64_t random = random_next();

	if (random % 50 == 0)
		snprintf(text, size, "GET /item/%u/%0900u", (unsigned int)(random >> 8 & 0xffff),
			 0);
	else
		snprintf(text, size, "GET /item/%u?colour=%u", (unsigned int)(random >> 8 & 0xffff),
			 (unsigned int)(random >> 24 & 0xff));
}

/* The error path: `copy` belongs to nobody once this returns false. */
NOT_INLINED static bool request_parse(const char *text, struct request *request)
{
	char *copy = text_copy(text);
	char *question = strchr(copy, '?');

	if (!question)
		return false;
	*question = '\0';
	request->path = text_copy(copy + 4);
	request->query = text_copy(question + 1);
	request->is_new = random_next() % 8 == 0;
	request->user = request->is_new ? users++ : random_next() % (users + 1);
	free(copy);
	return true;
}

static void request_release(struct request *request)
{
	free(request->path);
	free(request->query);
}

NOT_INLINED static struct session *session_create(uint32_t user)
{
	struct session *session = memory_get(sizeof(*session));

	session->user = user;
	session->basket = memory_get(2048);
	memset(session->basket, 0, 2048);
	session->next = sessions[user % SESSION_BUCKETS];
	sessions[user % SESSION_BUCKETS] = session;
	return session;
}

NOT_INLINED static struct session *session_find(const struct request *request)
{
	struct session *session = sessions[request->user % SESSION_BUCKETS];

	while (session && session->user != request->user)
		session = session->next;
	return session ? session : session_create(request->user);
}

NOT_INLINED static char *page_render(const struct request *request)
{
	char *body = memory_get(4096);

	snprintf(body, 4096, "<h1>%s</h1><p>%s</p>", request->path, request->query);
	return body;
}

/* Bounded: an entry that is in the way is evicted. */
NOT_INLINED static const char *cache_get(const struct request *request)
{
	struct cache_entry *entry;
	uint32_t hash = 5381;

	for (const char *c = request->path; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	entry = &cache[hash % CACHE_ENTRIES];
	if (entry->path && !strcmp(entry->path, request->path))
		return entry->body;
	free(entry->path);
	free(entry->body);
	entry->path = text_copy(request->path);
	entry->body = page_render(request);
	return entry->body;
}

NOT_INLINED static void log_append(const struct request *request)
{
	struct log_line *line = memory_get(sizeof(*line) + 160);

	snprintf(line->text, 160, "user %u %s", request->user, request->path);
	line->next = log_pending;
	log_pending = line;
}

NOT_INLINED static void request_serve(const char *text)
{
	struct request request = {0};
	struct session *session;

	if (!request_parse(text, &request))
		return;
	session = session_find(&request);
	session->basket[random_next() % 2048] = *cache_get(&request);
	log_append(&request);
	request_release(&request);
}

NOT_INLINED static void server_tick(void)
{
	char text[1024];

	for (int i = 0; i < REQUESTS_A_TICK; i++) {
		request_receive(text, sizeof(text));
		request_serve(text);
	}
}

int main(void)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	puts("ready");
	fflush(stdout);
	for (;;) {
		server_tick();
		nanosleep(&tick, NULL);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd without threads of its own: its epoll descriptor is a source of our loop, and what
 * it wants to be called for later is a timer. Its own time-out is one of silence; a client that
 * sends or takes a byte now and then is ended by us, by shutting its socket down. What is open to
 * whoever asks is written at most a few times a second, whoever asks how often.
 */
#include "http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "http_text.h"
#include "microhttpd.h"

enum {
	CONNECTIONS_MAX = 64,
	BACKLOG = 128,
	REQUEST_BYTES = 16384, /* memory for one connection: line and headers */
	SILENCE_S = 5,
	NAME_BYTES = 256,
	DIGITS_MAX = 15,
};

#define SCHEME "Bearer "

#define CONNECTION_NS UINT64_C(10000000000)
#define SWEEP_NS      UINT64_C(1000000000)
#define PAGE_NS       UINT64_C(200000000)

struct connection {
	struct MHD_Connection *handle; /* NULL: a free place */
	uint64_t began_ns;
};

/* A response with a page, written then. */
struct kept {
	struct MHD_Response *response; /* NULL: not yet */
	uint64_t written_ns;
};

struct http_request {
	const struct http *http;
	struct MHD_Connection *connection;
};

struct http {
	const struct microhttpd *mhd;
	const struct http_site *site;
	struct MHD_Daemon *daemon;
	struct loop_source *ready, *later, *sweep;
	struct connection connections[CONNECTIONS_MAX];
	struct kept kept[HTTP_PAGES_MAX];
	uint64_t requests;
	bool has_room; /* a connection ended in this run */
	char own_name[NAME_BYTES];
	char cookie[NAME_BYTES]; /* its name: another monitor has another one */
};

/* --- where it listens --- */

/* Fills an address; returns its length, 0 where that is none. */
static socklen_t parse_address(const char *text, struct sockaddr_storage *address)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	char host[INET6_ADDRSTRLEN] = "", *end;

	memset(address, 0, sizeof(*address));
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return 0;
	unsigned long port = strtoul(colon + 1, &end, 10);
	size_t length = (size_t)(colon - text);
	bool bracketed = length > 2 && *text == '[' && colon[-1] == ']';
	if (bracketed)
		text++, length -= 2;
	if (port > UINT16_MAX || length >= sizeof(host))
		return 0;
	memcpy(host, text, length);
	if (bracketed && inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		return sizeof(*six);
	}
	if (bracketed || inet_pton(AF_INET, host, &four->sin_addr) != 1)
		return 0;
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	return sizeof(*four);
}

static void show_address(int fd, char *shown)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "";

	getsockname(fd, (struct sockaddr *)&address, &length);
	if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;

		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(shown, HTTP_ADDRESS_BYTES, "[%s]:%u", host, ntohs(six->sin6_port));
		return;
	}
	const struct sockaddr_in *four = (struct sockaddr_in *)&address;
	inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
	snprintf(shown, HTTP_ADDRESS_BYTES, "%s:%u", host, ntohs(four->sin_port));
}

int http_listen(const char *address, char *shown, struct failure *failure)
{
	struct sockaddr_storage parsed;
	socklen_t length = parse_address(address, &parsed);
	const int yes = 1;

	if (!length)
		return failure_set(failure, STATUS_USAGE,
				   "--listen needs ADDRESS:PORT in numbers, such as 127.0.0.1:9873 "
				   "or [::1]:9873, not \"%.100s\"",
				   address);
	if (!microhttpd_load(failure))
		return -1;
	int fd = socket(parsed.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&parsed, length) || listen(fd, BACKLOG)) {
		failure_set(failure, STATUS_FAILURE,
			    "cannot listen on %.100s: %s; --listen takes another port", address,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	show_address(fd, shown);
	return fd;
}

/* --- who is meant --- */

bool http_is_own_host(const char *host, const char *own)
{
	size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	struct in6_addr address;
	char name[NAME_BYTES];

	if (!length || length >= sizeof(name) || length > strlen(host))
		return false;
	if (host[length] == ':' &&
	    strspn(host + length + 1, "0123456789") != strlen(host + length + 1))
		return false;
	if (host[length] && host[length] != ':')
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	if (*name == '[') {
		name[length - 1] = '\0';
		return inet_pton(AF_INET6, name + 1, &address) == 1;
	}
	return inet_pton(AF_INET, name, &address) == 1 || !strcasecmp(name, "localhost") ||
	       (*own && !strcasecmp(name, own));
}

bool http_is_name(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			return false;
	return length && length < NAME_BYTES;
}

/* --- who asks --- */

static const char *header_of(const struct http *http, struct MHD_Connection *connection,
			     const char *name)
{
	return http->mhd->lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Or the password of what can give no other: a tool that is told an address alone. */
static bool is_password(const struct http *http, struct MHD_Connection *connection)
{
	char *password = NULL;
	char *name = http->mhd->basic_auth_get_username_password(connection, &password);
	bool is_right = name && password && token_is_secret(http->site->token, password);

	http->mhd->free(name);
	http->mhd->free(password);
	return is_right;
}

static bool is_secret(const struct http *http, struct MHD_Connection *connection, const char *given)
{
	size_t length = strlen(SCHEME);

	return strncasecmp(given, SCHEME, length)
		       ? is_password(http, connection)
		       : token_is_secret(http->site->token, given + length);
}

/* A header counts alone where there is one: whoever gives it wants to know whether it is right. */
static bool is_let_in(const struct http *http, struct MHD_Connection *connection)
{
	const char *given = header_of(http, connection, MHD_HTTP_HEADER_AUTHORIZATION);

	if (given)
		return is_secret(http, connection, given);
	return token_is_session(
		http->site->token,
		http->mhd->lookup_connection_value(connection, MHD_COOKIE_KIND, http->cookie));
}

static const struct http_page *find_page(const struct http *http, const char *path)
{
	for (size_t i = 0; i < http->site->count; i++) {
		const struct http_page *page = &http->site->pages[i];

		if (!strcmp(page->path, path))
			return page;
	}
	return NULL;
}

/* As it stands in the address. */
static const char *argument_of(const struct http_request *request, const char *name)
{
	return request->http->mhd->lookup_connection_value(request->connection,
							   MHD_GET_ARGUMENT_KIND, name);
}

bool http_has(const struct http_request *request, const char *name)
{
	return argument_of(request, name);
}

bool http_text(const struct http_request *request, const char *name, char *text, size_t size)
{
	const char *raw = argument_of(request, name);

	return raw && http_text_argument(raw, text, size);
}

bool http_number(const struct http_request *request, const char *name, int64_t *number)
{
	const char *text = argument_of(request, name);
	size_t length = text ? strlen(text) : 0;

	if (!length || length > DIGITS_MAX || strspn(text, "0123456789") != length)
		return false;
	*number = strtoll(text, NULL, 10);
	return true;
}

/* --- what is answered --- */

static void add_header(const struct http *http, struct MHD_Response *response, const char *name,
		       const char *value)
{
	http->mhd->add_response_header(response, name, value);
}

/* Of all: nothing of it is for another site, or to be kept, and one connection has one answer. */
static void add_headers(const struct http *http, struct MHD_Response *response, const char *type)
{
	add_header(http, response, "Content-Type", type);
	add_header(http, response, "X-Content-Type-Options", "nosniff");
	add_header(http, response, "Cache-Control", "no-store");
	add_header(http, response, "Cross-Origin-Resource-Policy", "same-origin");
	add_header(http, response, "Connection", "close");
}

/* Whatever is refused gets one line. The response is given up. */
static enum MHD_Result refuse(const struct http *http, struct MHD_Connection *connection,
			      unsigned status, const char *why)
{
	struct MHD_Response *response = http->mhd->create_response_from_buffer(
		strlen(why), (char *)why, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	add_headers(http, response, "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add_header(http, response, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_UNAUTHORIZED)
		add_header(http, response, "WWW-Authenticate", "Bearer");
	result = http->mhd->queue_response(connection, status, response);
	http->mhd->destroy_response(response);
	return result;
}

static void add_headers_of(const struct http *http, struct MHD_Response *response,
			   const struct http_page *page)
{
	char cookie[2 * NAME_BYTES];

	add_headers(http, response, page->type);
	if (page->policy) {
		add_header(http, response, "Content-Security-Policy", page->policy);
		add_header(http, response, "Referrer-Policy", "no-referrer");
	}
	if (!page->lets_in)
		return;
	snprintf(cookie, sizeof(cookie), "%s=%s; Path=/; HttpOnly; SameSite=Strict", http->cookie,
		 http->site->token->session);
	add_header(http, response, "Set-Cookie", cookie);
}

/* NULL with `error`, which is that of the page, or another one. */
static struct MHD_Response *write_page(const struct http_request *request,
				       const struct http_page *page, int *error)
{
	const struct http *http = request->http;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	*error = file ? page->write(page->context, request, file) : -ENOMEM;
	if (file && fclose(file))
		*error = -ENOMEM;
	struct MHD_Response *response =
		*error ? NULL
		       : http->mhd->create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (response)
		add_headers_of(http, response, page);
	else
		free(text);
	return response;
}

/* The last one stays where a new one cannot be written. */
static enum MHD_Result answer_kept(struct http *http, const struct http_request *request,
				   const struct http_page *page)
{
	struct kept *kept = &http->kept[page - http->site->pages];
	bool is_old = !kept->response || clock_ns(CLOCK_MONOTONIC) - kept->written_ns >= PAGE_NS;
	int error;
	struct MHD_Response *response = is_old ? write_page(request, page, &error) : NULL;

	if (response) {
		if (kept->response)
			http->mhd->destroy_response(kept->response);
		*kept = (struct kept){response, clock_ns(CLOCK_MONOTONIC)};
	}
	if (!kept->response)
		return MHD_NO;
	return http->mhd->queue_response(request->connection, MHD_HTTP_OK, kept->response);
}

static enum MHD_Result answer_anew(const struct http_request *request, const struct http_page *page)
{
	const struct http *http = request->http;
	int error;
	struct MHD_Response *response = write_page(request, page, &error);

	if (!response && error == -ENOENT)
		return refuse(http, request->connection, MHD_HTTP_NOT_FOUND,
			      "There is no such thing.\n");
	if (!response && error == -EINVAL)
		return refuse(http, request->connection, MHD_HTTP_BAD_REQUEST,
			      "What it asks for is not well given.\n");
	if (!response)
		return refuse(http, request->connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
			      "It cannot be read now.\n");
	enum MHD_Result result =
		http->mhd->queue_response(request->connection, MHD_HTTP_OK, response);
	http->mhd->destroy_response(response);
	return result;
}

static bool is_meant(const struct http *http, const char *host)
{
	return host && (http_is_own_host(host, http->own_name) ||
			(http->site->host && http_is_own_host(host, http->site->host)));
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload_data,
			      size_t *upload_data_size, void **of_connection)
{
	struct http *http = context;
	const struct http_request request = {http, connection};
	const char *host = header_of(http, connection, MHD_HTTP_HEADER_HOST);
	const struct http_page *page = find_page(http, url);

	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	(void)of_connection;
	http->requests++;
	if (!is_meant(http, host))
		return refuse(
			http, connection, host ? MHD_HTTP_FORBIDDEN : MHD_HTTP_BAD_REQUEST,
			"Host must be an address, localhost, this machine's own name, or that of "
			"--host.\n");
	if (!page)
		return refuse(http, connection, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return refuse(http, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			      "GET and HEAD only.\n");
	if (!page->open && !is_let_in(http, connection))
		return refuse(http, connection, MHD_HTTP_UNAUTHORIZED, "It needs the token.\n");
	return page->is_kept ? answer_kept(http, &request, page) : answer_anew(&request, page);
}

/* A path is compared as it came: one that is written in another way is another one. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

/* --- connections --- */

static void note_connection(void *context, struct MHD_Connection *handle, void **place,
			    enum MHD_ConnectionNotificationCode code)
{
	struct http *http = context;
	struct connection *connection = *place;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (connection)
			connection->handle = NULL;
		http->has_room = true;
		return;
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		connection = &http->connections[i];
		if (connection->handle)
			continue;
		*connection = (struct connection){handle, clock_ns(CLOCK_MONOTONIC)};
		*place = connection;
		loop_set_timer(http->sweep, SWEEP_NS, 0);
		return;
	}
}

/* Ends those that have been there for too long. */
static void sweep(void *context)
{
	struct http *http = context;
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	bool left = false;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &http->connections[i];
		const union MHD_ConnectionInfo *info;

		if (!connection->handle)
			continue;
		left = true;
		if (now_ns - connection->began_ns < CONNECTION_NS)
			continue;
		info = http->mhd->get_connection_info(connection->handle,
						      MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info)
			shutdown(info->connect_fd, SHUT_RDWR);
	}
	if (left)
		loop_set_timer(http->sweep, SWEEP_NS, 0);
}

/* Where connections ended it is run again: one that is at its limit listens anew only then. */
static void run(void *context)
{
	struct http *http = context;
	MHD_UNSIGNED_LONG_LONG left_ms;

	http->has_room = false;
	http->mhd->run(http->daemon);
	if (http->has_room)
		loop_set_timer(http->later, 1, 0);
	else if (http->mhd->get_timeout(http->daemon, &left_ms) == MHD_YES)
		loop_set_timer(http->later, left_ms ? left_ms * 1000000 : 1, 0);
	else
		loop_set_timer(http->later, 0, 0);
}

/* Cookies know no ports. */
static void name_cookie(struct http *http, int fd)
{
	char shown[HTTP_ADDRESS_BYTES];

	show_address(fd, shown);
	snprintf(http->cookie, sizeof(http->cookie), "unfreed-%s", strrchr(shown, ':') + 1);
}

struct http *http_new(struct loop *loop, int fd, const struct http_site *site)
{
	struct http *http = calloc(1, sizeof(*http));
	const union MHD_DaemonInfo *info;
	struct failure failure;

	if (!http || !(http->mhd = microhttpd_load(&failure))) {
		close(fd);
		free(http);
		return NULL;
	}
	http->site = site;
	name_cookie(http, fd);
	if (gethostname(http->own_name, sizeof(http->own_name) - 1))
		*http->own_name = '\0';
	http->daemon = http->mhd->start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, answer, http, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		note_connection, http, MHD_OPTION_END);
	if (!http->daemon)
		close(fd);
	info = http->daemon ? http->mhd->get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)
			    : NULL;
	if (info)
		http->ready = loop_on_descriptor(loop, info->epoll_fd, LOOP_IN_TURN, run, http);
	http->later = loop_on_timer(loop, LOOP_IN_TURN, run, http);
	http->sweep = loop_on_timer(loop, LOOP_IN_TURN, sweep, http);
	if (http->ready && http->later && http->sweep)
		return http;
	http_free(http);
	return NULL;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	loop_drop(http->ready);
	if (http->daemon)
		http->mhd->stop_daemon(http->daemon);
	loop_drop(http->later);
	loop_drop(http->sweep);
	for (size_t i = 0; i < HTTP_PAGES_MAX; i++)
		if (http->kept[i].response)
			http->mhd->destroy_response(http->kept[i].response);
	free(http);
}

uint64_t http_requests(const struct http *http)
{
	return http->requests;
}

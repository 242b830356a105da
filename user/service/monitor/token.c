/* SPDX-License-Identifier: BSD-2-Clause */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/owner.h"

/* As RFC 6750 has them. */
static const char letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";

/* Fills a new one, of 128 bits. Returns 0 or a negative errno. */
static int make(char token[TOKEN_MADE + 1])
{
	unsigned char bytes[TOKEN_MADE / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < TOKEN_MADE; i++)
		token[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
	token[TOKEN_MADE] = '\0';
	return 0;
}

/* Returns a descriptor of a file that has one now, or a negative errno. */
static int make_file(const char *path)
{
	char line[TOKEN_MADE + 1];
	int error = make(line);
	int fd = error ? error : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error ? error : -errno;
	line[TOKEN_MADE] = '\n';
	if (write(fd, line, sizeof(line)) == sizeof(line) && !lseek(fd, 0, SEEK_SET))
		return fd;
	error = errno ? -errno : -EIO;
	close(fd);
	unlink(path);
	return error;
}

/* NULL, or why it is not good. */
static const char *judge_file(int fd)
{
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return "it is no file";
	if (others_can_change(&status))
		return "others can change it: chown it and chmod 600 make it safe";
	return status.st_mode & (S_IRWXG | S_IRWXO) ? "others can read it: chmod 600 makes it safe"
						    : NULL;
}

/* The only line of the file. Returns NULL, or why there is none. */
static const char *read_line(int fd, char line[TOKEN_MOST + 1])
{
	char text[TOKEN_MOST + 2];
	ssize_t size = read(fd, text, sizeof(text));
	size_t length = size > 0 ? (size_t)size : 0;

	if (size < 0)
		return strerror(errno);
	if (length && text[length - 1] == '\n')
		length--;
	if (length < TOKEN_LEAST || length > TOKEN_MOST)
		return "it holds no token, one line of 16 to 256 letters and digits; where there is no "
		       "file one is made";
	memcpy(line, text, length);
	line[length] = '\0';
	return strspn(line, letters) == length
		       ? NULL
		       : "its token has other characters than letters, digits and -._~+/=";
}

int token_read(const char *path, struct token *token, struct failure *failure)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *wrong;

	if (fd < 0)
		fd = errno == ENOENT ? make_file(path) : -errno;
	wrong = fd < 0 ? strerror(-fd) : judge_file(fd);
	if (!wrong)
		wrong = read_line(fd, token->secret);
	if (!wrong && make(token->session))
		wrong = strerror(errno);
	if (fd >= 0)
		close(fd);
	return wrong ? failure_set(failure, STATUS_FAILURE, "cannot take the token of %.200s: %s",
				   path, wrong)
		     : 0;
}

/* `volatile`, so that no compiler ends it earlier. */
static bool is_same(const char *own, const char *given)
{
	size_t length = strlen(own), given_length = given ? strlen(given) : 0;
	volatile unsigned char differs = given_length != length;

	for (size_t i = 0; i < given_length; i++)
		differs |= (unsigned char)(given[i] ^ own[i % length]);
	return !differs;
}

bool token_is_secret(const struct token *token, const char *given)
{
	return is_same(token->secret, given);
}

bool token_is_session(const struct token *token, const char *given)
{
	return is_same(token->session, given);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define CONTROL_BYTES CMSG_SPACE(sizeof(int))

int protocol_send_fd(int socket, const void *data, size_t length, int fd)
{
	char control[CONTROL_BYTES] __attribute__((aligned(8))) = {0};
	struct iovec part = {(void *)data, length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *rights = (struct cmsghdr *)control;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	}
	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length)
		return -EPIPE;
	return 0;
}

int protocol_receive_fd(int socket, void *data, size_t length, int *fd)
{
	char control[CONTROL_BYTES] __attribute__((aligned(8)));
	struct iovec part = {data, length};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(socket, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	return got == (ssize_t)length ? 0 : -EPIPE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages in a caller's buffer: puts are bounds-checked, the first failure sticks. */
#include "nl/msg.h"

#include <errno.h>
#include <string.h>

/* Unsigned, unlike NLA_HDRLEN. */
#define ATTR_HEAD NLMSG_ALIGN(sizeof(struct nlattr))

static void msg_fail(struct msg *m, int errnum)
{
	if (!m->err)
		m->err = -errnum;
}

/* Bytes used, those of the message being built included. */
static size_t msg_used(const struct msg *m)
{
	return m->len + (m->nlh ? m->nlh->nlmsg_len : 0);
}

/* Zeroed room for @len bytes, padded, at the end. The caller accounts for it. Return: NULL once failed. */
static void *msg_room(struct msg *m, size_t len)
{
	size_t used = msg_used(m);

	if (m->err)
		return NULL;
	/* First @len alone: its padding must not wrap around. */
	if (len > m->size - used || NLMSG_ALIGN(len) > m->size - used) {
		msg_fail(m, ENOBUFS);
		return NULL;
	}
	memset(m->buf + used, 0, NLMSG_ALIGN(len));
	return m->buf + used;
}

/* Take the room and count it into the message being built. */
static void *msg_append(struct msg *m, size_t len)
{
	void *room;

	if (!m->nlh)
		msg_fail(m, EINVAL);
	room = msg_room(m, len);
	if (room)
		m->nlh->nlmsg_len += (uint32_t)NLMSG_ALIGN(len);
	return room;
}

void msg_init(struct msg *m, void *buf, size_t size)
{
	*m = (struct msg){ .buf = buf, .size = size };
	if ((uintptr_t)buf % NLMSG_ALIGNTO || size > INT32_MAX)
		msg_fail(m, EINVAL);
}

/* End the message being built. */
static void msg_end(struct msg *m)
{
	if (!m->nlh)
		return;
	if (m->depth)
		msg_fail(m, EINVAL);
	m->len += m->nlh->nlmsg_len;
	m->nlh = NULL;
	m->depth = 0;
}

void *msg_begin(struct msg *m, uint16_t type, uint16_t flags, size_t header_size)
{
	struct nlmsghdr *nlh;

	msg_end(m);
	nlh = msg_room(m, NLMSG_HDRLEN);
	if (!nlh)
		return NULL;
	nlh->nlmsg_len = NLMSG_HDRLEN;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	m->nlh = nlh;
	m->count++;
	return msg_append(m, header_size);
}

void *msg_raw(struct msg *m, size_t len)
{
	return msg_append(m, len);
}

void msg_flags(struct msg *m, uint16_t set, uint16_t clear)
{
	if (m->nlh)
		m->nlh->nlmsg_flags = (uint16_t)((m->nlh->nlmsg_flags & ~clear) | set);
}

void msg_put(struct msg *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a;

	if (len > UINT16_MAX - ATTR_HEAD) {
		msg_fail(m, EMSGSIZE);
		return;
	}
	a = msg_append(m, ATTR_HEAD + len);
	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(ATTR_HEAD + len);
	if (len)
		memcpy((char *)a + ATTR_HEAD, data, len);
}

void msg_put_u8(struct msg *m, uint16_t type, uint8_t value)
{
	msg_put(m, type, &value, sizeof(value));
}

void msg_put_u16(struct msg *m, uint16_t type, uint16_t value)
{
	msg_put(m, type, &value, sizeof(value));
}

void msg_put_u32(struct msg *m, uint16_t type, uint32_t value)
{
	msg_put(m, type, &value, sizeof(value));
}

void msg_put_u64(struct msg *m, uint16_t type, uint64_t value)
{
	msg_put(m, type, &value, sizeof(value));
}

void msg_put_str(struct msg *m, uint16_t type, const char *text)
{
	msg_put(m, type, text, strlen(text) + 1);
}

void msg_nest(struct msg *m, uint16_t type)
{
	struct nlattr *a;

	if (m->depth >= MSG_DEPTH) {
		msg_fail(m, E2BIG);
		return;
	}
	a = msg_append(m, ATTR_HEAD);
	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = ATTR_HEAD;
	m->nest[m->depth++] = a;
}

void msg_nest_end(struct msg *m)
{
	size_t len;

	if (m->err)
		return;
	if (!m->depth) {
		msg_fail(m, EINVAL);
		return;
	}
	m->depth--;
	len = (size_t)(m->buf + msg_used(m) - (char *)m->nest[m->depth]);
	if (len > UINT16_MAX)
		msg_fail(m, EMSGSIZE);
	else
		m->nest[m->depth]->nla_len = (uint16_t)len;
}

int msg_finish(struct msg *m)
{
	msg_end(m);
	return m->err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages in a caller's buffer: puts are bounds-checked, the first failure sticks. */
#ifndef NL_MSG_H
#define NL_MSG_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_DEPTH 6 /* nested attributes at once */

/**
 * struct msg - one or more netlink messages being built
 * @buf:   caller's, aligned to 4 bytes
 * @len:   bytes of the finished messages
 * @nlh:   message being built, NULL between two
 * @count: messages begun
 * @err:   0, or the negative errno that stuck; every later call does nothing
 */
struct msg {
	char *buf;
	size_t size, len;
	struct nlmsghdr *nlh;
	struct nlattr *nest[MSG_DEPTH];
	unsigned int depth, count;
	int err;
};

/** msg_init() - start in a caller's buffer of @size bytes. */
void msg_init(struct msg *m, void *buf, size_t size);
/**
 * msg_begin() - begin a message (ends the one before).
 * Return: its zeroed family header, or NULL once failed.
 */
void *msg_begin(struct msg *m, uint16_t type, uint16_t flags, size_t header_size);
/** msg_flags() - change NLM_F_* of the message being built. */
void msg_flags(struct msg *m, uint16_t set, uint16_t clear);
void msg_put(struct msg *m, uint16_t type, const void *data, size_t len);
void msg_put_u8(struct msg *m, uint16_t type, uint8_t value);
void msg_put_u16(struct msg *m, uint16_t type, uint16_t value);
void msg_put_u32(struct msg *m, uint16_t type, uint32_t value);
void msg_put_u64(struct msg *m, uint16_t type, uint64_t value);
/** msg_put_str() - with its NUL. */
void msg_put_str(struct msg *m, uint16_t type, const char *text);
/**
 * msg_raw() - append raw bytes inside the open nest (VETH_INFO_PEER holds an ifinfomsg).
 * Return: them, zeroed.
 */
void *msg_raw(struct msg *m, size_t len);
/** msg_nest() - open a nested attribute; @type as given: add NLA_F_NESTED where the kernel asks for it. */
void msg_nest(struct msg *m, uint16_t type);
void msg_nest_end(struct msg *m);
/**
 * msg_finish() - end the last message; may be called again
 * Return: 0, or the errno that stuck (-ENOBUFS: buffer full, -E2BIG: nested too deep, -EMSGSIZE: an attribute
 * over 64 KiB, -EINVAL: a put outside a message, a nest not closed, a buffer not aligned).
 */
int msg_finish(struct msg *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of devices. */
#include "rtnl/address.h"

#include "base/error.h"
#include "nl/attr.h"
#include "rtnl/request.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* Newer than some uapi headers that we build with. */
#define ADDRESS_ATTR_MAX IFA_FLAGS

void address_build(struct msg *m, uint16_t type, uint32_t index, const struct addr *addr, uint32_t flags)
{
	uint16_t nl_flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct ifaddrmsg *header;

	if (type == RTM_NEWADDR && addr->family == AF_INET6)
		flags |= IFA_F_NODAD;
	header = msg_begin(m, type, nl_flags, sizeof(*header));
	if (header) {
		header->ifa_family = addr->family;
		header->ifa_prefixlen = addr->prefix;
		header->ifa_index = index;
	}
	msg_put(m, IFA_LOCAL, addr->bytes, addr_size(addr->family));
	msg_put(m, IFA_ADDRESS, addr->bytes, addr_size(addr->family));
	if (flags) /* 32 bits; the header has room for the eight of old only */
		msg_put_u32(m, IFA_FLAGS, flags);
}

/* Say what failed, unless nothing did. Return: @r. */
static int address_done(int r, struct nl_sock *rtnl, uint32_t index, const struct addr *addr,
			struct an_error *err)
{
	char device[REQUEST_DEVICE], text[ADDR_TEXT];

	if (r < 0 && err)
		error_object(err, "address %s of link %s", addr_format(addr, text),
			     request_device(rtnl, index, device));
	return r;
}

int address_add(struct nl_sock *rtnl, uint32_t index, const struct addr *addr, uint32_t flags,
		struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	address_build(&m, RTM_NEWADDR, index, addr, flags);
	r = request_send(rtnl, &m, (const int[]){ EEXIST, 0 }, err);
	if (r < 0)
		error_context(err, "add");
	return address_done(r, rtnl, index, addr, err);
}

struct address_reader {
	address_cb *cb;
	void *data;
};

static int address_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[ADDRESS_ATTR_MAX + 1];
	const struct address_reader *reader = data;
	struct address address;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*header))
		return 0;
	attr_table(nlh, sizeof(*header), tb, ADDRESS_ATTR_MAX);
	address = (struct address){ .index = header->ifa_index, .scope = header->ifa_scope };
	/* IFA_ADDRESS is the other side's where there is one (point to point), IFA_LOCAL always ours. */
	address.addr = request_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], header->ifa_family);
	if (!address.addr.family)
		return 0;
	address.addr.prefix = header->ifa_prefixlen;
	address.flags = tb[IFA_FLAGS] ? attr_u32(tb[IFA_FLAGS]) : header->ifa_flags;
	return reader->cb(&address, reader->data);
}

int address_dump(struct nl_sock *rtnl, uint8_t family, address_cb *cb, void *data, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct address_reader reader = { cb, data };
	struct ifaddrmsg *header;
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(*header));
	if (header)
		header->ifa_family = family;
	r = nl_dump(rtnl, &m, address_read_cb, NULL, &reader, err);
	if (r < 0)
		error_object(err, "list of addresses");
	return r;
}

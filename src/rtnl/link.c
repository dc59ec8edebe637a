/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices.
 *
 * Theory of operation: a veth pair is made by one RTM_NEWLINK. Its own attributes describe the first end,
 * VETH_INFO_PEER holds an ifinfomsg and the same attributes for the second; IFLA_NET_NS_FD in each says where
 * that end is born. The kernel (drivers/net/veth.c, net/core/rtnetlink.c) registers the second end first,
 * applies its flags before the two know each other, and veth_open() then says ENOTCONN: IFF_UP is refused for
 * the second end, IFF_NOARP is not. The first end gets its flags last, and may be up at once. So an end that
 * shall be up goes first; where both shall be, the one in the socket's own namespace goes second and gets a
 * second message.
 */
#include "rtnl/link.h"

#include "base/error.h"
#include "nl/attr.h"
#include "rtnl/request.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

/* One end of a pair, in the order of the message. */
struct link_end {
	const char *name;
	const uint8_t *mac;
	int netns_fd;
	uint32_t index;
	bool noarp, up, dormant;
};

static void link_put_flags(struct ifinfomsg *header, const struct link_end *end, bool up)
{
	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)end->index;
	header->ifi_flags = (end->noarp ? IFF_NOARP : 0U) | (up ? IFF_UP : 0U);
	header->ifi_change = header->ifi_flags;
}

static void link_put_end(struct msg *m, const struct link_end *end, const struct link_veth *spec)
{
	msg_put_str(m, IFLA_IFNAME, end->name);
	msg_put(m, IFLA_ADDRESS, end->mac, LINK_MAC);
	if (spec->mtu)
		msg_put_u32(m, IFLA_MTU, spec->mtu);
	if (spec->queues) {
		msg_put_u32(m, IFLA_NUM_TX_QUEUES, spec->queues);
		msg_put_u32(m, IFLA_NUM_RX_QUEUES, spec->queues);
	}
	if (end->dormant)
		msg_put_u8(m, IFLA_OPERSTATE, IF_OPER_DORMANT);
	if (end->netns_fd >= 0)
		msg_put_u32(m, IFLA_NET_NS_FD, (uint32_t)end->netns_fd);
}

/* Which end goes first (see above). */
static void link_order_ends(const struct link_veth *spec, struct link_end end[static 2])
{
	const struct link_end own = { spec->name,  spec->mac, spec->netns_fd, spec->index,
				      spec->noarp, spec->up,  spec->dormant };
	const struct link_end peer = {
		spec->peer,    spec->peer_mac, spec->peer_netns_fd, spec->peer_index, spec->peer_noarp,
		spec->peer_up, false
	};
	bool peer_first = peer.up && (!own.up || own.netns_fd < 0);

	end[0] = peer_first ? peer : own;
	end[1] = peer_first ? own : peer;
}

static void link_build_ends(struct msg *m, const struct link_end end[static 2], const struct link_veth *spec)
{
	struct ifinfomsg *header;

	header = msg_begin(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
	if (header)
		link_put_flags(header, &end[0], end[0].up);
	link_put_end(m, &end[0], spec);
	msg_nest(m, IFLA_LINKINFO);
	msg_put_str(m, IFLA_INFO_KIND, "veth");
	msg_nest(m, IFLA_INFO_DATA);
	msg_nest(m, VETH_INFO_PEER);
	header = msg_raw(m, sizeof(*header));
	if (header)
		link_put_flags(header, &end[1], false);
	link_put_end(m, &end[1], spec);
	msg_nest_end(m);
	msg_nest_end(m);
	msg_nest_end(m);
}

void link_build_veth(struct msg *m, const struct link_veth *spec)
{
	struct link_end end[2];

	link_order_ends(spec, end);
	link_build_ends(m, end, spec);
}

static bool link_name_valid(const char name[static LINK_NAME])
{
	size_t len = strnlen(name, LINK_NAME);

	return len > 0 && len < LINK_NAME;
}

/* Up by name, since the kernel chose the index. A pair that is half up is taken away again. */
static int link_raise_second(struct nl_sock *rtnl, const char *name, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct ifinfomsg *header;
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_NEWLINK, 0, sizeof(*header));
	if (header)
		header->ifi_flags = header->ifi_change = IFF_UP;
	msg_put_str(&m, IFLA_IFNAME, name);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	if (r < 0) {
		error_object(err, "link '%s'", name);
		error_context(err, "set up");
		link_del(rtnl, name, NULL);
	}
	return r;
}

int link_add_veth(struct nl_sock *rtnl, const struct link_veth *spec, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct link_end end[2];
	struct msg m;
	int r;

	if (!link_name_valid(spec->name) || !link_name_valid(spec->peer))
		return error_set(err, AN_FAILED, EINVAL, "veth pair", "name of an end empty or too long");
	link_order_ends(spec, end);
	if (end[1].up && end[1].netns_fd >= 0)
		return error_set(err, AN_FAILED, EINVAL, spec->name,
				 "of two ends in other namespaces only one can be made up at once");

	msg_init(&m, buf, sizeof(buf));
	link_build_ends(&m, end, spec);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	if (r == -EOPNOTSUPP) /* no such kind of link */
		return error_feature(err, "veth links", "VETH");
	if (r < 0) {
		error_object(err, "link '%s' with peer '%s'", spec->name, spec->peer);
		error_context(err, "add");
		return r;
	}
	return end[1].up ? link_raise_second(rtnl, end[1].name, err) : 0;
}

static void link_read_info(const struct nlattr *info, const struct nlattr *lower, struct link *link)
{
	const struct nlattr *tb[IFLA_INFO_KIND + 1];

	if (!info)
		return;
	attr_table_nested(info, tb, IFLA_INFO_KIND);
	attr_text(tb[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
	if (strcmp(link->kind, "veth") == 0)
		link->peer_index = attr_u32(lower);
}

static void link_read(const struct nlmsghdr *nlh, bool want_stats, struct link *link)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1];
	const struct nlattr *mac, *stats;
	size_t len;

	*link = (struct link){ .index = (uint32_t)header->ifi_index, .flags = header->ifi_flags };
	attr_table(nlh, sizeof(*header), tb, IFLA_MAX);
	attr_text(tb[IFLA_IFNAME], link->name, sizeof(link->name));
	attr_text(tb[IFLA_IFALIAS], link->alias, sizeof(link->alias));
	link->mtu = attr_u32(tb[IFLA_MTU]);
	link->peer_netns = tb[IFLA_LINK_NETNSID] ? (int32_t)attr_u32(tb[IFLA_LINK_NETNSID]) : -1;
	link_read_info(tb[IFLA_LINKINFO], tb[IFLA_LINK], link);

	mac = tb[IFLA_ADDRESS];
	if (mac && mnl_attr_get_payload_len(mac) == LINK_MAC)
		memcpy(link->mac, mnl_attr_get_payload(mac), LINK_MAC);
	stats = want_stats ? tb[IFLA_STATS64] : NULL;
	if (stats) { /* of an older kernel it is shorter, of a newer one longer than ours */
		len = mnl_attr_get_payload_len(stats);
		memcpy(&link->stats, mnl_attr_get_payload(stats),
		       len < sizeof(link->stats) ? len : sizeof(link->stats));
	}
}

/* Reader of a dump, or of one link. */
struct link_reader {
	link_cb *cb;
	void *data;
	bool stats;
};

static int link_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct link_reader *reader = data;
	struct link link;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return 0;
	link_read(nlh, reader->stats, &link);
	return reader->cb(&link, reader->data);
}

static int link_copy_cb(const struct link *link, void *data)
{
	*(struct link *)data = *link;
	return 0;
}

int link_get(struct nl_sock *rtnl, const char *name, struct link *ret_link, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct an_error refusal = { 0 };
	struct link found = { 0 };
	struct link_reader reader = { link_copy_cb, &found, true };
	struct msg m;
	int r;

	if (strlen(name) >= LINK_NAME)
		return -ENODEV;
	msg_init(&m, buf, sizeof(buf));
	msg_begin(&m, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	msg_put_str(&m, IFLA_IFNAME, name);
	msg_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_call(rtnl, &m, link_read_cb, &reader, NULL, &refusal);
	if (r == 0 && found.index == 0)
		r = -ENODEV;
	if (r < 0 && r != -ENODEV) {
		error_object(&refusal, "link '%s'", name);
		error_context(&refusal, "look up");
		if (err)
			*err = refusal;
	}
	if (r == 0)
		*ret_link = found;
	return r;
}

int link_peer_stats(struct nl_sock *rtnl, const struct link *link, struct rtnl_link_stats64 *ret_stats,
		    struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct link peer = { 0 };
	struct link_reader reader = { link_copy_cb, &peer, true };
	struct ifinfomsg *header;
	struct msg m;
	int r;

	if (link->peer_index == 0 || link->peer_netns < 0)
		return -ENODEV;
	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_GETLINK, 0, sizeof(*header));
	if (header)
		header->ifi_index = (int)link->peer_index;
	msg_put_u32(&m, IFLA_TARGET_NETNSID, (uint32_t)link->peer_netns);
	msg_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_call(rtnl, &m, link_read_cb, &reader, NULL, err);
	if (r < 0) {
		error_object(err, "other end of link '%s'", link->name);
		return r;
	}
	*ret_stats = peer.stats;
	return 0;
}

int link_dump(struct nl_sock *rtnl, bool stats, link_cb *cb, void *data, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct link_reader reader = { cb, data, stats };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	msg_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	/* Leaves out IPv6's statistics, which are none of ours; the device's own always come. */
	msg_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_dump(rtnl, &m, link_read_cb, NULL, &reader, err);
	if (r < 0)
		error_object(err, "list of links");
	return r;
}

/* Send a change of one device; @what is the operation in words. */
static int link_change(struct nl_sock *rtnl, struct msg *m, uint32_t index, const char *what,
		       struct an_error *err)
{
	char device[REQUEST_DEVICE];
	int r;

	r = nl_call(rtnl, m, NULL, NULL, NULL, err);
	if (r < 0 && err) {
		error_object(err, "link %s", request_device(rtnl, index, device));
		error_context(err, "%s", what);
	}
	return r;
}

static void link_begin_change(struct msg *m, void *buf, uint32_t index, unsigned int flags)
{
	struct ifinfomsg *header;

	msg_init(m, buf, REQUEST_BUF);
	header = msg_begin(m, RTM_NEWLINK, 0, sizeof(*header));
	if (header) {
		header->ifi_index = (int)index;
		header->ifi_flags = header->ifi_change = flags;
	}
}

static void link_begin_set(struct msg *m, uint32_t index, uint32_t flags)
{
	struct ifinfomsg *header = msg_begin(m, RTM_SETLINK, 0, sizeof(*header));

	if (header) {
		header->ifi_index = (int)index;
		header->ifi_flags = header->ifi_change = flags;
	}
}

void link_build_up(struct msg *m, uint32_t index, uint32_t mtu)
{
	link_begin_set(m, index, IFF_UP);
	if (mtu)
		msg_put_u32(m, IFLA_MTU, mtu);
}

void link_build_bare(struct msg *m, uint32_t index)
{
	link_begin_set(m, index, 0);
	msg_nest(m, IFLA_AF_SPEC);
	msg_nest(m, AF_INET6);
	msg_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	msg_nest_end(m);
	msg_nest_end(m);
}

int link_set_up(struct nl_sock *rtnl, uint32_t index, uint32_t mtu, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;

	link_begin_change(&m, buf, index, IFF_UP);
	if (mtu)
		msg_put_u32(&m, IFLA_MTU, mtu);
	return link_change(rtnl, &m, index, "set up", err);
}

int link_set_alias(struct nl_sock *rtnl, uint32_t index, const char *alias, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	size_t len = strlen(alias);
	struct msg m;

	if (len >= LINK_ALIAS)
		return error_set(err, AN_FAILED, ENAMETOOLONG, "link alias", "%zu bytes, at most %d", len,
				 LINK_ALIAS - 1);
	link_begin_change(&m, buf, index, 0);
	msg_put(&m, IFLA_IFALIAS, alias, len); /* without NUL: the kernel counts it, and 256 are too many */
	return link_change(rtnl, &m, index, "set alias", err);
}

int link_del(struct nl_sock *rtnl, const char *name, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	if (strlen(name) >= LINK_NAME)
		return 0;
	msg_init(&m, buf, sizeof(buf));
	msg_begin(&m, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	msg_put_str(&m, IFLA_IFNAME, name);
	r = request_send(rtnl, &m, (const int[]){ ENODEV, 0 }, err);
	if (r < 0) {
		error_object(err, "link '%s'", name);
		error_context(err, "delete");
	}
	return r;
}

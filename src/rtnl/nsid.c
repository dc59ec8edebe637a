/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by which a network namespace knows others. */
#include "rtnl/nsid.h"

#include "base/error.h"
#include "nl/attr.h"
#include "rtnl/request.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

static void nsid_begin(struct msg *m, uint16_t type)
{
	struct rtgenmsg *header = msg_begin(m, type, 0, sizeof(*header));

	if (header)
		header->rtgen_family = AF_UNSPEC;
}

int nsid_set(struct nl_sock *rtnl, int netns_fd, int nsid, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	nsid_begin(&m, RTM_NEWNSID);
	msg_put_u32(&m, NETNSA_FD, (uint32_t)netns_fd);
	msg_put_u32(&m, NETNSA_NSID, (uint32_t)nsid);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	if (r < 0)
		error_object(err, "number %d of a network namespace", nsid);
	return r;
}

static int nsid_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[NETNSA_NSID + 1];

	if (nlh->nlmsg_type != RTM_NEWNSID)
		return 0;
	attr_table(nlh, sizeof(struct rtgenmsg), tb, NETNSA_NSID);
	if (tb[NETNSA_NSID])
		*(int *)data = (int)attr_u32(tb[NETNSA_NSID]);
	return 0;
}

int nsid_get(struct nl_sock *rtnl, int netns_fd, int *ret_nsid, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	int nsid = NETNSA_NSID_NOT_ASSIGNED, r;
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	nsid_begin(&m, RTM_GETNSID);
	msg_put_u32(&m, NETNSA_FD, (uint32_t)netns_fd);
	r = nl_call(rtnl, &m, nsid_read_cb, &nsid, NULL, err);
	if (r < 0)
		error_object(err, "number of a network namespace");
	else
		*ret_nsid = nsid;
	return r;
}

int nsid_alive(struct nl_sock *rtnl, int nsid, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct an_error refusal = { 0 };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	nsid_begin(&m, RTM_GETNSID);
	msg_put_u32(&m, NETNSA_NSID, (uint32_t)nsid);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, &refusal);
	if (r >= 0)
		return 1;
	if (r == -ENOENT)
		return 0;
	error_object(&refusal, "number %d of a network namespace", nsid);
	if (err)
		*err = refusal;
	return r;
}

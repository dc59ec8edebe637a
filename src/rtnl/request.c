/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of this layer have in common: answers that are no failure, and naming devices. */
#include "rtnl/request.h"

#include "nl/attr.h"
#include "rtnl/link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

int request_send(struct nl_sock *rtnl, struct msg *m, const int *benign, struct an_error *err)
{
	/* The caller's error is written on failure only, and nl_call() can't know what is none. */
	struct an_error refusal = { 0 };
	int r;

	r = nl_call(rtnl, m, NULL, NULL, NULL, &refusal);
	if (r >= 0)
		return 1;
	for (; *benign; benign++) {
		if (r == -*benign)
			return 0;
	}
	if (err)
		*err = refusal;
	return r;
}

static int request_read_name(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[IFLA_IFNAME + 1];

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return 0;
	attr_table(nlh, sizeof(struct ifinfomsg), tb, IFLA_IFNAME);
	attr_text(tb[IFLA_IFNAME], data, LINK_NAME);
	return 0;
}

const char *request_device(struct nl_sock *rtnl, uint32_t index, char buf[static REQUEST_DEVICE])
{
	_Alignas(4) char bytes[REQUEST_BUF];
	char name[LINK_NAME] = "";
	struct ifinfomsg *header;
	struct msg m;

	msg_init(&m, bytes, sizeof(bytes));
	header = msg_begin(&m, RTM_GETLINK, 0, sizeof(*header));
	if (header)
		header->ifi_index = (int)index;
	msg_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (nl_call(rtnl, &m, request_read_name, name, NULL, NULL) == 0 && name[0])
		snprintf(buf, REQUEST_DEVICE, "'%s'", name);
	else
		snprintf(buf, REQUEST_DEVICE, "#%u", index);
	return buf;
}

struct addr request_addr(const struct nlattr *a, uint8_t family)
{
	size_t size = addr_size(family);

	if (!a || !size || mnl_attr_get_payload_len(a) != size)
		return (struct addr){ 0 };
	return addr_from(family, mnl_attr_get_payload(a));
}

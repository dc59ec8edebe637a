/* SPDX-License-Identifier: Apache-2.0 */
/* Permanent neighbours. */
#include "rtnl/neigh.h"

#include "base/error.h"
#include "rtnl/request.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

void neigh_build(struct msg *m, uint32_t index, const struct addr *addr, const uint8_t mac[static 6])
{
	struct ndmsg *header;

	header = msg_begin(m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*header));
	if (header) {
		header->ndm_family = addr->family;
		header->ndm_ifindex = (int)index;
		header->ndm_state = NUD_PERMANENT;
	}
	msg_put(m, NDA_DST, addr->bytes, addr_size(addr->family));
	msg_put(m, NDA_LLADDR, mac, 6);
}

int neigh_set(struct nl_sock *rtnl, uint32_t index, const struct addr *addr, const uint8_t mac[static 6],
	      struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	char text[ADDR_TEXT], device[REQUEST_DEVICE];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	neigh_build(&m, index, addr, mac);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	if (r < 0 && err) {
		error_object(err, "neighbour %s of link %s", addr_format_host(addr, text),
			     request_device(rtnl, index, device));
		error_context(err, "set");
	}
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Programs at a link's two ends. */
#include "rtnl/classifier.h"
#include "base/error.h"
#include "rtnl/request.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

static void begin_qdisc(struct msg *m, uint16_t type, uint16_t flags, uint32_t index)
{
	struct tcmsg *header = msg_begin(m, type, flags, sizeof(*header));

	if (header) {
		header->tcm_ifindex = (int)index;
		header->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
		header->tcm_parent = TC_H_CLSACT;
	}
}

static int failed(struct nl_sock *rtnl, uint32_t index, int r, struct an_error *err)
{
	char device[REQUEST_DEVICE];

	error_object(err, "classifier of link %s", request_device(rtnl, index, device));
	return r;
}

int classifier_add(struct nl_sock *rtnl, uint32_t index, uint32_t ingress, uint32_t egress,
		   struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	begin_qdisc(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index);
	msg_put_str(&m, TCA_KIND, "clsact");
	msg_put_u32(&m, TCA_INGRESS_BLOCK, ingress);
	msg_put_u32(&m, TCA_EGRESS_BLOCK, egress);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	return r < 0 ? failed(rtnl, index, r, err) : 0;
}

int classifier_del(struct nl_sock *rtnl, uint32_t index, struct an_error *err)
{
	static const int benign[] = { EINVAL, ENOENT, 0 }; /* none at all, none of this number */
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	begin_qdisc(&m, RTM_DELQDISC, 0, index);
	r = request_send(rtnl, &m, benign, err);
	return r < 0 ? failed(rtnl, index, r, err) : r;
}

int classifier_program(struct nl_sock *rtnl, uint32_t block, int program_fd, const char *name,
		       struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct tcmsg *header;
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
	if (header) {
		header->tcm_ifindex = (int)TCM_IFINDEX_MAGIC_BLOCK;
		header->tcm_parent = block; /* tcm_block_index has the same place */
		header->tcm_info = TC_H_MAKE(1U << 16, htons(ETH_P_ALL)); /* the first */
	}
	msg_put_str(&m, TCA_KIND, "bpf");
	msg_nest(&m, TCA_OPTIONS);
	msg_put_u32(&m, TCA_BPF_FD, (uint32_t)program_fd);
	msg_put_str(&m, TCA_BPF_NAME, name);
	msg_put_u32(&m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	msg_nest_end(&m);
	r = nl_call(rtnl, &m, NULL, NULL, NULL, err);
	if (r < 0)
		error_object(err, "program %s", name);
	return r;
}

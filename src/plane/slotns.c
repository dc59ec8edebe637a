/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a slot for a sandbox. */
#include "plane/slotns.h"
#include "plane/layout.h"
#include <linux/netfilter.h>

void slotns_model(struct nf_model *m)
{
	static const struct nf_chain chain = {
		.name = "ingress",
		.type = "filter",
		.hook = NF_NETDEV_INGRESS,
		.priority = 0,
		.policy = NF_DROP,
		.device = LAYOUT_INNER_LINK,
	};

	model_init(m, NFPROTO_NETDEV, LAYOUT_SLOT_TABLE);
	model_chain(m, &chain);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's table that takes the seal off. */
#include "plane/seal.h"
#include "plane/layout.h"
#include "plane/match.h"
#include <linux/if_packet.h>

#define PKTTYPE_SET(type) op_immediate(R1, (const uint8_t[]){ type }, 1), op_meta_set(NFT_META_PKTTYPE, R1)

void seal_model(struct nf_model *m)
{
	static const struct nf_chain chain = {
		.name = "unseal",
		.type = "filter",
		.hook = NF_NETDEV_INGRESS,
		.policy = NF_DROP,
		.device = LAYOUT_WORKER_LINK,
	};

	model_init(m, NFPROTO_NETDEV, LAYOUT_TABLE);
	model_chain(m, &chain);
	RULE(m, "unseal", NULL, OPS(MARK(SEAL_MARK), MARK_SET(0), PKTTYPE_SET(PACKET_HOST), op_accept()),
	     "meta mark 0x%x meta mark set 0 meta pkttype set host accept", SEAL_MARK);
}

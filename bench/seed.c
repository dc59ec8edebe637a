/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline: one actor's network as the change that actornet started from builds and removes it.
 *
 * Per run: create a veth pair in the worker's namespace, move the peer into the actor's, rename it to eth0,
 * give both addresses, lo up, default route, ip_forward, and a table of its own; per checkpoint: delete the
 * veth and the table. Moving, renaming and deleting a device wait for RCU grace periods under the global RTNL
 * lock, which is where its time goes: it grows with the grace period, so with HZ and the number of cores, not
 * with the work.
 */
#include "lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "netns/netns.h"
#include "netns/sysctl.h"
#include "nf/txn.h"
#include "nl/msg.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include <errno.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define SEED_LINK	    "ateom0"
#define SEED_PEER	    "ateom0-peer"
#define SEED_WORKER_ADDRESS "169.254.17.1/30"
#define SEED_TABLE	    "ateom_actor"

int seed_open(struct seed *s, const struct lab_place *worker, const struct lab_place *actor,
	      struct an_error *err)
{
	int fd, r;

	*s = (struct seed){ .worker = worker->ns,
			    .actor = actor->ns,
			    .pod = worker->addr,
			    .rtnl = NL_SOCK_CLOSED,
			    .actor_rtnl = NL_SOCK_CLOSED,
			    .nf = NL_SOCK_CLOSED };
	s->pod.prefix = 32;
	r = lab_rtnl(worker->ns, &s->rtnl, err);
	if (r == 0)
		r = lab_rtnl(actor->ns, &s->actor_rtnl, err);
	if (r < 0)
		return r;
	fd = netns_socket(worker->ns, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER, err);
	return fd < 0 ? fd : nl_open(&s->nf, fd, err);
}

void seed_close(struct seed *s)
{
	nl_close(&s->rtnl);
	nl_close(&s->actor_rtnl);
	nl_close(&s->nf);
}

/* Move a device to another namespace: the first long wait. */
static int seed_move(struct nl_sock *rtnl, uint32_t index, int ns, struct an_error *err)
{
	char buf[256] __attribute__((aligned(4)));
	struct msg m;
	struct ifinfomsg *ifi;

	msg_init(&m, buf, sizeof(buf));
	ifi = msg_begin(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	if (ifi)
		ifi->ifi_index = (int)index;
	msg_put_u32(&m, IFLA_NET_NS_FD, (uint32_t)ns);
	return nl_call(rtnl, &m, NULL, NULL, NULL, err);
}

/* Rename a device: the second one. */
static int seed_rename(struct nl_sock *rtnl, uint32_t index, const char *name, struct an_error *err)
{
	char buf[256] __attribute__((aligned(4)));
	struct msg m;
	struct ifinfomsg *ifi;

	msg_init(&m, buf, sizeof(buf));
	ifi = msg_begin(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	if (ifi)
		ifi->ifi_index = (int)index;
	msg_put_str(&m, IFLA_IFNAME, name);
	return nl_call(rtnl, &m, NULL, NULL, NULL, err);
}

static int seed_address(struct nl_sock *rtnl, uint32_t index, const char *text, struct an_error *err)
{
	struct addr addr;
	int r = addr_parse(text, &addr);

	if (r == 0)
		r = address_add(rtnl, index, &addr, 0, err);
	return r < 0 ? r : link_set_up(rtnl, index, 0, err);
}

/* The actor's side, once the peer is there. */
static int seed_actor(struct seed *s, struct an_error *err)
{
	struct route route = { .dst = { .family = AF_INET }, .table = RT_TABLE_MAIN };
	struct link peer, lo;
	int r = link_get(&s->actor_rtnl, SEED_PEER, &peer, err);

	if (r == 0)
		r = seed_rename(&s->actor_rtnl, peer.index, "eth0", err);
	if (r == 0)
		r = seed_address(&s->actor_rtnl, peer.index, SEED_ACTOR_ADDRESS, err);
	if (r == 0)
		r = link_get(&s->actor_rtnl, "lo", &lo, err);
	if (r == 0)
		r = link_set_up(&s->actor_rtnl, lo.index, 0, err);
	if (r < 0)
		return r;
	route.index = peer.index;
	route.gateway = addr_v4(0xa9fe1101, 32); /* 169.254.17.1 */
	r = route_add(&s->actor_rtnl, &route, err);
	return r < 0 ? r : 0;
}

static int seed_links(struct seed *s, struct an_error *err)
{
	struct link_veth veth = { .name = SEED_LINK,
				  .peer = SEED_PEER,
				  .netns_fd = -1,
				  .peer_netns_fd = -1,
				  .mac = { 0x02, 0xa8, 0x1e, 1, 0, 1 },
				  .peer_mac = { 0x02, 0xa8, 0x1e, 1, 0, 2 },
				  .mtu = 1500 };
	struct link link, peer;
	int r = link_add_veth(&s->rtnl, &veth, err);

	if (r == 0)
		r = link_get(&s->rtnl, SEED_LINK, &link, err);
	if (r == 0)
		r = link_get(&s->rtnl, SEED_PEER, &peer, err);
	if (r == 0)
		r = seed_address(&s->rtnl, link.index, SEED_WORKER_ADDRESS, err);
	if (r == 0)
		r = seed_move(&s->rtnl, peer.index, s->actor, err);
	return r < 0 ? r : seed_actor(s, err);
}

static int seed_forward(struct seed *s, struct an_error *err)
{
	int previous = netns_enter(s->worker, err), r;

	if (previous < 0)
		return previous;
	r = sysctl_set("ipv4/ip_forward", "1", err);
	r = netns_leave(previous, r, err);
	return r < 0 ? r : 0;
}

/* ip daddr POD PROTOCOL dport PORT dnat to 169.254.17.2:ACTOR_PORT */
static void seed_dnat(struct nf_model *m, const struct addr *pod, uint8_t protocol, const uint16_t ports[2])
{
	struct addr actor = addr_v4(0xa9fe1102, 32);
	uint16_t from = htons(ports[0]), to = htons(ports[1]);
	const struct nf_op ops[] = {
		op_payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, 1),
		op_cmp_addr(NFT_CMP_EQ, 1, pod),
		op_meta(NFT_META_L4PROTO, 1),
		op_cmp_u8(NFT_CMP_EQ, 1, protocol),
		op_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 1),
		op_cmp(NFT_CMP_EQ, 1, &from, sizeof(from)),
		op_immediate(1, actor.bytes, 4),
		op_immediate(2, &to, sizeof(to)),
		op_dnat(NFPROTO_IPV4, 1, 2),
	};

	model_rule(m, "prerouting", ops, sizeof(ops) / sizeof(ops[0]), NULL, NULL);
}

static int seed_table(struct seed *s, struct an_error *err)
{
	static const struct nf_chain chains[] = {
		{ .name = "postrouting",
		  .type = "nat",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = NF_IP_PRI_NAT_SRC,
		  .policy = NF_ACCEPT },
		{ .name = "prerouting",
		  .type = "nat",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = NF_IP_PRI_NAT_DST,
		  .policy = NF_ACCEPT },
		{ .name = "forward",
		  .type = "filter",
		  .hook = NF_INET_FORWARD,
		  .priority = NF_IP_PRI_FILTER,
		  .policy = NF_ACCEPT },
	};
	struct addr actor = addr_v4(0xa9fe1102, 32);
	const struct nf_op masquerade[] = {
		/* ip saddr 169.254.17.2 masquerade */
		op_payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, 1),
		op_cmp_addr(NFT_CMP_EQ, 1, &actor),
		op_masq(0, 0, 0),
	};
	struct nf_model m;
	struct nf_txn t;
	int r;

	model_init(&m, NFPROTO_IPV4, SEED_TABLE);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		model_chain(&m, &chains[i]);
	model_rule(&m, "postrouting", masquerade, sizeof(masquerade) / sizeof(masquerade[0]), NULL, NULL);
	seed_dnat(&m, &s->pod, IPPROTO_TCP, (const uint16_t[]){ 80, 80 });
	if (s->udp_port)
		seed_dnat(&m, &s->pod, IPPROTO_UDP, (const uint16_t[]){ s->udp_port, s->udp_port });
	txn_init(&t, NFPROTO_IPV4, SEED_TABLE);
	txn_model(&t, &m);
	r = m.err ? m.err : txn_commit(&t, &s->nf, NULL, err);
	txn_fini(&t);
	model_fini(&m);
	return r;
}

/** seed_build() - the run's half. Return: 0 or a negative errno. */
int seed_build(struct seed *s, struct an_error *err)
{
	int r = seed_links(s, err);

	if (r == 0)
		r = seed_forward(s, err);
	return r < 0 ? r : seed_table(s, err);
}

/** seed_remove() - the checkpoint's half; the table goes even if the link does not. */
int seed_remove(struct seed *s, struct an_error *err)
{
	int link = link_del(&s->rtnl, SEED_LINK, err), table;
	struct nf_txn t;

	txn_init(&t, NFPROTO_IPV4, SEED_TABLE);
	txn_table_del(&t);
	table = txn_commit(&t, &s->nf, NULL, link < 0 ? NULL : err);
	txn_fini(&t);
	return link < 0 ? link : table;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finding other owners' firewalls. */
#include "core/foreign.h"
#include "nf/dump.h"
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

static int find_drop(const struct base_chain *chain, void *data)
{
	struct base_chain *found = data;

	if (chain->hook == NF_INET_FORWARD && chain->policy == NF_DROP && strcmp(chain->table, LAYOUT_TABLE) != 0 &&
	    (chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6))
		*found = *chain;
	return 0;
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

void foreign_notice(struct an_worker *w, char *buf, size_t size)
{
	struct base_chain found = { .table = "" };

	buf[0] = '\0';
	if (base_chain_dump(&WORKER_SIDE(w)->nf, find_drop, &found, NULL) < 0 || !found.table[0])
		return;
	snprintf(buf, size,
		 "chain %s of table %s %s drops forwarded packets by default, actors' too: accept what comes in or goes out "
		 "by " LAYOUT_WORKER_LINK " there",
		 found.name, family_name(found.family), found.table);
}

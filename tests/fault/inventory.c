/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: of the worker, of the gateway and its slots, of the process. */
#include "base/clock.h"
#include "lab.h"
#include "nf/dump.h"
#include "nl/attr.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define LINES_MAX 4096

/* struct view - of one namespace: where its lines go, whose they are, which links are dying */
struct view {
	FILE *out;
	const char *whose;
	struct nl_sock rtnl, nf;
	bool gateway;
	uint32_t dying[256];
	size_t n_dying;
};

static void line(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

static bool is_dying(const struct view *v, uint32_t index)
{
	for (size_t i = 0; i < v->n_dying; i++) {
		if (v->dying[i] == index)
			return true;
	}
	return false;
}

/* A slot's link whose namespace has lost its name: the kernel takes it in its own time. */
static bool is_nameless_slot(const struct view *v, const struct link *link)
{
	char path[NETNS_PATH + 32];

	if (!v->gateway || !layout_slot_number(link->name))
		return false;
	snprintf(path, sizeof(path), "%s-%u", v->whose, layout_slot_number(link->name));
	return access(path, F_OK) < 0;
}

/* "made=7" moves on by design: no number is used twice. */
static void add_record(FILE *out, const char *text)
{
	const char *made = strstr(text, " made=");
	const char *rest = made ? strchr(made + 1, ' ') : text + strlen(text);

	line(out, " %.*s%s", made ? (int)(made - text) : LINK_ALIAS, text, rest ? rest : "");
}

static void add_link(struct view *v, const struct link *link)
{
	/* whether it is running is seen some time later */
	fprintf(v->out, "%s link %s mtu %u flags %x kind %s alias", v->whose, link->name, link->mtu,
		link->flags & (IFF_UP | IFF_NOARP), link->kind);
	add_record(v->out, link->alias);
}

static int on_link(const struct link *link, void *data)
{
	struct view *v = data;

	if (is_nameless_slot(v, link)) {
		if (v->n_dying < sizeof(v->dying) / sizeof(v->dying[0]))
			v->dying[v->n_dying++] = link->index;
		return 0;
	}
	add_link(v, link);
	return 0;
}

static int on_address(const struct address *address, void *data)
{
	struct view *v = data;
	char text[ADDR_TEXT];

	if (!is_dying(v, address->index))
		line(v->out, "%s address %s scope %u", v->whose, addr_format(&address->addr, text),
		     address->scope);
	return 0;
}

/* Routes to own addresses come and go with these, those of IPv6 some time later: left out. */
static int on_route(const struct route *route, void *data)
{
	struct view *v = data;
	char dst[ADDR_TEXT], gateway[ADDR_TEXT];

	if (!is_dying(v, route->index) && route->table != RT_TABLE_LOCAL)
		line(v->out, "%s route %s via %s table %u type %u metric %u", v->whose,
		     addr_format(&route->dst, dst),
		     route->gateway.family ? addr_format(&route->gateway, gateway) : "-", route->table,
		     route->type, route->metric);
	return 0;
}

static void hex(FILE *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* A routing rule as the kernel tells it, whatever it has. */
static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	struct view *v = data;

	if (nlh->nlmsg_type != RTM_NEWRULE)
		return 0;
	fprintf(v->out, "%s rule ", v->whose);
	hex(v->out, mnl_nlmsg_get_payload(nlh), mnl_nlmsg_get_payload_len(nlh));
	fputc('\n', v->out);
	return 0;
}

static void add_rules(struct view *v, uint8_t family)
{
	_Alignas(4) char buf[64];
	struct fib_rule_hdr *header;
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_GETRULE, NLM_F_DUMP, sizeof(*header));
	assert_non_null(header);
	header->family = family;
	assert_int_equal(nl_dump(&v->rtnl, &m, on_rule, NULL, v, NULL), 0);
}

/* struct set_view - whose elements */
struct set_view {
	struct view *v;
	uint8_t family;
	char table[64];
	struct nf_set set;
};

static int on_element(const struct nf_elem *elem, void *data)
{
	struct set_view *s = data;

	fprintf(s->v->out, "%s element %s ", s->v->whose, s->set.name);
	hex(s->v->out, elem->key, elem->key_len);
	fputs(" : ", s->v->out);
	hex(s->v->out, elem->value, elem->value_len);
	add_record(s->v->out, elem->comment);
	return 0;
}

/* struct sets - those there are, gathered before their elements are asked for on the same socket */
struct sets {
	struct view *v;
	struct set_view list[128];
	size_t n;
};

static int on_set(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_SET_MAX + 1];
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);
	struct sets *sets = data;
	struct set_view *s = &sets->list[sets->n];

	if (sets->n == sizeof(sets->list) / sizeof(sets->list[0]))
		return -E2BIG;
	attr_table(nlh, sizeof(*head), a, NFTA_SET_MAX);
	memset(s, 0, sizeof(*s));
	s->v = sets->v;
	s->family = head->nfgen_family;
	attr_text(a[NFTA_SET_TABLE], s->table, sizeof(s->table));
	attr_text(a[NFTA_SET_NAME], s->set.name, sizeof(s->set.name));
	line(sets->v->out, "%s set %s %s", sets->v->whose, s->table, s->set.name);
	sets->n++;
	return 0;
}

static int on_chain(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_CHAIN_MAX + 1];
	struct view *v = data;
	char table[64], name[64];

	attr_table(nlh, sizeof(struct nfgenmsg), a, NFTA_CHAIN_MAX);
	attr_text(a[NFTA_CHAIN_TABLE], table, sizeof(table));
	attr_text(a[NFTA_CHAIN_NAME], name, sizeof(name));
	line(v->out, "%s chain %s %s", v->whose, table, name);
	return 0;
}

/* A rule that was replaced has another handle. */
static int on_nft_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_RULE_MAX + 1];
	struct view *v = data;
	char chain[64];

	attr_table(nlh, sizeof(struct nfgenmsg), a, NFTA_RULE_MAX);
	attr_text(a[NFTA_RULE_CHAIN], chain, sizeof(chain));
	line(v->out, "%s rule of %s handle %llu", v->whose, chain,
	     (unsigned long long)be64toh(attr_u64(a[NFTA_RULE_HANDLE])));
	return 0;
}

static int on_table(uint8_t family, const char *name, void *data)
{
	struct view *v = data;

	line(v->out, "%s table %u %s", v->whose, family, name);
	return 0;
}

static void nft_dump(struct view *v, uint16_t type, nl_cb *cb, void *data)
{
	_Alignas(4) char buf[256];
	struct nfgenmsg *head;
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	head = msg_begin(&m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0, sizeof(*head));
	assert_non_null(head);
	head->nfgen_family = AF_UNSPEC;
	assert_int_equal(nl_dump(&v->nf, &m, cb, NULL, data, NULL), 0);
}

static void add_tables(struct view *v)
{
	static struct sets sets;

	sets.v = v;
	sets.n = 0;
	assert_int_equal(table_dump(&v->nf, on_table, v, NULL), 0);
	nft_dump(v, NFT_MSG_GETCHAIN, on_chain, v);
	nft_dump(v, NFT_MSG_GETRULE, on_nft_rule, v);
	nft_dump(v, NFT_MSG_GETSET, on_set, &sets);
	for (size_t i = 0; i < sets.n; i++) {
		struct set_view *s = &sets.list[i];

		assert_int_equal(elem_dump(&v->nf, &(const struct nf_table){ s->family, s->table }, &s->set,
					   on_element, s, NULL),
				 0);
	}
}

static void add_network(struct view *v, int netns_fd)
{
	int rtnl = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, NULL);
	int nf = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER, NULL);

	assert_int_equal(nl_open(&v->rtnl, rtnl, NULL), 0);
	assert_int_equal(nl_open(&v->nf, nf, NULL), 0);
	assert_int_equal(link_dump(&v->rtnl, false, on_link, v, NULL), 0);
	assert_int_equal(address_dump(&v->rtnl, AF_UNSPEC, on_address, v, NULL), 0);
	assert_int_equal(route_dump(&v->rtnl, AF_INET, on_route, v, NULL), 0);
	assert_int_equal(route_dump(&v->rtnl, AF_INET6, on_route, v, NULL), 0);
	add_rules(v, AF_INET);
	add_rules(v, AF_INET6);
	add_tables(v);
	nl_close(&v->rtnl);
	nl_close(&v->nf);
}

static void add_sysctl(FILE *out, const char *name)
{
	char path[128], value[64] = "-";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	f = fopen(path, "re");
	if (f && !fgets(value, sizeof(value), f))
		value[0] = '\0';
	if (f)
		fclose(f);
	value[strcspn(value, "\n")] = '\0';
	line(out, "sysctl %s %s", name, value);
}

static void add_sysctls(FILE *out)
{
	static const char *const links[] = { "all", "default", "lo", LAB_UPLINK, "far0" };
	static const char *const names[] = { "ipv4/conf/%s/forwarding",	      "ipv4/conf/%s/rp_filter",
					     "ipv4/conf/%s/send_redirects",   "ipv6/conf/%s/forwarding",
					     "ipv6/conf/%s/force_forwarding", "ipv6/conf/%s/accept_ra",
					     "ipv6/conf/%s/disable_ipv6",     "ipv6/conf/%s/addr_gen_mode" };

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			const char *rest = strstr(names[k], "%s");
			char name[96];

			snprintf(name, sizeof(name), "%.*s%s%s", (int)(rest - names[k]), names[k], links[i],
				 rest + 2);
			add_sysctl(out, name);
		}
	}
}

static int add_namespace(const char *name, void *data)
{
	struct view v = { .out = data };
	char path[NETNS_PATH];
	int fd;

	assert_int_equal(netns_path(name, path, NULL), 0);
	v.whose = path;
	v.gateway = strlen(name) == strlen(LAYOUT_NETNS) + 8;
	line(v.out, "namespace %s", path);
	fd = netns_open(name, NULL);
	if (fd < 0) {
		line(v.out, "namespace %s can't be opened", path);
		return 0;
	}
	add_network(&v, fd);
	close(fd);
	return 0;
}

static void add_worker(FILE *out)
{
	struct view v = { .out = out, .whose = "worker" };
	int fd = netns_open_self(NULL);

	assert_true(fd >= 0);
	add_network(&v, fd);
	close(fd);
	add_sysctls(out);
}

static void add_directory(FILE *out, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			line(out, "file %s/%s", path, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static void add_descriptors(FILE *out)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[128];

	while (dir && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len < 0 || atoi(entry->d_name) == dirfd(dir))
			continue;
		target[len] = '\0';
		line(out, "descriptor %s %s", entry->d_name, target);
	}
	if (dir)
		closedir(dir);
}

/* Where, of what: the first three fields are numbers of the kernel's. Left out is what our /run hides. */
static void add_mounts(FILE *out)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char text[1024], root[256], where[256];

	while (mounts && fgets(text, sizeof(text), mounts)) {
		if (sscanf(text, "%*d %*d %*s %255s %255s", root, where) == 2 && access(where, F_OK) == 0)
			line(out, "mount %s on %s", root, where);
	}
	if (mounts)
		fclose(mounts);
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The order in which the kernel tells things means nothing. */
static char *sort_lines(char *text)
{
	static char *lines[LINES_MAX];
	char *sorted = malloc(strlen(text) + 1), *at = sorted;
	size_t n = 0;

	assert_non_null(sorted);
	for (char *save, *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		assert_true(n < LINES_MAX);
		lines[n++] = l;
	}
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%s\n", lines[i]);
	*at = '\0';
	free(text);
	return sorted;
}

char *inventory_take(unsigned int parts)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (parts & INVENTORY_WORKER)
		add_worker(out);
	if (parts & INVENTORY_GATEWAY)
		assert_int_equal(netns_dump("", add_namespace, out, NULL), 0);
	if (parts & INVENTORY_PROCESS) {
		add_directory(out, LAYOUT_RUN);
		add_directory(out, "/run");
		add_descriptors(out);
		add_mounts(out);
	}
	assert_int_equal(fclose(out), 0);
	return sort_lines(text);
}

/* Lines of one that the other lacks; both are sorted. */
static void show_difference(const char *before, const char *after)
{
	while (*before || *after) {
		const size_t a = strcspn(before, "\n"), b = strcspn(after, "\n");
		int order = strncmp(before, after, (a < b ? a : b) + 1);

		if (!*before || (*after && order > 0)) {
			fprintf(stderr, "#   + %.*s\n", (int)b, after);
			after += b + 1;
		} else if (!*after || order < 0) {
			fprintf(stderr, "#   - %.*s\n", (int)a, before);
			before += a + 1;
		} else {
			before += a + 1;
			after += b + 1;
		}
	}
}

bool inventory_same(const char *before, unsigned int parts)
{
	const uint64_t deadline = clock_us() + LAB_WAIT_MS * (uint64_t)1000;

	for (;;) {
		char *after = inventory_take(parts);
		bool same = strcmp(before, after) == 0;

		if (!same && clock_us() > deadline)
			show_difference(before, after);
		free(after);
		if (same || clock_us() > deadline)
			return same;
		usleep(5000);
	}
}

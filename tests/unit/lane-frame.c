/* SPDX-License-Identifier: Apache-2.0 */
/* Frames put together from nothing but RFC 791, 8200, 9293 and 768, and the layout. */
#include "lane-frame.h"
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TCP_HEADER 20
#define UDP_HEADER 8

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* The usual worker; one with the smallest range, and its own idea of the actor's address; the highest first byte. */
const struct plane *plane_of(int n)
{
	static const char *const texts[PLANES][4] = {
		{ "100.64.0.0/16", "fd12:3456:789a:1::/64", LAYOUT_INNER, LAYOUT_INNER6 },
		{ "10.255.254.0/24", "2001:db8:ffff:ffff::/64", "192.168.7.9/24", "fd00:ffff::ff17/112" },
		{ "223.255.240.0/20", "fdff::/64", "10.0.0.1/30", "fe00::1/126" },
	};
	static struct plane p;

	p.range = parse(texts[n][0]);
	p.range6 = parse(texts[n][1]);
	p.inner = parse(texts[n][2]);
	p.inner6 = parse(texts[n][3]);
	return &p;
}

struct flow flow_of(const struct plane *p, int kind)
{
	const bool v6 = kind & 1;

	return (struct flow){ .plane = p,
			      .family = v6 ? AF_INET6 : AF_INET,
			      .protocol = kind & 2 ? IPPROTO_UDP : IPPROTO_TCP,
			      .outward = kind & 4,
			      .slot = 2,
			      .remote = parse(v6 ? "2001:db8::a:b" : "203.0.113.77"),
			      .actor_port = 8080,
			      .remote_port = 54321,
			      .hops = 64,
			      .payload = 32,
			      .id = 0x1234 };
}

uint32_t flow_ingress(const struct flow *f)
{
	return f->outward ? LAYOUT_SLOT_INDEX + f->slot : LAYOUT_UP_INDEX;
}

uint32_t flow_egress(const struct flow *f)
{
	return f->outward ? LAYOUT_UP_INDEX : LAYOUT_SLOT_INDEX + f->slot;
}

uint32_t flow_transport(const struct flow *f)
{
	return FRAME_IP + (f->family == AF_INET ? 20 : 40);
}

uint32_t flow_checksum(const struct flow *f)
{
	return flow_transport(f) + (f->protocol == IPPROTO_TCP ? 16 : 6);
}

uint32_t flow_headers(const struct flow *f)
{
	return flow_transport(f) + (f->protocol == IPPROTO_TCP ? TCP_HEADER : UDP_HEADER);
}

uint16_t frame_sum(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t frame_word(const struct frame *f, uint32_t at)
{
	return (uint16_t)(f->bytes[at] << 8 | f->bytes[at + 1]);
}

void frame_set_word(struct frame *f, uint32_t at, uint16_t word)
{
	f->bytes[at] = (uint8_t)(word >> 8);
	f->bytes[at + 1] = (uint8_t)word;
}

static void sum_ipv4(struct frame *f)
{
	frame_set_word(f, FRAME_IP + 10, 0);
	frame_set_word(f, FRAME_IP + 10, (uint16_t)~frame_sum(0, f->bytes + FRAME_IP, 20));
}

/* The transport's, with its pseudo header: addresses, protocol, length. */
static void sum_transport(const struct flow *f, struct frame *frame)
{
	const uint32_t begin = flow_transport(f), place = flow_checksum(f), n = frame->len - begin;
	const uint32_t addresses = 2 * (uint32_t)addr_size(f->family);
	const uint16_t pseudo = frame_sum(f->protocol + n, frame->bytes + begin - addresses, addresses);
	uint16_t sum;

	frame_set_word(frame, place, f->partial ? pseudo : 0);
	if (f->no_checksum || f->partial)
		return;
	sum = (uint16_t)~frame_sum(pseudo, frame->bytes + begin, n);
	frame_set_word(frame, place, f->protocol == IPPROTO_UDP && sum == 0 ? 0xffff : sum);
}

static void put_transport(const struct flow *f, struct frame *frame)
{
	const uint32_t at = flow_transport(f), payload = flow_headers(f);

	frame_set_word(frame, at, f->outward ? f->actor_port : f->remote_port);
	frame_set_word(frame, at + 2, f->outward ? f->remote_port : f->actor_port);
	if (f->protocol == IPPROTO_UDP) {
		frame_set_word(frame, at + 4, (uint16_t)(UDP_HEADER + f->payload));
	} else {
		memcpy(frame->bytes + at + 4,
		       (const uint8_t[]){ 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0 },
		       8); /* sequence, acknowledgment */
		frame->bytes[at + 12] = (TCP_HEADER / 4) << 4;
		frame->bytes[at + 13] = TH_ACK | TH_PUSH;
		frame_set_word(frame, at + 14, 501);
	}
	for (uint32_t i = 0; i < f->payload; i++)
		frame->bytes[payload + i] = (uint8_t)(0xc1 + 7 * i);
	if (f->payload > 1)
		frame_set_word(frame, payload, f->word);
}

static void put_ip(const struct flow *f, struct frame *frame, uint8_t hops)
{
	uint8_t *ip = frame->bytes + FRAME_IP;
	const uint32_t n = frame->len - FRAME_IP;

	if (f->family == AF_INET) {
		ip[0] = 0x45;
		ip[1] = 0x2e; /* DSCP and ECN are carried along */
		frame_set_word(frame, FRAME_IP + 2, (uint16_t)n);
		frame_set_word(frame, FRAME_IP + 4, f->id);
		ip[6] = 0x40; /* DF */
		ip[8] = hops;
		ip[9] = f->protocol;
	} else {
		memcpy(ip, (const uint8_t[]){ 0x62, 0xe1, 0x23, 0x45 },
		       4); /* class and label are carried along */
		frame_set_word(frame, FRAME_IP + 4, (uint16_t)(n - 40));
		ip[6] = f->protocol;
		ip[7] = hops;
	}
}

static void build(const struct flow *f, struct frame *frame, uint8_t hops, const struct addr *from,
		  const struct addr *to)
{
	const uint32_t size = (uint32_t)addr_size(f->family), at = flow_transport(f) - 2 * size;

	*frame = (struct frame){ .len = flow_headers(f) + f->payload };
	assert_true(frame->len <= FRAME_MAX);
	frame_set_word(frame, 12, f->family == AF_INET ? 0x0800 : 0x86dd);
	put_ip(f, frame, hops);
	memcpy(frame->bytes + at, from->bytes, size);
	memcpy(frame->bytes + at + size, to->bytes, size);
	put_transport(f, frame);
	sum_transport(f, frame);
	if (f->family == AF_INET)
		sum_ipv4(frame);
}

static void put_macs(struct frame *frame, const uint8_t *to, const uint8_t *from)
{
	memcpy(frame->bytes, to, 6);
	memcpy(frame->bytes + 6, from, 6);
}

void frame_come(const struct flow *f, struct frame *ret)
{
	const struct addr inner = f->family == AF_INET ? f->plane->inner : f->plane->inner6;
	const struct addr outer = layout_outer(f->plane, f->family, f->slot);

	if (f->outward) {
		build(f, ret, f->hops, &inner, &f->remote);
		put_macs(ret, layout_mac_gateway, layout_mac_inner);
	} else {
		build(f, ret, f->hops, &f->remote, &outer);
		put_macs(ret, layout_mac_up, layout_mac_worker);
	}
}

void frame_leave(const struct flow *f, struct frame *ret)
{
	const struct addr inner = f->family == AF_INET ? f->plane->inner : f->plane->inner6;
	const struct addr outer = layout_outer(f->plane, f->family, f->slot);

	if (!f->outward) {
		build(f, ret, (uint8_t)(f->hops - 1), &f->remote, &inner);
		put_macs(ret, layout_mac_inner, layout_mac_gateway);
		return;
	}
	build(f, ret, (uint8_t)(f->hops - 1), &outer, &f->remote);
	put_macs(ret, layout_mac_worker, layout_mac_up);
	if (f->family == AF_INET6) {
		ret->bytes[FRAME_IP + 8] = LAYOUT_SEAL6;
		return;
	}
	ret->bytes[FRAME_IP + 12] = LAYOUT_SEAL4;
	sum_ipv4(ret);
}

void frame_pass(const struct flow *f, struct frame *ret)
{
	frame_leave(f, ret);
	if (!f->outward || f->family != AF_INET)
		return;
	ret->bytes[FRAME_IP + 12] = f->plane->range.bytes[0];
	sum_ipv4(ret);
	ret->bytes[FRAME_IP + 12] = LAYOUT_SEAL4_LANE;
}

void frame_assert_same(const struct frame *is, const struct frame *want)
{
	for (uint32_t i = 0; i < want->len && is->len == want->len; i++)
		if (is->bytes[i] != want->bytes[i])
			fprintf(stderr, "# byte %u is %02x, not %02x\n", i, is->bytes[i], want->bytes[i]);
	assert_int_equal(is->len, want->len);
	assert_memory_equal(is->bytes, want->bytes, want->len);
}

void frame_tag(const struct frame *frame, int i, struct frame *ret)
{
	static const uint8_t tags[FRAME_TAGS][4] = { { 0x81, 0, 0, 7 },
						     { 0x88, 0xa8, 0, 7 },
						     { 0x81, 0, 0, 0 } };

	*ret = (struct frame){ .len = frame->len + 4 };
	memcpy(ret->bytes, frame->bytes, 12);
	memcpy(ret->bytes + 12, tags[i], 4);
	memcpy(ret->bytes + 16, frame->bytes + 12, frame->len - 12);
}

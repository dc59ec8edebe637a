/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 with 128 bits of output. */
#include "base/siphash.h"
#include <endian.h>
#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(struct state *s, unsigned int n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

static uint64_t load(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return le64toh(word);
}

static void squeeze(struct state *s, uint8_t *ret_half)
{
	uint64_t half;

	rounds(s, 4);
	half = htole64(s->v0 ^ s->v1 ^ s->v2 ^ s->v3);
	memcpy(ret_half, &half, sizeof(half));
}

void siphash128(const uint8_t key[static 16], const void *data, size_t len, uint8_t ret_hash[static 16])
{
	const uint64_t k0 = load(key, 8), k1 = load(key + 8, 8);
	struct state s = {
		.v0 = k0 ^ 0x736f6d6570736575U,
		.v1 = k1 ^ 0x646f72616e646f6dU ^ 0xeeU,
		.v2 = k0 ^ 0x6c7967656e657261U,
		.v3 = k1 ^ 0x7465646279746573U,
	};
	const uint8_t *bytes = data;
	size_t whole = len / 8 * 8;

	for (size_t i = 0; i < whole; i += 8)
		absorb(&s, load(bytes + i, 8));
	absorb(&s, (uint64_t)len << 56 | load(bytes + whole, len - whole));
	s.v2 ^= 0xeeU;
	squeeze(&s, ret_hash);
	s.v1 ^= 0xddU;
	squeeze(&s, ret_hash + 8);
}

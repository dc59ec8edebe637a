/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 with 128 bits of output: a keyed hash that nobody without the key can make collide. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/** siphash128() - Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; test vectors in tests/unit. */
void siphash128(const uint8_t key[static 16], const void *data, size_t len, uint8_t ret_hash[static 16]);

#endif

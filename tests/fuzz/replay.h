/* SPDX-License-Identifier: Apache-2.0 */
/* What each fuzz target defines; the name and type are libFuzzer's. */
#ifndef FUZZ_REPLAY_H
#define FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

/** LLVMFuzzerTestOneInput() - run one input through the parser. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif

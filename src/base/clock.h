/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** clock_ns() - nanoseconds of the monotonic clock. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/** clock_us() - microseconds of the monotonic clock. */
static inline uint64_t clock_us(void)
{
	return clock_ns() / 1000U;
}

#endif

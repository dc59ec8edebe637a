/* SPDX-License-Identifier: Apache-2.0 */
/* Address blocks with a meaning of their own (IANA special-purpose registries, RFC 6890 and its updates). */
#ifndef PLANE_SPECIAL_H
#define PLANE_SPECIAL_H

#include "base/addr.h"
#include <stddef.h>

/* A list of prefixes in text, ended by NULL; sorted, none within another. */

/* What no policy opens: this network, loopback, link-local with metadata services, multicast, reserved, broadcast. */
extern const char *const special_floor4[], *const special_floor6[];
/* What the egress set "internet" leaves out besides: private use, shared address space, benchmarking, translation. */
extern const char *const special_private4[], *const special_private6[];

/*
 * Single addresses that platforms answer at: no policy opens them (a resolver among them answers names only), and an
 * inner network must not hide them.
 */
extern const char *const special_known[];

#endif

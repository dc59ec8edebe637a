/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of this layer have in common: answers that are no failure, and naming devices. */
#ifndef RTNL_REQUEST_H
#define RTNL_REQUEST_H

#include "base/addr.h"
#include "nl/sock.h"

#define REQUEST_BUF    512 /* bytes for a request of this layer; the largest is a veth pair's, about 200 */
#define REQUEST_DEVICE 24  /* "'" IFNAMSIZ "'" or "#" index, NUL */

/**
 * request_send() - send what was built, where some answers mean that there was nothing to do
 * @benign: positive errnos that are no failure (EEXIST, ENOENT, …), ended by 0
 *
 * Return: 1 done, 0 the benign answer (@err untouched), or another negative errno.
 */
int request_send(struct nl_sock *rtnl, struct msg *m, const int *benign, struct an_error *err);

/**
 * request_device() - name of a device, for an error text
 * Asks the kernel, so only on the way out of a failure. "#7" where the device is gone.
 */
const char *request_device(struct nl_sock *rtnl, uint32_t index, char buf[static REQUEST_DEVICE]);

/** request_addr() - read an address attribute; family 0 where it is missing or of another size. */
struct addr request_addr(const struct nlattr *a, uint8_t family);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Address blocks with a meaning of their own. */
#include "plane/special.h"

const char *const special_floor4[] = {
	"0.0.0.0/8",	  /* this network, RFC 791 */
	"127.0.0.0/8",	  /* loopback, RFC 1122 */
	"169.254.0.0/16", /* link-local, RFC 3927; clouds' metadata services */
	"224.0.0.0/3",	  /* multicast RFC 5771, reserved RFC 1112, limited broadcast RFC 919 */
	NULL,
};

const char *const special_floor6[] = {
	"::/127",	 /* unspecified and loopback, RFC 4291 */
	"::ffff:0:0/96", /* IPv4-mapped, RFC 4291 */
	"fe80::/10",	 /* link-local, RFC 4291 */
	"ff00::/8",	 /* multicast, RFC 4291 */
	NULL,
};

const char *const special_private4[] = {
	"10.0.0.0/8",	  /* private use, RFC 1918 */
	"100.64.0.0/10",  /* shared address space, RFC 6598 */
	"172.16.0.0/12",  /* private use, RFC 1918 */
	"192.168.0.0/16", /* private use, RFC 1918 */
	"198.18.0.0/15",  /* benchmarking, RFC 2544 */
	NULL,
};

const char *const special_private6[] = {
	"64:ff9b::/96",	  /* IPv4/IPv6 translation, RFC 6052: would reach private IPv4 */
	"64:ff9b:1::/48", /* local-use translation, RFC 8215 */
	"2001::/32",	  /* Teredo, RFC 4380 */
	"2002::/16",	  /* 6to4, RFC 3056 */
	"fc00::/7",	  /* unique local, RFC 4193 */
	"fec0::/10",	  /* site-local, RFC 3879 */
	NULL,
};

const char *const special_known[] = {
	"169.254.169.254", /* metadata: Amazon, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack */
	"169.254.169.253", /* resolver: Amazon */
	"169.254.170.2",   /* credentials of ECS tasks: Amazon */
	"169.254.170.23",  /* credentials of EKS pods: Amazon */
	"169.254.20.10",   /* resolver on the node: Kubernetes */
	"100.100.100.200", /* metadata: Alibaba */
	"168.63.129.16",   /* agent's host and resolver: Azure */
	"192.0.0.192",	   /* metadata: Oracle */
	"fd00:ec2::254",   /* metadata: Amazon */
	"fd00:ec2::253",   /* resolver: Amazon */
	"fd00:ec2::23",	   /* credentials of EKS pods: Amazon */
	"fd20:ce::254",	   /* metadata: Google */
	NULL,
};

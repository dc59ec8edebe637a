/* SPDX-License-Identifier: Apache-2.0 */
/* Maps and programs in the kernel: they last as long as somebody has a descriptor, or they are attached. */
#ifndef BPF_LOAD_H
#define BPF_LOAD_H

#include "bpf/program.h"
#include <actornet/error.h>

#define LOAD_NAME 16 /* BPF_OBJ_NAME_LEN */

/**
 * load_array() - make an array of entries of @size bytes, all zero at first
 * @type: BPF_MAP_TYPE_ARRAY, or BPF_MAP_TYPE_PERCPU_ARRAY: each processor has one, so nothing in it is shared
 * Return: a descriptor, close-on-exec, or a negative errno.
 */
int load_array(const char *name, enum bpf_map_type type, uint32_t size, uint32_t entries,
	       struct an_error *err);
/** load_array_id() - the number by which the kernel knows it. Return: 0 or a negative errno. */
int load_array_id(int fd, uint32_t *ret_id, struct an_error *err);
/** load_array_open() - open it by that. Return: a descriptor, close-on-exec, or a negative errno. */
int load_array_open(uint32_t id, struct an_error *err);
/** load_array_set() - one entry, if it is one for all processors. Return: 0 or a negative errno. */
int load_array_set(int fd, uint32_t entry, const void *value, struct an_error *err);
/**
 * load_program() - load one for classification and redirection of packets (tc)
 * Return: a descriptor, close-on-exec, or a negative errno: EACCES, EINVAL: the kernel's verifier refuses it.
 */
int load_program(struct program *p, const char *name, struct an_error *err);

/**
 * load_attach() - for all packets that come in by a link of the thread's namespace (tcx)
 * Cheaper for a packet than tc's way (rtnl/classifier.h), which it goes before; takes some 15 ms. Ends with the link.
 * Return: 0 or a negative errno: EINVAL: the kernel has no such thing (before 6.6).
 */
int load_attach(uint32_t index, int program_fd, struct an_error *err);
/** load_detach() - take it away again. Return: 0 or a negative errno. */
int load_detach(uint32_t index, int program_fd, struct an_error *err);

#endif

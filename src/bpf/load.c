/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2), for which the C library has no function. */
#include "bpf/load.h"
#include "base/error.h"
#include "base/fault.h"
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS; headers may be older than the kernel */

static int call_bpf(int command, union bpf_attr *attr, const char *name, struct an_error *err)
{
	long r = fault_point("bpf");

	if (r == 0)
		r = syscall(SYS_bpf, command, attr, sizeof(*attr));
	return r < 0 ? error_errno(err, AN_FAILED, errno, name, "bpf") : (int)r;
}

int load_array(const char *name, enum bpf_map_type type, uint32_t size, uint32_t entries,
	       struct an_error *err)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = size;
	attr.max_entries = entries;
	memcpy(attr.map_name, name, strnlen(name, LOAD_NAME - 1));
	return call_bpf(BPF_MAP_CREATE, &attr, name, err);
}

int load_array_id(int fd, uint32_t *ret_id, struct an_error *err)
{
	struct bpf_map_info info;
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	r = call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, "BPF array", err);
	if (r == 0)
		*ret_id = info.id;
	return r;
}

int load_array_open(uint32_t id, struct an_error *err)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_id = id;
	return call_bpf(BPF_MAP_GET_FD_BY_ID, &attr, "BPF array", err);
}

int load_array_set(int fd, uint32_t entry, const void *value, struct an_error *err)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&entry;
	attr.value = (uintptr_t)value;
	return call_bpf(BPF_MAP_UPDATE_ELEM, &attr, "BPF array", err);
}

int load_program(struct program *p, const char *name, struct an_error *err)
{
	union bpf_attr attr;
	int r = program_finish(p);

	if (r < 0)
		return error_errno(err, AN_FAILED, -r, name, "put together");
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uintptr_t)p->insns;
	attr.insn_cnt = p->n;
	attr.license = (uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, name, strnlen(name, LOAD_NAME - 1));
	return call_bpf(BPF_PROG_LOAD, &attr, name, err);
}

static int call_tcx(int command, uint32_t index, int program_fd, struct an_error *err)
{
	union bpf_attr attr;

	if (fault_point("tcx") < 0)
		return error_errno(err, AN_FAILED, errno, "BPF program", "tcx");
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = index; /* target_ifindex has the same place */
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = TCX_INGRESS;
	return call_bpf(command, &attr, "BPF program", err);
}

int load_attach(uint32_t index, int program_fd, struct an_error *err)
{
	return call_tcx(BPF_PROG_ATTACH, index, program_fd, err);
}

int load_detach(uint32_t index, int program_fd, struct an_error *err)
{
	return call_tcx(BPF_PROG_DETACH, index, program_fd, err);
}

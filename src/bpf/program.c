/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions appended one by one. */
#include "bpf/program.h"
#include <errno.h>

/* Append one without a constant. Return: it; where there is no room the last one, which is never loaded then. */
static struct bpf_insn *append(struct program *p, int code, uint8_t to, uint8_t from)
{
	struct bpf_insn *insn = &p->insns[p->n];

	if (p->n == PROGRAM_INSNS - 1)
		p->err = -E2BIG;
	else
		p->n++;
	*insn = (struct bpf_insn){ .code = (uint8_t)code };
	insn->dst_reg = to & 0xfU;
	insn->src_reg = from & 0xfU;
	return insn;
}

void program_load(struct program *p, uint8_t size, uint8_t to, uint8_t from, int16_t offset)
{
	append(p, BPF_LDX | BPF_MEM | size, to, from)->off = offset;
}

void program_store(struct program *p, uint8_t size, uint8_t to, int16_t offset, uint8_t from)
{
	append(p, BPF_STX | BPF_MEM | size, to, from)->off = offset;
}

void program_store_value(struct program *p, uint8_t size, uint8_t to, int16_t offset, int32_t value)
{
	struct bpf_insn *insn = append(p, BPF_ST | BPF_MEM | size, to, 0);

	insn->off = offset;
	insn->imm = value;
}

void program_set(struct program *p, uint8_t to, int32_t value)
{
	program_math(p, BPF_MOV, to, value);
}

void program_copy(struct program *p, uint8_t to, uint8_t from)
{
	program_math_by(p, BPF_MOV, to, from);
}

void program_math(struct program *p, uint8_t op, uint8_t to, int32_t value)
{
	append(p, BPF_ALU64 | op | BPF_K, to, 0)->imm = value;
}

void program_math_by(struct program *p, uint8_t op, uint8_t to, uint8_t by)
{
	append(p, BPF_ALU64 | op | BPF_X, to, by);
}

void program_network(struct program *p, uint8_t to, int32_t bits)
{
	append(p, BPF_ALU | BPF_END | BPF_TO_BE, to, 0)->imm = bits;
}

static void note_jump(struct program *p, uint8_t label)
{
	if (p->n_jumps == PROGRAM_JUMPS)
		p->err = -E2BIG;
	else
		p->jumps[p->n_jumps++] = (struct program_jump){ (uint16_t)p->n, label };
}

void program_jump(struct program *p, uint8_t op, uint8_t reg, int32_t value, uint8_t label)
{
	note_jump(p, label);
	append(p, BPF_JMP | op | BPF_K, reg, 0)->imm = value;
}

void program_jump_by(struct program *p, uint8_t op, uint8_t reg, uint8_t by, uint8_t label)
{
	note_jump(p, label);
	append(p, BPF_JMP | op | BPF_X, reg, by);
}

void program_label(struct program *p, uint8_t label)
{
	if (p->labels[label])
		p->err = -EINVAL;
	p->labels[label] = (uint16_t)(p->n + 1);
}

void program_map(struct program *p, uint8_t to, int map_fd)
{
	append(p, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD)->imm = map_fd;
	append(p, 0, 0, 0); /* the upper half of the constant */
}

void program_call(struct program *p, int32_t function)
{
	append(p, BPF_JMP | BPF_CALL, 0, 0)->imm = function;
}

void program_exit(struct program *p)
{
	append(p, BPF_JMP | BPF_EXIT, 0, 0);
}

int program_finish(struct program *p)
{
	for (unsigned int i = 0; i < p->n_jumps && !p->err; i++) {
		const struct program_jump *jump = &p->jumps[i];
		int to = p->labels[jump->label] - 1;

		if (to < 0)
			p->err = -EINVAL;
		else
			p->insns[jump->at].off = (int16_t)(to - jump->at - 1);
	}
	return p->err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF program as data: one call an instruction, jumps by label. Of the instruction set's 64-bit registers R0 holds a
 * call's answer, R1 to R5 its arguments, which it destroys; R6 to R9 last; R10 is the end of a stack of 512 bytes.
 * Source: RFC 9669.
 */
#ifndef BPF_PROGRAM_H
#define BPF_PROGRAM_H

#include <linux/bpf.h>
#include <stdint.h>

#define PROGRAM_INSNS  1024
#define PROGRAM_JUMPS  128
#define PROGRAM_LABELS 32

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

/* Sizes of loads and stores, in bytes: 1, 2, 4, 8. */
enum { BYTES_1 = BPF_B, BYTES_2 = BPF_H, BYTES_4 = BPF_W, BYTES_8 = BPF_DW };

/**
 * struct program - instructions, and the jumps whose ends are still to be filled in
 * @err: 0, or the negative errno that stuck: E2BIG: no room; EINVAL: a label twice or never
 */
struct program {
	struct bpf_insn insns[PROGRAM_INSNS];
	struct program_jump {
		uint16_t at;
		uint8_t label;
	} jumps[PROGRAM_JUMPS];
	uint16_t labels[PROGRAM_LABELS]; /* 1 + place */
	unsigned int n, n_jumps;
	int err;
};

/** program_load() - @to = the @size bytes at @from + @offset, zero extended. */
void program_load(struct program *p, uint8_t size, uint8_t to, uint8_t from, int16_t offset);
/** program_store() - the @size bytes at @to + @offset = @from. */
void program_store(struct program *p, uint8_t size, uint8_t to, int16_t offset, uint8_t from);
/** program_store_value() - the same from a constant, sign extended. */
void program_store_value(struct program *p, uint8_t size, uint8_t to, int16_t offset, int32_t value);
/** program_set() - @to = a constant, sign extended; program_copy() - @to = @from. */
void program_set(struct program *p, uint8_t to, int32_t value);
void program_copy(struct program *p, uint8_t to, uint8_t from);
/** program_math() - @to = @to @op a constant (BPF_ADD, BPF_AND, …); program_math_by() - by another register. */
void program_math(struct program *p, uint8_t op, uint8_t to, int32_t value);
void program_math_by(struct program *p, uint8_t op, uint8_t to, uint8_t by);
/** program_network() - the lower @bits of @to in network byte order. */
void program_network(struct program *p, uint8_t to, int32_t bits);
/** program_jump() - to a label if @reg @op a constant (BPF_JEQ, BPF_JGT, …; BPF_JA: always). */
void program_jump(struct program *p, uint8_t op, uint8_t reg, int32_t value, uint8_t label);
/** program_jump_by() - if @reg @op another register. */
void program_jump_by(struct program *p, uint8_t op, uint8_t reg, uint8_t by, uint8_t label);
/** program_label() - here it is. */
void program_label(struct program *p, uint8_t label);
/** program_map() - @to = the map of a descriptor. */
void program_map(struct program *p, uint8_t to, int map_fd);
/** program_call() - a function of the kernel's (BPF_FUNC_*). */
void program_call(struct program *p, int32_t function);
/** program_exit() - end, with R0. */
void program_exit(struct program *p);
/** program_finish() - fill in the jumps. Return: 0 or the errno that stuck. */
int program_finish(struct program *p);

#endif

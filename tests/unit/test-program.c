/* SPDX-License-Identifier: Apache-2.0 */
/* BPF programs as data: what is put together, and what can't be. */
#include "bpf/load.h"
#include "bpf/program.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_insn(const struct program *p, unsigned int n, struct bpf_insn want)
{
	assert_true(n < p->n);
	assert_memory_equal(&p->insns[n], &want, sizeof(want));
}

/* Opcodes by their numbers: RFC 9669, appendix A. */
static void instructions_are_the_standards(void **state)
{
	struct program p = { .n = 0 };

	(void)state;
	program_load(&p, BYTES_1, R2, R7, 23);
	program_store(&p, BYTES_8, R10, -8, R3);
	program_store_value(&p, BYTES_4, R10, -16, -1);
	program_set(&p, R1, -5);
	program_copy(&p, R6, R1);
	program_math(&p, BPF_AND, R2, 0xffff);
	program_math_by(&p, BPF_XOR, R2, R3);
	program_network(&p, R2, 32);
	program_map(&p, R1, 77);
	program_call(&p, 12);
	program_exit(&p);
	assert_int_equal(program_finish(&p), 0);
	assert_int_equal(p.n, 12);
	assert_insn(&p, 0, (struct bpf_insn){ .code = 0x71, .dst_reg = 2, .src_reg = 7, .off = 23 });
	assert_insn(&p, 1, (struct bpf_insn){ .code = 0x7b, .dst_reg = 10, .src_reg = 3, .off = -8 });
	assert_insn(&p, 2, (struct bpf_insn){ .code = 0x62, .dst_reg = 10, .off = -16, .imm = -1 });
	assert_insn(&p, 3, (struct bpf_insn){ .code = 0xb7, .dst_reg = 1, .imm = -5 });
	assert_insn(&p, 4, (struct bpf_insn){ .code = 0xbf, .dst_reg = 6, .src_reg = 1 });
	assert_insn(&p, 5, (struct bpf_insn){ .code = 0x57, .dst_reg = 2, .imm = 0xffff });
	assert_insn(&p, 6, (struct bpf_insn){ .code = 0xaf, .dst_reg = 2, .src_reg = 3 });
	assert_insn(&p, 7, (struct bpf_insn){ .code = 0xdc, .dst_reg = 2, .imm = 32 });
	assert_insn(&p, 8, (struct bpf_insn){ .code = 0x18, .dst_reg = 1, .src_reg = 1, .imm = 77 });
	assert_insn(&p, 9, (struct bpf_insn){ .code = 0 });
	assert_insn(&p, 10, (struct bpf_insn){ .code = 0x85, .imm = 12 });
	assert_insn(&p, 11, (struct bpf_insn){ .code = 0x95 });
}

/* Offsets count from the instruction behind the jump. */
static void jumps_end_at_their_labels(void **state)
{
	struct program p = { .n = 0 };

	(void)state;
	program_label(&p, 0);
	program_jump(&p, BPF_JEQ, R2, 7, 23);
	program_jump_by(&p, BPF_JGT, R2, R3, 5);
	program_set(&p, R0, 0);
	program_label(&p, 5);
	program_jump(&p, BPF_JA, 0, 0, 0);
	program_label(&p, 23);
	program_exit(&p);
	assert_int_equal(program_finish(&p), 0);
	assert_int_equal(p.n, 5);
	assert_insn(&p, 0, (struct bpf_insn){ .code = 0x15, .dst_reg = 2, .off = 3, .imm = 7 });
	assert_insn(&p, 1, (struct bpf_insn){ .code = 0x2d, .dst_reg = 2, .src_reg = 3, .off = 1 });
	assert_insn(&p, 2, (struct bpf_insn){ .code = 0xb7 });
	assert_insn(&p, 3, (struct bpf_insn){ .code = 0x05, .off = -4 });
}

static void a_label_is_there_once(void **state)
{
	struct program twice = { .n = 0 }, never = { .n = 0 }, unused = { .n = 0 };

	(void)state;
	program_jump(&twice, BPF_JA, 0, 0, 1);
	program_label(&twice, 1);
	program_label(&twice, 1);
	program_exit(&twice);
	assert_int_equal(program_finish(&twice), -EINVAL);
	program_jump(&never, BPF_JA, 0, 0, 1);
	program_label(&never, 2);
	program_exit(&never);
	assert_int_equal(program_finish(&never), -EINVAL);
	program_label(&unused, 2);
	program_exit(&unused);
	assert_int_equal(program_finish(&unused), 0);
}

/* Whatever is appended then, nothing is written beyond the end. */
static void too_much_sticks(void **state)
{
	static struct {
		struct program p;
		uint8_t behind[64];
	} s;

	(void)state;
	memset(s.behind, 0xa5, sizeof(s.behind));
	while (s.p.n < PROGRAM_INSNS - 1 && !s.p.err)
		program_exit(&s.p);
	assert_int_equal(program_finish(&s.p), 0);
	for (int i = 0; i < 3; i++)
		program_map(&s.p, R1, 3);
	assert_int_equal(program_finish(&s.p), -E2BIG);
	assert_true(s.p.n < PROGRAM_INSNS);
	for (size_t i = 0; i < sizeof(s.behind); i++)
		assert_int_equal(s.behind[i], 0xa5);
}

static void too_many_jumps_stick(void **state)
{
	static struct program p;

	(void)state;
	program_label(&p, 0);
	for (int i = 0; i < PROGRAM_JUMPS; i++)
		program_jump(&p, BPF_JA, 0, 0, 0);
	assert_int_equal(program_finish(&p), 0);
	program_jump(&p, BPF_JA, 0, 0, 0);
	assert_int_equal(program_finish(&p), -E2BIG);
	assert_int_equal(p.n_jumps, PROGRAM_JUMPS);
}

/* The kernel never sees it. */
static void what_can_not_be_put_together_is_not_loaded(void **state)
{
	struct program p = { .n = 0 };
	struct an_error err = { 0 };

	(void)state;
	program_jump(&p, BPF_JA, 0, 0, 1);
	assert_int_equal(load_program(&p, "never", &err), -EINVAL);
	assert_string_equal(err.object, "never");
	assert_int_equal(err.err, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_are_the_standards),
		cmocka_unit_test(jumps_end_at_their_labels),
		cmocka_unit_test(a_label_is_there_once),
		cmocka_unit_test(too_much_sticks),
		cmocka_unit_test(too_many_jumps_stick),
		cmocka_unit_test(what_can_not_be_put_together_is_not_loaded),
	};

	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}

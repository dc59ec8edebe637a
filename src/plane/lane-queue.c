/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's programs at the worker's end, which see to it that nothing overtakes. */
#include "plane/lane-code.h"
#include <linux/pkt_cls.h>
#include <string.h>

/* Any verdict but this would clear a stamp. */
#define GO_ON TC_ACT_UNSPEC

void lane_arrive(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	code_find_queue(p, maps, OUT);
	code_load_context(p, R2, CONTEXT_FIELD(tc_index));
	program_store(p, BYTES_8, R0, QUEUE_FIELD(arrived), R2);
	code_end(p, OUT, GO_ON);
}

void lane_stamp(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	code_stamp(p, maps, QUEUE_FIELD(to_actors), OUT);
	program_store(p, BYTES_4, CONTEXT, CONTEXT_FIELD(tc_index), R2);
	code_end(p, OUT, GO_ON);
}

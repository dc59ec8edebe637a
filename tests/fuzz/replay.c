/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a fuzz target's corpus: one test case a file, reported as TAP. A crash ends the output short of its plan. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define INPUT_MAX ((size_t)1 << 20) /* bytes; corpus files are small */

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/*
 * The input is handed over in a heap block of exactly its size, so that the address sanitizer sees a read past its
 * end.
 */
static int replay_file(const char *dir, const char *name)
{
	static uint8_t buf[INPUT_MAX];
	char path[4096];
	uint8_t *input;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	size = fread(buf, 1, sizeof(buf), file);
	fclose(file);

	input = malloc(size ? size : 1);
	if (!input)
		return -ENOMEM;
	memcpy(input, buf, size);
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n, failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &entries, is_input, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}

	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		int r;

		fflush(stdout); /* what was reported stays, should the next one crash */
		r = replay_file(argv[1], entries[i]->d_name);
		printf("%s %d - %s\n", r ? "not ok" : "ok", i + 1, entries[i]->d_name);
		failed |= r;
		free(entries[i]);
	}
	free(entries);
	return failed ? 1 : 0;
}

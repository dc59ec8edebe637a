/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a table's model against nft's own translation of the text that the model prints. */
#include "nft-compare.h"

#include "base/cleanup.h"
#include "nf/dump.h"
#include "nf/txn.h"
#include "nf/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libnftnl/rule.h>

#define TEXT_BYTES (4U << 20)
#define RULE_BYTES 8192
#define ARGS_MAX   8

char *tool_run(const char *program, const char *input, const char *const *args)
{
	_cleanup_fd_ int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	size_t len = strlen(input);
	char *output = calloc(1, TEXT_BYTES);
	int status = -1;
	pid_t pid;

	if (!output || in < 0 || out < 0 || write(in, input, len) != (ssize_t)len || lseek(in, 0, SEEK_SET))
		goto fail;
	pid = fork();
	if (pid == 0) {
		char *argv[ARGS_MAX] = { (char *)(uintptr_t)program };

		for (size_t i = 0; i + 2 < ARGS_MAX && args[i]; i++)
			argv[i + 1] = (char *)(uintptr_t)args[i];
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
			_exit(126);
		execvp(program, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || pread(out, output, TEXT_BYTES - 1, 0) < 0)
		goto fail;
	if (status == 0)
		return output;
fail:
	fprintf(stderr, "# %s: status %d: %.2000s\n", program, status, output ? output : "");
	free(output);
	return NULL;
}

char *nft_run(const char *input, const char *const *args)
{
	return tool_run("nft", input, args);
}

/* The next rule in what nft shows: its head, then lines indented by two blanks. Return: false at the end. */
static bool shown_next(const char **at, char *rule, size_t size)
{
	const char *head = *at, *line = *at, *end;

	for (;; head = line, line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return false;
		if (strncmp(line, "  [ ", 4) == 0)
			break;
	}
	while (strncmp(line, "  ", 2) == 0 && (end = strchr(line, '\n')))
		line = end + 1;
	*at = line;
	snprintf(rule, size, "%.*s", (int)(line - head), head);
	return true;
}

/* A rule of ours in the same words. */
static bool own_show(const struct nf_model *m, const struct nf_rule *rule, char *buf, size_t size)
{
	struct nftnl_rule *r = rule_wire(rule);
	size_t len;

	if (!r)
		return false;
	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, m->family);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, m->name);
	nftnl_rule_snprintf(buf, size, r, NFTNL_OUTPUT_DEFAULT, 0);
	nftnl_rule_free(r);
	len = strlen(buf);
	if (len && buf[len - 1] != '\n')
		snprintf(buf + len, size - len, "\n");
	return true;
}

/* Instruction by instruction. Return: 0, or 1 with @diff. */
static int compare_shown(const struct nf_model *m, const char *shown, char *diff, size_t size)
{
	static char ours[RULE_BYTES], nfts[RULE_BYTES];

	for (size_t c = 0; c < m->n_chains; c++) {
		for (size_t i = 0; i < m->n_rules; i++) {
			const struct nf_rule *r = &m->rules[i];

			if (strcmp(r->chain, m->chains[c].name) != 0)
				continue;
			if (!shown_next(&shown, nfts, sizeof(nfts)))
				snprintf(nfts, sizeof(nfts), "nothing");
			if (own_show(m, r, ours, sizeof(ours)) && strcmp(ours, nfts) == 0)
				continue;
			snprintf(diff, size, "rule \"%s\":\nours:\n%s\nnft's:\n%s", r->text, ours, nfts);
			return 1;
		}
	}
	if (!shown_next(&shown, nfts, sizeof(nfts)))
		return 0;
	snprintf(diff, size, "nft has a rule more:\n%s", nfts);
	return 1;
}

/* The first line that differs. */
static int compare_lists(const char *ours, const char *nfts, char *diff, size_t size)
{
	const char *a = ours, *b = nfts;

	for (size_t i = 0; ours[i] && ours[i] == nfts[i]; i++) {
		if (ours[i] != '\n')
			continue;
		a = ours + i + 1;
		b = nfts + i + 1;
	}
	if (strcmp(a, b) == 0)
		return 0;
	snprintf(diff, size, "nft list:\nours:\n%.*s\nnft's:\n%.*s", (int)strcspn(a, "\n"), a,
		 (int)strcspn(b, "\n"), b);
	return 1;
}

/* Attribute by attribute, then as nft lists it, after loading the text and then the model in this namespace. */
static int compare_loaded(const struct nf_model *m, const char *text, char *diff, size_t size)
{
	static const char *const load[] = { "-f", "-", NULL }, *const list[] = { "-s", "list", "ruleset",
										 NULL };
	_cleanup_free_ char *loaded = nft_run(text, load), *nfts = nft_run("", list), *ours = NULL;
	struct nl_sock nf = NL_SOCK_CLOSED;
	struct an_error err = { 0 };
	struct nf_txn t;
	int r = -EIO;

	txn_init(&t, m->family, m->name);
	if (loaded && nfts)
		r = nl_open(&nf, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), &err);
	if (!r)
		r = model_compare(&nf, m, diff, size, &err);
	if (!r) {
		txn_table_del(&t);
		txn_model(&t, m);
		r = txn_commit(&t, &nf, NULL, &err);
	}
	if (!r) {
		ours = nft_run("", list);
		r = ours ? compare_lists(ours, nfts, diff, size) : -EIO;
	}
	if (r < 0)
		snprintf(diff, size, "%s: %s", err.object, err.message);
	txn_fini(&t);
	nl_close(&nf);
	return r;
}

/* Devices that base chains hang on. */
static int make_devices(const struct nf_model *m)
{
	for (size_t i = 0; i < m->n_chains; i++) {
		const char *const args[] = { "link", "add", m->chains[i].device, "type", "veth", NULL };
		_cleanup_free_ char *output = NULL;

		if (!m->chains[i].device || strcmp(m->chains[i].device, "lo") == 0)
			continue;
		output = tool_run("ip", "", args);
		if (!output)
			return -EIO;
	}
	return 0;
}

/* In a process of its own. */
static int compare_here(const struct nf_model *m, char *diff, size_t size)
{
	static const char *const show[] = { "--debug=netlink", "-c", "-f", "-", NULL };
	_cleanup_free_ char *buf = calloc(1, TEXT_BYTES), *shown = NULL;
	struct nf_model worded = *m;
	struct text text;
	int r;

	if (!buf || unshare(CLONE_NEWNET) < 0)
		return -errno;
	text = text_over(buf, TEXT_BYTES);
	model_print(m, &text);
	if (text.truncated)
		return -EFBIG;
	worded.rules = calloc(m->n_rules + 1, sizeof(*worded.rules));
	if (!worded.rules)
		return -ENOMEM;
	worded.n_rules = 0;
	for (size_t i = 0; i < m->n_rules; i++) {
		if (m->rules[i].text)
			worded.rules[worded.n_rules++] = m->rules[i];
	}
	r = make_devices(m);
	if (!r) {
		shown = nft_run(buf, show);
		r = shown ? compare_shown(&worded, shown, diff, size) : -EIO;
	}
	if (!r)
		r = compare_loaded(&worded, buf, diff, size);
	free(worded.rules);
	return r;
}

int nft_compare(const struct nf_model *m, char *diff, size_t size)
{
	char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0, r;
	pid_t pid;

	if (shared == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid == 0) {
		r = compare_here(m, shared, size);
		_exit(r < 0 ? -r : r ? 255 : 0);
	}
	r = pid < 0 ? -errno : 0;
	if (!r && (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)))
		r = -EIO;
	if (!r)
		r = WEXITSTATUS(status) == 255 ? 1 : -WEXITSTATUS(status);
	snprintf(diff, size, "%s", shared);
	munmap(shared, size);
	return r;
}

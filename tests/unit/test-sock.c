/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink transport, against a kernel of our own making (a socket pair whose other end has the replies ready)
 * where the real one can't be made to misbehave, and against the real one in a network namespace of the
 * test's own.
 */
#include "base/cleanup.h"
#include "faults.h"
#include "isolate.h"
#include "nl/attr.h"
#include "nl/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define REQUEST 1000 /* a message type that means nothing */

/* Stands in for poll(2), so that no test has to wait five seconds. */
static int polled_ms;
static bool poll_gives_up;

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec ts = { .tv_sec = timeout_ms / 1000 };

	polled_ms = timeout_ms;
	return poll_gives_up ? 0 : (int)syscall(SYS_ppoll, fds, n, &ts, NULL, 0);
}

/* -- A kernel of our own making -- */

/**
 * struct fake - the socket under test, and the end that answers for the kernel
 * @seq: sequence number the next request will start with
 */
struct fake {
	struct nl_sock sock;
	int kernel;
};

static struct fake fake_open(void)
{
	struct fake f = { .sock = { .seq = 41 } };
	int ends[2], size = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	f.sock.fd = ends[0];
	f.kernel = ends[1];
	poll_gives_up = false;
	return f;
}

static void fake_close(struct fake *f)
{
	nl_close(&f->sock);
	f->kernel = fd_close(f->kernel);
}

static void fake_send(struct fake *f, const void *data, size_t len)
{
	assert_int_equal(send(f->kernel, data, len, MSG_DONTWAIT), len);
}

/* The answer to message @index of the request to come: NLMSG_ERROR or NLMSG_DONE, @text may be NULL. */
static void fake_answer(struct fake *f, uint16_t type, unsigned int index, int error, const char *text)
{
	size_t fixed = type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(int);
	_Alignas(4) char buf[512];
	struct msg m;
	int *payload;

	msg_init(&m, buf, sizeof(buf));
	payload = msg_begin(&m, type, NLM_F_CAPPED, fixed);
	*payload = error;
	m.nlh->nlmsg_seq = f->sock.seq + 1 + index;
	if (text) {
		m.nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		msg_put_u32(&m, NLMSGERR_ATTR_OFFS, 0);
		msg_put_str(&m, NLMSGERR_ATTR_MSG, text);
	}
	assert_int_equal(msg_finish(&m), 0);
	fake_send(f, buf, m.len);
}

static void fake_object(struct fake *f, unsigned int index, uint16_t flags, uint32_t value)
{
	_Alignas(4) char buf[64];
	struct msg m;
	uint32_t *payload;

	msg_init(&m, buf, sizeof(buf));
	payload = msg_begin(&m, REQUEST, flags, sizeof(*payload));
	*payload = value;
	m.nlh->nlmsg_seq = f->sock.seq + 1 + index;
	msg_finish(&m);
	fake_send(f, buf, m.len);
}

/* What a callback saw. */
struct seen {
	unsigned int n, resets;
	uint32_t sum;
	int fail;
};

static int seen_cb(const struct nlmsghdr *nlh, void *data)
{
	struct seen *seen = data;

	seen->n++;
	seen->sum += *(const uint32_t *)mnl_nlmsg_get_payload(nlh);
	return seen->fail;
}

static void seen_reset(void *data)
{
	struct seen *seen = data;

	seen->n = seen->sum = 0;
	seen->resets++;
}

/* Send @n empty messages. */
static int call(struct fake *f, unsigned int n, struct seen *seen, unsigned int *ret_failed,
		struct an_error *err)
{
	_Alignas(4) char buf[512];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	while (n--)
		msg_begin(&m, REQUEST, 0, 0);
	return nl_call(&f->sock, &m, seen ? seen_cb : NULL, seen, ret_failed, err);
}

static int dump(struct fake *f, struct seen *seen, struct an_error *err)
{
	_Alignas(4) char buf[64];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	msg_begin(&m, REQUEST, 0, 0);
	return nl_dump(&f->sock, &m, seen_cb, seen_reset, seen, err);
}

/* The socket is as good as new: a refusal comes through, and so does a success after it. */
static void assert_usable(struct fake *f)
{
	unsigned int failed = 77;
	struct an_error err = { 0 };

	poll_gives_up = true;
	fake_answer(f, NLMSG_ERROR, 0, 0, NULL);
	fake_answer(f, NLMSG_ERROR, 1, -EXDEV, NULL);
	assert_int_equal(call(f, 2, NULL, &failed, &err), -EXDEV);
	assert_int_equal(failed, 1);
	fake_answer(f, NLMSG_ERROR, 0, 0, NULL);
	assert_int_equal(call(f, 1, NULL, NULL, &err), 0);
}

/* The fake whose next request, of one message, is answered only when it is sent. */
static struct fake *late;

static int late_hook(const char *what)
{
	if (!late || strcmp(what, "sendmsg") != 0)
		return 0;
	late->sock.seq--;
	fake_answer(late, NLMSG_ERROR, 0, -EXDEV, NULL);
	late->sock.seq++;
	late = NULL;
	return 0;
}

/* A broken socket drains first, then gets its own answer. */
static void assert_recovers(struct fake *f)
{
	assert_true(f->sock.broken);
	late = f;
	fault_hook_fn = late_hook;
	assert_int_equal(call(f, 1, NULL, NULL, NULL), -EXDEV);
	fault_hook_fn = NULL;
	assert_false(f->sock.broken);
	assert_usable(f);
}

static void test_requests_go_out_as_one_datagram_numbered_and_flagged(void **state)
{
	_Alignas(4) char sent[256];
	struct nlmsghdr *nlh = (void *)sent;
	struct fake f = fake_open();

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		fake_answer(&f, NLMSG_ERROR, i, 0, NULL);
	assert_int_equal(call(&f, 3, NULL, NULL, NULL), 0);
	assert_int_equal(recv(f.kernel, sent, sizeof(sent), MSG_DONTWAIT), 48);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(nlh[i].nlmsg_seq, 42 + i);
		assert_int_equal(nlh[i].nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	}
	assert_int_equal(recv(f.kernel, sent, sizeof(sent), MSG_DONTWAIT), -1);
	fake_close(&f);
}

static void test_a_refusal_names_message_and_reason_and_all_acks_are_drained(void **state)
{
	struct fake f = fake_open();
	struct an_error err = { 0 };
	unsigned int failed = 77;

	(void)state;
	fake_answer(&f, NLMSG_ERROR, 0, 0, NULL);
	fake_answer(&f, NLMSG_ERROR, 1, -EEXIST, "Name taken");
	fake_answer(&f, NLMSG_ERROR, 2, -EINVAL, "Later");
	fake_answer(&f, NLMSG_ERROR, 3, 0, NULL);
	assert_int_equal(call(&f, 4, NULL, &failed, &err), -EEXIST);
	assert_int_equal(failed, 1);
	assert_int_equal(err.err, EEXIST);
	assert_string_equal(err.object, "");
	assert_string_equal(err.message, "file exists: Name taken");
	assert_false(f.sock.broken);
	assert_usable(&f);
	fake_close(&f);
}

static void test_a_batch_refused_at_its_head_does_not_wait_for_the_rest(void **state)
{
	struct fake f = fake_open();
	struct an_error err = { 0 };
	unsigned int failed = 77;

	(void)state;
	poll_gives_up = true;
	polled_ms = -1;
	fake_answer(&f, NLMSG_ERROR, 0, -EPERM, NULL);
	assert_int_equal(call(&f, 5, NULL, &failed, &err), -EPERM);
	assert_int_equal(failed, 0);
	assert_int_equal(polled_ms, -1);
	fake_close(&f);
}

static void test_a_refusal_of_what_asked_for_no_ack_leaves_no_ack_unread(void **state)
{
	struct nlmsghdr batch[3] = { { .nlmsg_len = 16 }, { .nlmsg_len = 16, .nlmsg_flags = NLM_F_ACK } };
	struct fake f = fake_open();
	unsigned int failed = 77;
	char byte;

	(void)state;
	fake_answer(&f, NLMSG_ERROR, 0, -EPERM, NULL);
	fake_answer(&f, NLMSG_ERROR, 1, 0, NULL);
	assert_int_equal(nl_batch(&f.sock, batch, 32, 1, &failed, NULL), -EPERM);
	assert_int_equal(failed, 0);
	assert_int_equal(recv(f.sock.fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);

	/* Nor is a refusal missed where no acknowledgement was asked for at all. */
	fake_answer(&f, NLMSG_ERROR, 1, -EXDEV, NULL);
	assert_int_equal(nl_batch(&f.sock, batch, 32, 0, &failed, NULL), -EXDEV);
	assert_int_equal(failed, 1);
	assert_int_equal(nl_batch(&f.sock, batch, 32, 0, &failed, NULL), 0);
	fake_close(&f);
}

static void test_many_acks_may_share_a_datagram(void **state)
{
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr e;
	} acks[50];
	_Alignas(4) char buf[1024];
	struct fake f = fake_open();
	struct msg m;

	(void)state;
	memset(acks, 0, sizeof(acks));
	for (uint32_t i = 0; i < 50; i++) {
		acks[i].nlh = (struct nlmsghdr){ .nlmsg_len = sizeof(acks[0]), .nlmsg_type = NLMSG_ERROR };
		acks[i].nlh.nlmsg_seq = 42 + i;
	}
	fake_send(&f, acks, sizeof(acks));
	msg_init(&m, buf, sizeof(buf));
	for (unsigned int i = 0; i < 50; i++)
		msg_begin(&m, REQUEST, 0, 0);
	assert_int_equal(nl_call(&f.sock, &m, NULL, NULL, NULL, NULL), 0);
	assert_usable(&f);
	fake_close(&f);
}

static void test_a_missing_ack_is_an_error_within_five_seconds(void **state)
{
	struct fake f = fake_open();
	struct an_error err = { 0 };

	(void)state;
	poll_gives_up = true;
	fake_answer(&f, NLMSG_ERROR, 0, 0, NULL);
	assert_int_equal(call(&f, 2, NULL, NULL, &err), -ETIMEDOUT);
	assert_string_equal(err.message, "kernel sent only 1 of 2 acknowledgements");
	assert_int_equal(polled_ms, 5000);
	/* It comes now, too late: it must not be taken for an answer to what follows. */
	f.sock.seq -= 2;
	fake_answer(&f, NLMSG_ERROR, 1, -EIO, NULL);
	f.sock.seq += 2;
	assert_recovers(&f);
	fake_close(&f);
}

static void test_replies_to_older_requests_are_passed_over(void **state)
{
	struct fake f = fake_open();
	struct seen seen = { 0 };

	(void)state;
	f.sock.seq -= 10;
	fake_object(&f, 0, 0, 1000);
	fake_answer(&f, NLMSG_ERROR, 0, -EIO, NULL);
	f.sock.seq += 10;
	fake_object(&f, 0, 0, 7);
	fake_answer(&f, NLMSG_ERROR, 0, 0, NULL);
	assert_int_equal(call(&f, 1, &seen, NULL, NULL), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.sum, 7);
	fake_close(&f);
}

static void test_sequence_numbers_may_wrap(void **state)
{
	struct fake f = fake_open();
	unsigned int failed = 77;

	(void)state;
	f.sock.seq = UINT32_MAX - 1;
	for (unsigned int i = 0; i < 3; i++)
		fake_answer(&f, NLMSG_ERROR, i, i == 2 ? -EIO : 0, NULL);
	assert_int_equal(call(&f, 3, NULL, &failed, NULL), -EIO);
	assert_int_equal(failed, 2);
	fake_close(&f);
}

static void test_a_truncated_reply_is_an_error_and_the_socket_recovers(void **state)
{
	static char big[32769];
	struct fake f = fake_open();
	struct an_error err = { 0 };

	(void)state;
	((struct nlmsghdr *)(void *)big)->nlmsg_len = sizeof(big);
	fake_send(&f, big, sizeof(big));
	fake_answer(&f, NLMSG_ERROR, 0, 0, NULL);
	assert_int_equal(call(&f, 1, NULL, NULL, &err), -EMSGSIZE);
	assert_recovers(&f);
	fake_close(&f);
}

static void test_malformed_replies_are_errors(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 37, 0xffffffff, 20, 35 };
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr e;
	} ack = { .nlh = { .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = 42 } };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct fake f = fake_open();

		ack.nlh.nlmsg_len = lengths[i];
		fake_send(&f, &ack, sizeof(ack));
		assert_int_equal(call(&f, 1, NULL, NULL, NULL), -EBADMSG);
		fake_close(&f);
	}
	ack.nlh.nlmsg_len = sizeof(ack);
	for (int error = 1; error > -5000; error -= 5000 / 2) {
		struct fake f = fake_open();
		int want = error > 0 || error < -4095 ? -EPROTO : error;

		ack.e.error = error;
		fake_send(&f, &ack, sizeof(ack));
		assert_int_equal(call(&f, 1, NULL, NULL, NULL), want);
		fake_close(&f);
	}
}

static void test_lost_replies_are_an_error_and_the_rest_is_drained(void **state)
{
	struct fake f = fake_open();
	struct an_error err = { 0 };

	(void)state;
	fake_answer(&f, NLMSG_ERROR, 0, 0, NULL);
	fake_answer(&f, NLMSG_ERROR, 1, 0, NULL);
	faults_set("recvmsg", 2, ENOBUFS);
	assert_int_equal(call(&f, 3, NULL, NULL, &err), -ENOBUFS);
	faults_clear();
	assert_false(f.sock.broken);
	assert_usable(&f);
	fake_close(&f);
}

static void test_a_failing_callback_ends_the_exchange_but_not_the_draining(void **state)
{
	struct fake f = fake_open();
	struct seen seen = { .fail = -ECANCELED };
	struct an_error err = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		fake_object(&f, 0, NLM_F_MULTI, i);
	fake_answer(&f, NLMSG_DONE, 0, 0, NULL);
	assert_int_equal(dump(&f, &seen, &err), -ECANCELED);
	assert_int_equal(seen.n, 1);
	assert_int_equal(err.err, ECANCELED);
	assert_usable(&f);
	fake_close(&f);
}

/* -- Dumps -- */

static void test_an_interrupted_dump_starts_afresh(void **state)
{
	struct fake f = fake_open();
	struct seen seen = { 0 };

	(void)state;
	/* The first try is interrupted midway, the second only at its end. */
	fake_object(&f, 0, NLM_F_MULTI, 100);
	fake_object(&f, 0, NLM_F_MULTI | NLM_F_DUMP_INTR, 100);
	fake_answer(&f, NLMSG_DONE, 0, 0, NULL);
	f.sock.seq++;
	fake_object(&f, 0, NLM_F_MULTI, 100);
	{
		struct {
			struct nlmsghdr nlh;
			int error;
		} done = { .nlh = { sizeof(done), NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, f.sock.seq + 1,
				    0 } };

		fake_send(&f, &done, sizeof(done));
	}
	f.sock.seq++;
	fake_object(&f, 0, NLM_F_MULTI, 1);
	fake_object(&f, 0, NLM_F_MULTI, 2);
	fake_answer(&f, NLMSG_DONE, 0, 0, NULL);
	f.sock.seq -= 2;
	assert_int_equal(dump(&f, &seen, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.sum, 3);
	assert_int_equal(seen.resets, 3);
	fake_close(&f);
}

static void test_a_dump_interrupted_again_and_again_fails(void **state)
{
	struct fake f = fake_open();
	struct seen seen = { 0 };
	struct an_error err = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		fake_object(&f, 0, NLM_F_MULTI | NLM_F_DUMP_INTR, 1);
		fake_answer(&f, NLMSG_DONE, 0, 0, NULL);
		f.sock.seq++;
	}
	f.sock.seq -= 4;
	assert_int_equal(dump(&f, &seen, &err), -EAGAIN);
	assert_int_equal(seen.resets, 4);
	assert_int_equal(err.err, EAGAIN);
	assert_usable(&f);
	fake_close(&f);
}

static void test_the_errno_at_a_dumps_end_counts(void **state)
{
	struct fake f = fake_open();
	struct seen seen = { 0 };
	struct an_error err = { 0 };

	(void)state;
	fake_object(&f, 0, NLM_F_MULTI, 1);
	fake_answer(&f, NLMSG_DONE, 0, -ENOMEM, "No room");
	assert_int_equal(dump(&f, &seen, &err), -ENOMEM);
	assert_string_equal(err.message, "cannot allocate memory: No room");
	assert_usable(&f);

	fake_answer(&f, NLMSG_ERROR, 0, -EOPNOTSUPP, NULL);
	assert_int_equal(dump(&f, &seen, &err), -EOPNOTSUPP);
	fake_close(&f);
}

static void test_a_dump_is_one_request(void **state)
{
	struct fake f = fake_open();
	_Alignas(4) char buf[64];
	struct msg m;

	(void)state;
	msg_init(&m, buf, sizeof(buf));
	assert_int_equal(nl_dump(&f.sock, &m, seen_cb, NULL, NULL, NULL), -EINVAL);
	msg_init(&m, buf, sizeof(buf));
	msg_begin(&m, REQUEST, 0, 0);
	msg_begin(&m, REQUEST, 0, 0);
	assert_int_equal(nl_dump(&f.sock, &m, seen_cb, NULL, NULL, NULL), -EINVAL);
	fake_close(&f);
}

static void test_bad_requests_are_not_sent(void **state)
{
	struct fake f = fake_open();
	_Alignas(4) char buf[64] = { 0 };
	unsigned int failed = 77;
	struct msg m;

	(void)state;
	assert_int_equal(nl_batch(&f.sock, buf, 0, 0, NULL, NULL), -EINVAL);
	assert_int_equal(nl_batch(&f.sock, buf, 20, 1, NULL, NULL), -EINVAL);
	msg_init(&m, buf, 20);
	msg_begin(&m, REQUEST, 0, 8);
	assert_int_equal(nl_call(&f.sock, &m, NULL, NULL, &failed, NULL), -ENOBUFS);
	assert_int_equal(failed, 0);
	assert_int_equal(recv(f.kernel, buf, sizeof(buf), MSG_DONTWAIT), -1);
	nl_close(&f.sock);
	nl_close(&f.sock);
	assert_int_equal(call(&f, 1, NULL, NULL, NULL), -EBADF);
	fake_close(&f);
}

/* -- The real one -- */

static struct nl_sock real_open(void)
{
	struct nl_sock sock = NL_SOCK_CLOSED;

	poll_gives_up = false;
	assert_int_equal(nl_open(&sock, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), NULL), 0);
	return sock;
}

/* Add 127.x.y.z/prefix to a link, by number. */
static void address_put(struct msg *m, int ifindex, uint32_t host, uint8_t prefix)
{
	struct ifaddrmsg *head = msg_begin(m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*head));

	assert_non_null(head);
	head->ifa_family = AF_INET;
	head->ifa_prefixlen = prefix;
	head->ifa_index = (uint32_t)ifindex;
	msg_put_u32(m, IFA_LOCAL, htonl(0x7f000000 | host));
}

static int address_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *table[IFA_MAX + 1];
	struct seen *seen = data;

	attr_table(nlh, sizeof(struct ifaddrmsg), table, IFA_MAX);
	seen->n++;
	seen->sum += ntohl(attr_u32(table[IFA_LOCAL])) & 0xffffff;
	return seen->fail;
}

static int address_dump(struct nl_sock *sock, struct seen *seen)
{
	_Alignas(4) char buf[64];
	struct ifaddrmsg *head;
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	head = msg_begin(&m, RTM_GETADDR, 0, sizeof(*head));
	head->ifa_family = AF_INET;
	return nl_dump(sock, &m, address_cb, seen_reset, seen, NULL);
}

static void test_real_refusal_in_the_middle(void **state)
{
	struct nl_sock sock;
	_Alignas(4) char buf[512];
	struct an_error err = { 0 };
	struct seen seen = { 0 };
	unsigned int failed = 77;
	struct msg m;

	(void)state;
	isolate_or_skip();
	sock = real_open();
	msg_init(&m, buf, sizeof(buf));
	address_put(&m, 1, 5, 32);
	address_put(&m, 1, 6, 33);
	address_put(&m, 1, 7, 32);
	assert_int_equal(nl_call(&sock, &m, NULL, NULL, &failed, &err), -EINVAL);
	assert_int_equal(failed, 1);
	/* The kernel's own words: "ipv4: Invalid prefix length". */
	assert_non_null(strstr(err.message, "invalid argument: "));
	assert_non_null(strstr(err.message, "refix"));
	/* Those around it were carried out. */
	assert_int_equal(address_dump(&sock, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.sum, 5 + 7);
	nl_close(&sock);
}

static void test_real_thousands_of_acks_and_a_dump_of_many_datagrams(void **state)
{
	static _Alignas(4) char buf[1 << 20];
	struct nl_sock sock;
	struct seen seen = { 0 };
	struct msg m;

	(void)state;
	isolate_or_skip();
	sock = real_open();
	msg_init(&m, buf, sizeof(buf));
	for (uint32_t i = 0; i < 4000; i++)
		address_put(&m, 1, 0x100 + i, 32);
	assert_int_equal(nl_call(&sock, &m, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(address_dump(&sock, &seen), 0);
	assert_true(seen.n >= 4000);

	/* A callback that gives up leaves a dump half-read: the next one works. */
	seen = (struct seen){ .fail = -ECANCELED };
	assert_int_equal(address_dump(&sock, &seen), -ECANCELED);
	seen = (struct seen){ 0 };
	assert_int_equal(address_dump(&sock, &seen), 0);
	assert_true(seen.n >= 4000);
	nl_close(&sock);
}

static void test_real_dump_broken_off_at_any_receive_then_works(void **state)
{
	struct nl_sock sock;
	unsigned int n;

	(void)state;
	isolate_or_skip();
	sock = real_open();
	for (n = 1; n < 100; n++) {
		struct seen seen = { 0 };
		int r;

		faults_set("recvmsg", n, EIO);
		r = address_dump(&sock, &seen);
		if (faults_clear() < n) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -EIO);
		assert_true(sock.broken);
		seen = (struct seen){ 0 };
		assert_int_equal(address_dump(&sock, &seen), 0);
		assert_true(seen.n >= 4000);
	}
	assert_true(n > 2 && n < 100);
	nl_close(&sock);
}

static void test_real_call_refused_at_the_border(void **state)
{
	_Alignas(4) char buf[256];
	struct nl_sock sock;
	struct an_error err = { 0 };
	struct msg m;

	(void)state;
	isolate_or_skip();
	sock = real_open();
	for (int i = 0; i < 3; i++) {
		const char *what = i ? "recvmsg" : "sendmsg";

		msg_init(&m, buf, sizeof(buf));
		address_put(&m, 1, 8, 32);
		faults_set(what, 1, i == 2 ? EINTR : EIO);
		/* An interrupted call is made again. */
		assert_int_equal(nl_call(&sock, &m, NULL, NULL, NULL, &err), i == 2 ? 0 : -EIO);
		assert_true(faults_clear() >= 1);
		assert_int_equal(sock.broken, i == 1);

		msg_init(&m, buf, sizeof(buf));
		address_put(&m, 9999, 8, 32);
		assert_int_equal(nl_call(&sock, &m, NULL, NULL, NULL, &err), -ENODEV);
	}
	faults_set("connect", 1, EIO);
	assert_int_equal(nl_open(&sock, dup(sock.fd), &err), -EIO);
	faults_clear();
	nl_close(&sock);
}

static void test_real_other_programs_cannot_send_to_our_socket(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(to);
	struct nlmsghdr forged = { .nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_DONE };
	struct nl_sock ours;
	int theirs, control;

	(void)state;
	isolate_or_skip();
	ours = real_open();
	theirs = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	control = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	/* Positive control: a plain socket can be reached. */
	assert_int_equal(bind(control, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(control, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(sendto(theirs, &forged, sizeof(forged), 0, (struct sockaddr *)&to, len),
			 sizeof(forged));
	assert_int_equal(recv(control, &forged, sizeof(forged), MSG_DONTWAIT), sizeof(forged));

	assert_int_equal(getsockname(ours.fd, (struct sockaddr *)&to, &len), 0);
	assert_true(to.nl_pid != 0);
	assert_int_equal(sendto(theirs, &forged, sizeof(forged), 0, (struct sockaddr *)&to, len), -1);
	assert_int_equal(errno, ECONNREFUSED);
	nl_close(&ours);
	close(theirs);
	close(control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_go_out_as_one_datagram_numbered_and_flagged),
		cmocka_unit_test(test_a_refusal_names_message_and_reason_and_all_acks_are_drained),
		cmocka_unit_test(test_a_batch_refused_at_its_head_does_not_wait_for_the_rest),
		cmocka_unit_test(test_a_refusal_of_what_asked_for_no_ack_leaves_no_ack_unread),
		cmocka_unit_test(test_many_acks_may_share_a_datagram),
		cmocka_unit_test(test_a_missing_ack_is_an_error_within_five_seconds),
		cmocka_unit_test(test_replies_to_older_requests_are_passed_over),
		cmocka_unit_test(test_sequence_numbers_may_wrap),
		cmocka_unit_test(test_a_truncated_reply_is_an_error_and_the_socket_recovers),
		cmocka_unit_test(test_malformed_replies_are_errors),
		cmocka_unit_test(test_lost_replies_are_an_error_and_the_rest_is_drained),
		cmocka_unit_test(test_a_failing_callback_ends_the_exchange_but_not_the_draining),
		cmocka_unit_test(test_an_interrupted_dump_starts_afresh),
		cmocka_unit_test(test_a_dump_interrupted_again_and_again_fails),
		cmocka_unit_test(test_the_errno_at_a_dumps_end_counts),
		cmocka_unit_test(test_a_dump_is_one_request),
		cmocka_unit_test(test_bad_requests_are_not_sent),
		cmocka_unit_test(test_real_refusal_in_the_middle),
		cmocka_unit_test(test_real_thousands_of_acks_and_a_dump_of_many_datagrams),
		cmocka_unit_test(test_real_dump_broken_off_at_any_receive_then_works),
		cmocka_unit_test(test_real_call_refused_at_the_border),
		cmocka_unit_test(test_real_other_programs_cannot_send_to_our_socket),
	};

	return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}

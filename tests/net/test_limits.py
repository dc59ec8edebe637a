# SPDX-License-Identifier: Apache-2.0
"""One actor at full flood: its neighbour does not notice, and no segment resets what is alive."""

import errno
import json
import os
import re
import resource
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import Namespace, family_of

FLOWS = 1000  # of one actor at once, in each direction
RATE, BURST = 500, 1000  # new flows of one actor
WORKER_FLOWS = 2000  # of one actor, a family and direction, in the worker's own table


class LimitsTest(case.NetCase):
    """Actors a (floods) and b (must not notice)."""

    def setUp(self):
        super().setUp()
        self.serve_outside(80)
        self.one = self.activate("a", "--port", "8001:80/udp")
        self.two = self.activate("b", "--port", "8002:80/udp")
        self.serve(self.two, "b", 80)

    def test_flows_of_one_actor_are_limited_and_its_neighbours_are_not(self):
        for family in self.families():
            live, _ = self.session(self.one, family.public, 80)
            before = self.drops(self.one)
            capture = self.on_wire()
            frames = [self.one.udp_packet(b"flood", family.public, 10000 + number, 7000) for number in range(3000)]
            start = time.monotonic()
            self.one.frame(*frames)
            seconds = time.monotonic() - start
            flows = {packet.sport for packet in self.barrier(capture) if packet.payload == b"flood"}
            self.assertLessEqual(len(flows), min(FLOWS, BURST + RATE * (seconds + 0.5)))
            self.assertGreater(len(flows), 400)
            counted = self.drops(self.one) - before
            self.assertGreaterEqual(counted["flows"] + counted["rate"], 3000 - len(flows) - 5)
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.two, family.public, 80, family.public, protocol)
            self.assertAnswers(self.client, family.worker, 8002, "b", "udp")
            self.exchange(live, b"the actor's own flow goes on")
            self.assertEqual(self.drops(self.two)["flows"] + self.drops(self.two)["rate"], 0)
            # A new actor for the next family, since flows last longer than the test.
            self.release(self.one)
            self.one = self.activate("a", "--port", "8001:80/udp")

    def test_inbound_flows_to_one_actor_are_limited_and_its_neighbours_are_not(self):
        for family in self.families():
            server = self.one.udp(family.inner, 80)
            first = self.client.connect_udp(family.worker, 8001)
            first.send(b"first")
            _, peer = server.recvfrom(100)
            server.sendto(b"answered", peer)  # unanswered, it would count as new
            self.assertEqual(first.recv(100), b"answered")
            capture = self.one.capture("eth0")
            before = self.drops(self.one)
            self.client.send_ip(*(wire.ip(wire.udp(b"flood", family.client, family.worker, 10000 + number, 8001),
                                          family.client, family.worker, wire.UDP) for number in range(2000)))
            first.send(b"barrier")
            seen = capture.until(lambda packet: packet.payload == b"barrier")
            self.assertIsNotNone(seen, "a flow that was there is cut")
            flows = {packet.sport for packet in seen if packet.payload == b"flood"}
            self.assertLessEqual(len(flows), FLOWS)
            self.assertGreater(len(flows), FLOWS // 2)
            self.assertGreaterEqual((self.drops(self.one) - before)["inflows"], 2000 - FLOWS)
            self.assertAnswers(self.client, family.worker, 8002, "b", "udp")
            self.assertAnswers(self.two, family.public, 80, family.public)
            server.sendto(b"back", peer)
            self.assertEqual(first.recv(100), b"back")
            server.close()
            self.release(self.one)
            self.one = self.activate("a", "--port", "8001:80/udp")

    def test_inbound_flows_that_the_gateway_refuses_are_limited_in_the_worker(self):
        """It hears of a refused datagram too late: the worker's conntrack has an entry by then."""
        for family in self.families():
            outer = self.one.outer if family.name == "ipv4" else self.one.outer6
            before = self.drops(self.one)
            self.client.send_ip(*(wire.ip(wire.udp(b"flood", family.client, family.worker, 10000 + number, 8001),
                                          family.client, family.worker, wire.UDP) for number in range(4000)))
            entries = self.worker.run("conntrack", "-L", "-f", family.name, "--reply-src", outer).splitlines()
            self.assertLessEqual(len(entries), WORKER_FLOWS)
            self.assertGreater(len(entries), WORKER_FLOWS - 10)
            self.assertGreater((self.drops(self.one) - before)["inflows"], WORKER_FLOWS - FLOWS - 10)
            self.assertAnswers(self.client, family.worker, 8002, "b", "udp")
            self.assertAnswers(self.one, family.public, 80, family.public)

    def passes_in_time(self, sock, server, body, to):
        """The test before may have used up the rate of new flows: it is full again after two seconds."""
        server.settimeout(0.25)
        for _ in range(12):
            sock.sendto(body, to)
            try:
                self.assertEqual(server.recvfrom(1 << 16)[0], body)
                break
            except TimeoutError:
                continue
        else:
            self.fail("a datagram in fragments does not pass")
        server.settimeout(3)

    def test_fragment_flood_does_not_starve_the_neighbour(self):
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            body = bytes(range(256)) * 40
            for actor in (self.one, self.two):
                self.passes_in_time(actor.udp(family.inner, 6000), server, body, (family.public, 7000))
            before = self.drops(self.one)
            sock = self.two.udp(family.inner, 6002)
            whole = wire.udp(bytes(2000), family.inner, family.public, 6001, 7000)
            turn, end = 0, time.monotonic() + 3  # what the limit lets through must not add up either
            while time.monotonic() < end:
                turn += 1
                self.one.frame(*(wire.fragments(whole, family.inner, family.public, wire.UDP, ident=turn * 1000 + number & 0xFFFF)[0]
                                 for number in range(1000)))
                sock.sendto(body[turn:], (family.public, 7000))
                try:
                    self.assertEqual(server.recvfrom(1 << 16)[0], body[turn:])
                except TimeoutError:
                    self.fail(f"{family.name}: the neighbour's datagram is lost after {turn} thousand fragments")
            self.assertGreater((self.drops(self.one) - before)["fragments"], 10000, "three times what the limit lets through")
            self.assertEqual(self.drops(self.two)["fragments"], 0)


class FullSetsTest(case.NetCase):
    """Limits are kept in sets with an element an actor. One that is full means no flow, and not one without a limit."""

    SIZE = 65535

    def fill(self, name, more=""):
        """Use up all of a set's room; more: what its elements have besides a link."""
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        gateway.nft(f"flush set inet actornet {name}")
        numbers = range(1 << 20, (1 << 20) + self.SIZE)
        gateway.nft(f"add element inet actornet {name} {{ {', '.join(f'{number}{more}' for number in numbers)} }}")
        return gateway

    def flows_are_denied(self, reason, name):
        """A set for what an actor begins."""
        self.serve_outside(80)
        actor = self.activate("a")
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
        gateway = self.fill(name)
        before = self.drops(actor)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertDenied(actor, family.public, 80, protocol)
        self.assertGreaterEqual((self.drops(actor) - before)[reason], 4)
        gateway.nft(f"flush set inet actornet {name}")
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)

    def test_full_set_of_rates_denies_new_flows(self):
        self.flows_are_denied("rate", "rates")

    def test_full_set_of_flows_denies_new_flows(self):
        self.flows_are_denied("flows", "flows")

    def test_full_set_of_inbound_flows_denies_new_ones(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        gateway = self.fill("inflows")
        for family in self.families():
            self.assertDenied(self.client, family.worker, 8001)
        self.assertGreaterEqual(self.drops(actor)["inflows"], 2)
        gateway.nft("flush set inet actornet inflows")
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 8001, "a")

    def test_full_set_of_fragments_denies_fragments(self):
        self.serve_outside(80)
        actor = self.activate("a")
        gateway = self.fill("frags")
        for family in self.families():
            self.assertIsNone(self.ping(actor, family.public, b"p" * 4000, timeout=0.2))
            self.assertAnswers(actor, family.public, 80, family.public)
        self.assertGreaterEqual(self.drops(actor)["fragments"], 6)
        gateway.nft("flush set inet actornet frags")
        for family in self.families():
            self.assertPings(actor, family.public, b"p" * 4000)

    def test_full_set_of_denials_counts_no_more_and_denies(self):
        self.serve_outside(80)
        actor = self.activate("a", "--egress", "none")
        gateway = self.fill("denied", " . 1")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertDenied(actor, family.public, 80, protocol)
        self.assertEqual(self.drops(actor)["policy"], 0)
        gateway.nft("flush set inet actornet denied")
        self.assertDenied(actor, lab.PUBLIC, 80)
        self.assertGreater(self.drops(actor)["policy"], 0)

    def test_released_actor_leaves_nothing_in_the_sets_of_limits(self):
        """Nor adds anything later, or the room would be used up in the end."""
        self.serve_outside(80)
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "a")
            self.assertPings(actor, family.public, b"p" * 4000)
        sets = ("frags", "flows", "inflows", "rates")
        self.assertEqual([self.elements(gateway, name) for name in sets], [1, 1, 1, 1])
        self.release(actor)
        for family in self.families():
            for pieces in (wire.fragments(bytes(4000), family.inner, family.public, wire.UDP, ident=1),
                           [actor.udp_packet(b"late", family.public, 1, 2)]):
                actor.frame(*pieces)
        self.assertEqual([self.elements(gateway, name) for name in sets], [0, 0, 0, 0])

    WORKER = ("flows4", "flows6", "inflows4", "inflows6")

    def test_full_sets_of_the_worker_deny_new_flows(self):
        self.serve_outside(80)
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        live = [self.session(actor, family.public, 80)[0] for family in self.families()]
        servers = [self.outside.udp(family.public, 7000) for family in self.families()]
        one_way = [actor.connect_udp(family.public, 7000) for family in self.families()]  # new to conntrack for good
        for sock, server in zip(one_way, servers):
            sock.send(b"first")
            self.assertEqual(server.recv(100), b"first")
        for name in self.WORKER:
            prefix = "10.1.%d.%d" if name.endswith("4") else "fd01::%x:%x"
            addresses = (prefix % divmod(number, 256) for number in range(self.SIZE))
            self.worker.nft(f"flush set inet actornet {name}\nadd element inet actornet {name} {{ {', '.join(addresses)} }}")
        for family, sock in zip(self.families(), live):
            for protocol in ("tcp", "udp"):
                self.assertSilent(actor, family.public, 80, protocol)
            self.assertSilent(self.client, family.worker, 8001)
            self.exchange(sock, b"what there was goes on")
        for sock, server in zip(one_way, servers):
            sock.send(b"second")
            self.assertEqual(server.recv(100), b"second")
        for name in self.WORKER:
            self.worker.nft(f"flush set inet actornet {name}")
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "a")

    def test_released_actor_leaves_nothing_in_the_workers_sets(self):
        """The kernel itself collects the elements, once the flows are gone."""
        self.serve_outside(80)
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            self.session(actor, family.public, 80)
            self.session(self.client, family.worker, 8001)
        self.assertEqual([self.elements(self.worker, name) for name in self.WORKER], [1, 1, 1, 1])
        time.sleep(2)  # it looks once a second
        self.assertEqual([self.elements(self.worker, name) for name in self.WORKER], [1, 1, 1, 1])
        self.release(actor)
        end = time.monotonic() + 10
        while time.monotonic() < end and any(self.elements(self.worker, name) for name in self.WORKER):
            time.sleep(0.1)
        self.assertEqual([self.elements(self.worker, name) for name in self.WORKER], [0, 0, 0, 0])

    def test_up_brings_limits_of_the_worker_back(self):
        self.up()
        chains = ("limit_flows", "limit_inflows")
        before = [self.worker.run("nft", "-s", "list", "chain", "inet", "actornet", name) for name in chains]
        self.worker.nft("\n".join([f"flush chain inet actornet {name}" for name in chains] +
                                  [f"delete set inet actornet {name}" for name in self.WORKER]))
        self.up()
        after = [self.worker.run("nft", "-s", "list", "chain", "inet", "actornet", name) for name in chains]
        self.assertEqual(after, before)
        self.assertIn("ct count", before[0])

    @staticmethod
    def elements(netns, name):
        """How many elements a set has."""
        for item in json.loads(netns.run("nft", "-j", "list", "set", "inet", "actornet", name))["nftables"]:
            if "set" in item:
                return len(item["set"].get("elem", ()))
        return None


class ForgottenFlowsTest(case.NetCase):
    """An actor that has the gateway forget flows which live is limited by what the worker's conntrack has of it."""

    TRIED, BATCH = 2600, 100
    # Resets that the worker knows nothing of: how far ahead of the handshake, and for how many hops.
    OUTSIDE_THE_WINDOW, NO_FURTHER = (0x30000000, 64), (1, 1)

    def setUp(self):
        super().setUp()
        self.serve_outside(80)
        self.one = self.activate("a", "--port", "8001:80", "--port", "8003:81")
        self.two = self.activate("b", "--port", "8002:80")
        for label, actor in (("a", self.one), ("b", self.two)):
            self.serve(actor, label, 80)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.later(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(8192, limits[1])))

    def be_liberal(self):
        """The gateway takes resets outside the window, and then forgets the flow in 1 s (10 s are the kernel's default)."""
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        gateway.sysctl("netfilter/nf_conntrack_tcp_be_liberal", 1)
        gateway.sysctl("netfilter/nf_conntrack_tcp_timeout_close", 1)

    def entries(self, family, *selector):
        """Connections of the worker's table."""
        return len(self.worker.run("conntrack", "-L", "-f", family.name, *selector).splitlines())

    def forget(self, capture, source, ahead, hops):
        """For each handshake that the actor sent its part of, send a reset so far ahead, for so many hops."""
        for packet in capture.drain():
            if packet.flags and packet.flags & wire.SYN:
                body = wire.tcp(b"", source, packet.target, packet.sport, packet.dport, seq=packet.seq + ahead, flags=wire.RST)
                self.one.frame(wire.ip(body, source, packet.target, wire.TCP, **{"hops" if ":" in source else "ttl": hops}))

    def flood(self, netns, address, port, source, *reset):
        """Begin many connections, no faster than the gateway's rate, and have each forgotten; their sockets."""
        capture = self.one.capture("eth0", outgoing=True)
        flood = []
        for number in range(self.TRIED):
            flood.append(netns.open_socket(family_of(address), socket.SOCK_STREAM))
            flood[-1].setblocking(False)
            flood[-1].connect_ex((address, port))
            if number % self.BATCH == self.BATCH - 1:
                time.sleep(self.BATCH / RATE)
                self.forget(capture, source, *reset)
        capture.close()
        return flood

    @staticmethod
    def connected(flood):
        """How many of these sockets are connected."""
        poll = select.poll()
        for sock in flood:
            poll.register(sock, select.POLLOUT)
        return sum(events == select.POLLOUT for _, events in poll.poll(0))

    def is_limited(self, family, netns, address, ports, server, selector, *reset):
        """ports: of the flood, and of a service; server: who listens to the flood."""
        listener = server.listen(family.any, 81, backlog=4096)
        live, _ = self.session(netns, address, ports[1])
        flood = self.flood(netns, address, ports[0], family.inner, *reset)
        self.assertLessEqual(self.entries(family, *selector), WORKER_FLOWS)
        self.assertGreater(self.connected(flood), WORKER_FLOWS - 10)
        drops = self.drops(self.one)
        self.assertEqual([drops["flows"], drops["rate"], drops["inflows"]], [0, 0, 0])
        self.exchange(live, b"what there was goes on")
        self.assertEqual(self.failure(netns, address, ports[1], timeout=0.3)[0], errno.ETIMEDOUT)
        self.assertAnswers(self.two, family.public, 80, family.public)
        self.assertAnswers(self.client, family.worker, 8002, "b")
        listener.close()  # and with it the server's ends
        for sock in flood:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self.assertAnswers(netns, address, ports[1], "a" if server is self.one else family.public)

    def limited_out(self, *reset):
        """What the actor begins, in both families."""
        for family in self.families():
            selector = ("-s", self.one.outer if family.name == "ipv4" else self.one.outer6)
            self.is_limited(family, self.one, family.public, (81, 80), self.outside, selector, *reset)

    def test_flows_that_the_gateway_forgot_for_a_reset_outside_the_window_are_limited(self):
        self.be_liberal()
        self.limited_out(*self.OUTSIDE_THE_WINDOW)

    def test_flows_that_the_gateway_forgot_for_a_reset_that_got_no_further_are_limited(self):
        self.limited_out(*self.NO_FURTHER)

    def test_inbound_flows_that_the_gateway_forgot_are_limited(self):
        self.be_liberal()
        for family in self.families():
            selector = ("--reply-src", self.one.outer if family.name == "ipv4" else self.one.outer6)
            self.is_limited(family, self.client, family.worker, (8003, 8001), self.one, selector, *self.OUTSIDE_THE_WINDOW)


class SegmentsTest(case.NetCase):
    """Segments that conntrack can't place."""

    def setUp(self):
        super().setUp()
        self.serve_outside(80)
        self.actor = self.activate("a", "--port", "8001:80", "--port", f"{self.worker.address}:8003:80",
                                   "--port", f"[{self.worker.address6}]:8003:80")
        self.serve(self.actor, "a", 80)

    def live(self, netns, address, port):
        """(socket, last packet that it sent, as netns sees it)."""
        capture = netns.capture("eth0", outgoing=True)
        sock, _ = self.session(netns, address, port)
        self.exchange(sock, b"first")
        seen = [packet for packet in capture.drain() if packet.dport == port and packet.protocol == wire.TCP]
        capture.close()
        return sock, seen[-1]

    @staticmethod
    def strays(last, source):
        """Segments of the flow far outside its window, and some that fit no flow's state."""
        def build(seq, ack, flags, payload=b""):
            body = wire.tcp(payload, source, last.target, last.sport, last.dport, seq=seq, ack=ack, flags=flags)
            return wire.ip(body, source, last.target, wire.TCP)
        far = (last.seq + 0x30000000) & 0xFFFFFFFF
        return [build(far, last.ack, wire.ACK | wire.PSH, b"stray"), build(far, last.ack, wire.ACK),
                build(last.seq, last.ack + 0x30000000, wire.ACK | wire.PSH, b"stray"), build(far, last.ack, wire.FIN | wire.ACK)]

    def astray(self):
        """Packets of actors that the worker's connection tracking took for invalid."""
        chain = self.worker.run("nft", "list", "chain", "inet", "actornet", "astray")
        return int(re.search(r"ct state invalid,untracked counter packets (\d+)", chain).group(1))

    def test_segments_outside_the_window_never_leave(self):
        addresses = {self.worker.address, self.worker.address6}  # a flow of the other family may end meanwhile
        for family in self.families():
            sock, last = self.live(self.actor, family.public, 80)
            before = self.drops(self.actor)["invalid"] + self.astray()
            capture = self.on_wire()
            strays = self.strays(last, family.inner)
            self.actor.frame(*strays)
            self.exchange(sock, b"in the window")
            seen = self.barrier(capture)
            self.assertTrue([packet for packet in seen if packet.payload == b"in the window"])
            self.assertEqual([packet for packet in seen if packet.payload == b"stray"], [])
            self.assertEqual([packet for packet in seen if packet.source not in addresses and packet.dport == 80], [])
            self.assertEqual(self.drops(self.actor)["invalid"] + self.astray() - before, len(strays), "wherever: by the gateway, or by the worker")

    def test_strays_to_a_mapped_port_do_not_reset_the_live_flow(self):
        for family in self.families():
            for port in (8001, 8003):  # of any address, of one address
                with self.subTest(family=family.name, port=port):
                    sock, last = self.live(self.client, family.worker, port)
                    capture = self.on_wire()
                    self.client.send_ip(*self.strays(last, family.client))
                    self.exchange(sock, b"alive")
                    resets = [packet for packet in self.barrier(capture) if packet.flags and packet.flags & wire.RST]
                    self.assertEqual(resets, [])
            self.failure(self.client, family.worker, 8002)
            resets = [packet for packet in self.barrier(capture) if packet.flags and packet.flags & wire.RST]
            self.assertTrue(resets, "the worker's stack resets what nobody listens to")

    def test_strays_to_a_masqueraded_port_do_not_reset_the_live_flow(self):
        for family in self.families():
            at_server = self.outside.capture("eth0", outgoing=True)
            sock, answer = self.session(self.actor, family.public, 80)
            self.exchange(sock, b"first")
            last = [packet for packet in at_server.drain() if packet.sport == 80 and packet.dport == answer.port][-1]
            capture = self.on_wire()
            self.outside.send_ip(*self.strays(last, family.public))
            self.exchange(sock, b"alive")
            resets = [packet for packet in self.barrier(capture) if packet.flags and packet.flags & wire.RST]
            self.assertEqual(resets, [])

    def test_segment_that_the_worker_cannot_place_is_neither_sent_on_nor_reset(self):
        loose = "netfilter/nf_conntrack_tcp_loose"  # does a segment from the middle begin a flow?
        self.later(self.worker.sysctl, loose, self.worker.sysctl(loose))
        self.worker.sysctl(loose, 0)
        for family in self.families():
            sock, last = self.live(self.actor, family.public, 80)
            capture = self.on_wire()
            self.worker.run("conntrack", "-D", "-f", family.name, "-p", "tcp", "--orig-port-src", str(last.sport))
            sock.settimeout(0.3)
            sock.send(b"unknown")
            self.assertRaises(TimeoutError, sock.recv, 100)
            self.assertEqual([packet for packet in self.barrier(capture) if packet.payload == b"unknown"], [])
            other, _ = self.session(self.actor, family.public, 80)
            self.exchange(other, b"known")

    def test_strays_to_the_workers_own_flows_are_the_workers(self):
        for family in self.families():
            sock, _ = self.live(self.worker, family.public, 80)
            self.exchange(sock, b"the worker's own")


if __name__ == "__main__":
    case.main()

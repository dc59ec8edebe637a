# SPDX-License-Identifier: Apache-2.0
"""Two actors with the same inner address at once: nothing of one is taken for the other's."""

import itertools
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import Namespace


class NeighboursTest(case.NetCase):
    """Actors a and b, each with a port."""

    def setUp(self):
        super().setUp()
        self.one = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp", "--egress", "all")
        self.two = self.activate("b", "--port", "8002:80", "--port", "8002:80/udp", "--egress", "all")
        self.both = (self.one, self.two)

    def test_both_look_alike_inside_and_differ_outside(self):
        for key in ("address", "address6", "gateway", "gateway6", "mac", "interface", "mtu"):
            self.assertEqual(self.one.info[key], self.two.info[key])
        for key in ("netns", "slot", "outer", "outer6", "generation"):
            self.assertNotEqual(self.one.info[key], self.two.info[key])
        self.assertEqual((self.one.address, self.one.address6, self.one.mac), (case.INNER, case.INNER6, case.MAC_ACTOR))

    def test_resolver_that_is_an_actors_address_opens_no_neighbour(self):
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        self.serve(self.two, "b", 53)
        self.serve_outside(53)
        for family, outer in zip(self.families(), (self.two.outer, self.two.outer6)):
            name = "resolver4" if family.name == "ipv4" else "resolver6"
            gateway.nft(f"add element inet actornet {name} {{ {outer} . tcp . 53, {outer} . udp . 53,"
                        f" {family.private} . tcp . 53, {family.private} . udp . 53 }}")
            before = self.drops(self.one)
            for protocol in ("tcp", "udp"):
                self.assertDenied(self.one, outer, 53, protocol)
                self.assertAnswers(self.worker, outer, 53, "b", protocol)
                self.assertAnswers(self.one, family.private, 53, family.private, protocol)
            self.assertGreaterEqual((self.drops(self.one) - before)["floor"], 2)

    def test_what_is_for_no_actor_gets_to_none(self):
        """Between a release and the end of its flows an answer finds a way, but no address: it must not arrive."""
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        for family, outer in zip(self.families(), (self.one.outer, self.one.outer6)):
            server = self.outside.udp(family.public, 7000)
            sock = self.one.connect_udp(family.public, 7000)
            capture = self.one.capture("eth0")
            sock.send(b"question")
            _, peer = server.recvfrom(100)
            server.sendto(b"answer", peer)
            self.assertEqual(sock.recv(100), b"answer")
            known = "known4" if family.name == "ipv4" else "known6"
            gateway.nft(f"delete element inet actornet {known} {{ {outer} }}")
            server.sendto(b"late", peer)
            self.serve(self.outside, "out", 7001, addresses=(family.public,))
            self.assertAnswers(self.two, family.public, 7001, "out", "udp")
            self.assertEqual([packet for packet in capture.drain() if packet.payload == b"late"], [])
            gateway.nft(f"add element inet actornet {known} {{ {outer} }}")
            server.sendto(b"again", peer)
            self.assertEqual(sock.recv(100), b"again")

    def test_equal_source_ports_out(self):
        self.serve_outside(80)
        for family in self.families():
            flows = [self.session(actor, family.public, 80, source=(family.inner, 4444)) for actor in self.both]
            self.assertNotEqual(flows[0][1].port, flows[1][1].port)
            for number, (sock, _) in enumerate(flows):
                self.exchange(sock, b"stream of %d" % number)
            socks = [actor.connect_udp(family.public, 80, source=(family.inner, 4444)) for actor in self.both]
            for number, sock in enumerate(socks):
                sock.send(b"datagram of %d" % number)
            for number, sock in enumerate(socks):
                self.assertTrue(sock.recv(100).endswith(b"datagram of %d" % number))

    def test_equal_source_ports_in(self):
        for name, actor in zip("ab", self.both):
            self.serve(actor, name, 80)
        for family in self.families():
            source = (family.client, 5555)
            flows = [self.session(self.client, family.worker, port, source=source) for port in (8001, 8002)]
            self.assertEqual([answer.label for _, answer in flows], ["a", "b"])
            for number, (sock, _) in enumerate(flows):
                self.exchange(sock, b"stream to %d" % number)
            for name, port in (("a", 8001), ("b", 8002)):
                self.assertEqual(self.ask(self.client, family.worker, port, "udp", source).label, name)

    def test_equal_echo_ids(self):
        for family in self.families():
            socks = [actor.icmp(family.number) for actor in self.both]
            for number, sock in enumerate(socks):
                sock.sendto(wire.echo(family.inner, family.public, 77, 1, b"echo of %d" % number), (family.public, 0))
            for number, sock in enumerate(socks):
                reply = self._pong(sock, family.number, 77, 1, 2)
                self.assertIsNotNone(reply, f"actor {number} has no reply")
                self.assertEqual(reply.payload, b"echo of %d" % number)

    def test_interleaved_fragments_with_equal_ids_are_not_joined(self):
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            for length in (1500, 4000, 9000, 60000):
                bodies = [random.Random(length + number).randbytes(length) for number in range(2)]
                cut = [wire.fragments(wire.udp(body, family.inner, family.public, 6000, 7000), family.inner,
                                      family.public, wire.UDP, ident=4242) for body in bodies]
                for pieces in itertools.zip_longest(*cut):
                    for actor, piece in zip(self.both, pieces):
                        actor.frame(piece)
                got = [server.recvfrom(1 << 16)[0] for _ in self.both]
                self.assertEqual(sorted(got), sorted(bodies), f"{length} bytes")

    def test_large_datagrams_of_both_reassemble_in_both_directions(self):
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            socks = [actor.udp(family.inner, 6000) for actor in self.both]
            bodies = [random.Random(number).randbytes(20000 + number) for number in range(2)]
            for sock, body in zip(socks, bodies):
                sock.sendto(body, (family.public, 7000))
            peers = {}
            for _ in socks:
                data, peer = server.recvfrom(1 << 16)
                peers[bodies.index(data)] = peer
            for number in (0, 1):
                server.sendto(bodies[number][::-1], peers[number])
            for sock, body in zip(socks, bodies):
                self.assertEqual(sock.recvfrom(1 << 16)[0], body[::-1])

    def test_large_pings_of_both_at_once(self):
        for family in self.families():
            socks = [actor.icmp(family.number) for actor in self.both]
            bodies = [random.Random(number).randbytes(5000) for number in range(2)]
            cut = [wire.fragments(wire.echo(family.inner, family.public, 99, 1, body), family.inner, family.public,
                                  wire.ICMP6 if family.name == "ipv6" else wire.ICMP, ident=5) for body in bodies]
            for pieces in zip(*cut):
                for actor, piece in zip(self.both, pieces):
                    actor.frame(piece)
            for sock, body in zip(socks, bodies):
                reply = self._pong(sock, family.number, 99, 1, 2)
                self.assertIsNotNone(reply)
                self.assertEqual(reply.payload, body)

    def test_large_pings_that_hold_a_forbidden_type_where_a_fragment_begins(self):
        for family in self.families():
            self.assertPings(self.one, family.public, bytes((5, 0, 13, 0, 137, 0, 3, 4)) * 700)
            self.assertPings(self.one, family.public, bytes(range(256)) * 30)

    def test_neither_reaches_the_other_by_any_address(self):
        for name, actor in zip("ab", self.both):
            self.serve(actor, name, 80)
        for outer in (self.two.outer, self.two.outer6):
            for protocol in ("tcp", "udp"):
                self.assertDenied(self.one, outer, 80, protocol)
                self.assertAnswers(self.worker, outer, 80, "b", protocol)
        capture = self.two.capture("eth0")
        for target in (self.two.outer, self.two.outer6, case.INNER, case.INNER6, case.INNER_GW, case.INNER_GW6,
                       "255.255.255.255", "ff02::1"):
            self.one.frame(self.one.udp_packet(b"to the neighbour", target, 1, 80))
        self.assertAnswers(self.client, self.worker.address, 8002, "b")
        self.assertEqual([packet for packet in capture.drain() if b"neighbour" in packet.payload], [])

    def test_flows_of_both_are_byte_exact_at_once(self):
        for family in self.families():
            listener = self.outside.listen(family.public, 7000)
            pairs = []
            for actor in self.both:
                left = actor.connect(family.public, 7000, source=(family.inner, 4444))
                pairs.append((left, self.outside.own(listener.accept()[0])))
            for left, right in pairs:
                self.transfer(left, right, 64)
                self.transfer(right, left, 64)
            listener.close()

    def test_release_of_one_leaves_the_flows_of_the_other(self):
        self.serve_outside(80)
        self.serve(self.one, "a", 80)
        out, _ = self.session(self.one, lab.PUBLIC, 80)
        inward, _ = self.session(self.client, self.worker.address6, 8001)
        self.release(self.two)
        self.exchange(out, b"still")
        self.exchange(inward, b"here")


if __name__ == "__main__":
    case.main()

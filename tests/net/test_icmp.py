# SPDX-License-Identifier: Apache-2.0
"""ICMP errors both ways, with the headers in them as their receiver knows the flow."""

import errno
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import IP_TTL, dont_fragment


class IcmpTest(case.NetCase):
    """One actor with two ports."""

    def setUp(self):
        super().setUp()
        self.actor = self.activate("a", "--port", "8001:80/udp", "--port", "8001:80", "--egress", "all")
        self.unreachable = {"ipv4": (3, 3), "ipv6": (1, 4)}
        self.too_big = {"ipv4": (3, 4), "ipv6": (2, 0)}
        self.exceeded = {"ipv4": (11, 0), "ipv6": (3, 0)}

    def error_in(self, capture, kind_code):
        """The first ICMP error of this kind that is captured; its checksums are right."""
        seen = capture.until(lambda packet: packet.inner is not None)
        self.assertIsNotNone(seen, "no ICMP error")
        error = seen[-1]
        self.assertEqual((error.kind, error.code), kind_code, repr(error))
        self.assertTrue(error.sum_ok, f"ICMP checksum: {error!r}")
        if error.version == 4:
            self.assertTrue(error.head_ok, "IP header checksum")
            self.assertTrue(error.inner.head_ok, f"embedded IP header checksum: {error!r}")
        return error

    def test_port_unreachable_from_outside_reaches_the_actor(self):
        for family in self.families():
            capture = self.actor.capture("eth0")
            with self.actor.connect_udp(family.public, 9, source=(family.inner, 6000)) as sock:
                sock.send(b"nobody there")
                self.assertRaises(ConnectionRefusedError, sock.recv, 100)
            error = self.error_in(capture, self.unreachable[family.name])
            self.assertEqual((error.source, error.target), (family.public, family.inner))
            self.assertEqual(error.inner.flow, (wire.UDP, family.inner, 6000, family.public, 9))
            self.assertTrue(error.inner.payload.startswith(b"nobody there"))

    def test_port_unreachable_of_the_actor_reaches_its_peer(self):
        for family in self.families():
            capture = self.client.capture("eth0")
            with self.client.connect_udp(family.worker, 8001, source=(family.client, 6000)) as sock:
                sock.send(b"nobody there")
                self.assertRaises(ConnectionRefusedError, sock.recv, 100)
            error = self.error_in(capture, self.unreachable[family.name])
            self.assertEqual((error.source, error.target), (family.worker, family.client))
            self.assertEqual(error.inner.flow, (wire.UDP, family.client, 6000, family.worker, 8001))

    def test_unreachable_for_a_flow_of_the_actor_that_its_peer_answered_late(self):
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            sock = self.actor.connect_udp(family.public, 7000, source=(family.inner, 6001))
            sock.send(b"question")
            _, peer = server.recvfrom(100)
            sock.close()
            capture = self.outside.capture("eth0")
            server.sendto(b"too late", peer)
            error = self.error_in(capture, self.unreachable[family.name])
            self.assertEqual((error.source, error.target), (family.worker, family.public))
            self.assertEqual(error.inner.flow, (wire.UDP, family.public, 7000, family.worker, peer[1]))

    def narrow(self, link, peer, mtu=1300):
        """Make a link of the router narrow, for this test."""
        for netns, name in ((self.router, link), (peer, "eth0")):
            netns.ip(f"link set {name} mtu {mtu}")
            self.later(netns.ip, f"link set {name} mtu 1500")

    def test_path_mtu_outward(self):
        self.narrow("out0", self.outside)
        for family in self.families():
            head = 28 if family.name == "ipv4" else 48
            server = self.outside.udp(family.public, 7000)
            capture = self.actor.capture("eth0")
            sock = self.actor.connect_udp(family.public, 7000, source=(family.inner, 6000))
            dont_fragment(sock)
            sock.send(b"x" * (1300 - head))
            self.assertEqual(len(server.recvfrom(2000)[0]), 1300 - head)
            sock.send(b"x" * (1301 - head))
            error = self.error_in(capture, self.too_big[family.name])
            self.assertEqual(struct.unpack("!HH", error.rest)[1], 1300)
            self.assertEqual(error.inner.flow, (wire.UDP, family.inner, 6000, family.public, 7000))
            with self.assertRaises(OSError) as caught:
                for _ in range(3):  # the pending error, then the learnt MTU
                    sock.send(b"x" * (1301 - head))
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
            left, right = self.tcp_pair(self.actor, family.public, 7001, self.outside, (family.public, 7001))
            self.transfer(left, right, 16)
            self.transfer(right, left, 16)

    def test_path_mtu_of_answers_to_inbound_flows(self):
        self.narrow("cli0", self.client)
        for family in self.families():
            head = 28 if family.name == "ipv4" else 48
            server = self.actor.udp(family.inner, 80, df=True)
            capture = self.actor.capture("eth0")
            with self.client.connect_udp(family.worker, 8001) as sock:
                sock.send(b"question")
                _, peer = server.recvfrom(100)
                server.sendto(b"y" * (1300 - head), peer)
                self.assertEqual(len(sock.recv(2000)), 1300 - head)
                server.sendto(b"y" * (1301 - head), peer)
                error = self.error_in(capture, self.too_big[family.name])
                self.assertEqual(error.inner.flow, (wire.UDP, family.inner, 80, family.client, peer[1]))
                with self.assertRaises(OSError) as caught:
                    for _ in range(3):
                        server.sendto(b"y" * (1301 - head), peer)
                self.assertEqual(caught.exception.errno, errno.EMSGSIZE)
            left, right = self.tcp_pair(self.client, family.worker, 8001, self.actor, (family.inner, 80))
            self.transfer(right, left, 16)
            self.transfer(left, right, 16)

    def test_too_big_of_the_actor_reaches_its_peer(self):
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            sock = self.actor.connect_udp(family.public, 7000, source=(family.inner, 6000))
            sock.send(b"question")
            _, peer = server.recvfrom(100)
            about = wire.ip(wire.udp(b"z" * 1400, family.public, family.inner, 7000, 6000), family.public, family.inner,
                            wire.UDP)
            if family.name == "ipv4":
                error = wire.ipv4(wire.icmp(3, 4, struct.pack("!HH", 0, 1300), about[:28]), family.inner, family.public,
                                  wire.ICMP)
            else:
                error = wire.ipv6(wire.icmp6(2, 0, struct.pack("!I", 1300), about[:500], family.inner, family.public),
                                  family.inner, family.public, wire.ICMP6)
            capture = self.outside.capture("eth0")
            self.actor.frame(error)
            seen = self.error_in(capture, self.too_big[family.name])
            self.assertEqual(seen.inner.flow, (wire.UDP, family.public, 7000, family.worker, peer[1]))
            self.assertEqual(seen.source, family.worker)

    def test_traceroute_shows_each_hop(self):
        for family in self.families():
            hops = []
            for ttl in range(1, 5):
                capture = self.actor.capture("eth0")
                sock = self.actor.connect_udp(family.public, 33434 + ttl, source=(family.inner, 6000 + ttl))
                if family.name == "ipv4":
                    sock.setsockopt(socket.IPPROTO_IP, IP_TTL, ttl)
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
                sock.send(b"hop")
                error = self.error_in(capture, self.exceeded[family.name] if ttl < 4 else self.unreachable[family.name])
                self.assertEqual(error.target, family.inner)
                self.assertEqual(error.inner.flow, (wire.UDP, family.inner, 6000 + ttl, family.public, 33434 + ttl))
                hops.append(error.source)
                capture.close()
            self.assertEqual(hops[3], family.public)
            self.assertIn(hops[2], (self.worker.router, "fd98:1::1"))
            self.assertEqual(len(set(hops)), 4, hops)

    def test_tcp_to_a_port_nobody_listens_on_is_reset_both_ways(self):
        for family in self.families():
            self.assertDenied(self.actor, family.public, 9)
            self.assertDenied(self.client, family.worker, 8001)
            self.serve(self.actor, "a", 80, protocols=("tcp",), addresses=(family.any,))
            self.assertAnswers(self.client, family.worker, 8001, "a")

    def test_no_route_is_told_to_the_actor(self):
        for family, target, kind_code in zip(self.families(), ("198.100.1.1", "2600::1"), ((3, 1), (1, 0))):
            self.router.ip(f"route add unreachable {target}")
            self.later(self.router.ip, f"route del unreachable {target}")
            capture = self.actor.capture("eth0")
            with self.actor.connect_udp(target, 80, source=(family.inner, 6000)) as sock:
                sock.send(b"where to?")
            error = self.error_in(capture, kind_code)
            self.assertEqual(error.inner.flow, (wire.UDP, family.inner, 6000, target, 80))


class ChecksumTest(case.NetCase):
    """Rewriting keeps checksums right, whoever computed them."""

    def test_complete_checksums_stay_right_in_both_directions(self):
        actor = self.activate("a", "--port", "8001:80/udp", "--port", "8001:80")
        outside, inside = self.outside.capture("eth0"), actor.capture("eth0")
        for family in self.families():
            for payload in (b"even", b"odds!", b""):
                for protocol, build in ((wire.UDP, wire.udp), (wire.TCP, wire.tcp)):
                    packet = wire.ip(build(payload, family.inner, family.public, 6000, 7000), family.inner, family.public,
                                     protocol)
                    actor.frame(packet)
                    seen = outside.until(lambda packet, want=protocol: packet.protocol == want and packet.dport == 7000)
                    self.assertIsNotNone(seen)
                    self.assertTrue(seen[-1].sum_ok, repr(seen[-1]))
                    packet = wire.ip(build(payload, family.client, family.worker, 6000, 8001), family.client,
                                     family.worker, protocol)
                    self.client.send_ip(packet)
                    seen = inside.until(lambda packet, want=protocol: packet.protocol == want and packet.dport == 80)
                    self.assertIsNotNone(seen)
                    self.assertTrue(seen[-1].sum_ok, repr(seen[-1]))

    def test_wrong_checksum_is_not_made_right(self):
        actor = self.activate("a")
        outside = self.outside.udp(lab.PUBLIC, 7000)
        bad = wire.udp(b"damaged", case.INNER, lab.PUBLIC, 6000, 7000, bad=True)
        actor.frame(wire.ipv4(bad, case.INNER, lab.PUBLIC, wire.UDP))
        actor.frame(actor.udp_packet(b"sound", lab.PUBLIC, 6000, 7000))
        self.assertEqual(outside.recvfrom(100)[0], b"sound")


if __name__ == "__main__":
    case.main()

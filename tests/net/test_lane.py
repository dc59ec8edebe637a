# SPDX-License-Identifier: Apache-2.0
"""The fast lane: judged flows take it, nothing else does, and it ends with what they were judged by.

A packet that goes the long way passes two routers, the gateway and the worker; in the lane the worker alone. From the
network it comes by one more.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import wire
from netns import Namespace

TTL, LONG, LANE, LANE_IN = 64, 62, 63, 62
LANE_S = 10  # how long a flow is known


class LaneTest(case.NetCase):
    """Actors a and b, each with a port."""

    def setUp(self):
        super().setUp()
        self.gateway = Namespace(self.up().json["gateway_netns"])
        self.later(self.gateway.close)
        self.actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.wire = self.on_wire()

    def hops(self, capture, payload):
        """Time to live of a captured packet."""
        seen = capture.until(lambda packet: payload in packet.payload)
        return seen[-1].ttl

    def outward(self, family, port=7000, sport=0):
        """A UDP flow of actor a's that both ends have used: its end, the other one."""
        server = self.outside.udp(family.public, port)
        sock = self.actor.udp(family.inner, sport)
        sock.connect((family.public, port))
        sock.send(b"question")
        server.connect(server.recvfrom(100)[1])
        server.send(b"answer")
        self.assertEqual(sock.recv(100), b"answer")
        sock.send(b"learned")
        self.assertEqual(server.recv(100), b"learned")
        return sock, server

    def assertPasses(self, source, target, capture, text, ttl):
        """A datagram arrives by that way."""
        capture.drain()
        source.send(text)
        self.assertEqual(target.recv(100), text)
        self.assertEqual(self.hops(capture, text), ttl)

    def test_flows_of_udp_take_the_lane_both_ways(self):
        inside = self.actor.capture("eth0")
        for family in self.families():
            sock, server = self.outward(family)
            self.assertPasses(sock, server, self.wire, b"out", LANE)
            self.assertPasses(server, sock, inside, b"back", LANE_IN)
            served, client = self.actor.udp(family.inner, 80), self.client.udp(family.client, 6000)
            client.connect((family.worker, 8001))
            client.send(b"question")
            served.connect(served.recvfrom(100)[1])
            self.assertPasses(served, client, self.wire, b"answer", LONG)
            self.assertPasses(client, served, inside, b"in", LANE_IN)
            self.assertPasses(served, client, self.wire, b"back again", LANE)

    def test_connections_take_the_lane_but_for_their_beginning_and_end(self):
        inside = self.actor.capture("eth0")
        for family in self.families():
            left, right = self.tcp_pair(self.actor, family.public, 7001, self.outside, (family.public, 7001))
            for text in (b"first", b"second"):
                left.send(text)
                self.assertEqual(right.recv(100), text)
            self.assertPasses(left, right, self.wire, b"out", LANE)
            self.assertPasses(right, left, inside, b"back", LANE_IN)
            port = right.getpeername()[1]
            left.close()
            right.close()
            seen = self.barrier(self.wire)
            ends = [packet for packet in seen if packet.flags and packet.flags & wire.FIN and packet.sport == port]
            self.assertEqual([packet.ttl for packet in ends], [LONG])
            states = self.gateway.run("conntrack", "-L", "-f", family.name, "-p", "tcp", "--orig-port-dst", "7001")
            self.assertNotIn("ESTABLISHED", states, "connection tracking saw the end")
            self.assertIn("src=", states)

    def test_flow_goes_the_long_way_now_and_then_wherever_its_numbers_are(self):
        for family in self.families():
            sock, server = self.outward(family)
            left, right = self.tcp_pair(self.actor, family.public, 7001, self.outside, (family.public, 7001))
            self.transfer(left, right, 64)
            self.assertPasses(sock, server, self.wire, b"before", LANE)
            time.sleep(LANE_S + 1)
            self.assertPasses(sock, server, self.wire, b"once", LONG)
            self.assertPasses(sock, server, self.wire, b"after", LANE)
            self.transfer(right, left, 64)
            self.transfer(left, right, 64)

    def test_fragments_and_options_take_no_lane(self):
        for family in self.families():
            sock, server = self.outward(family)
            self.wire.drain()
            sock.send(b"f" * 3000)
            self.assertEqual(len(server.recv(4000)), 3000)
            pieces = [packet for packet in self.barrier(self.wire) if packet.offset or packet.more]
            self.assertEqual({packet.ttl for packet in pieces}, {LONG})
            self.assertPasses(sock, server, self.wire, b"whole", LANE)

    def test_wrong_source_with_the_ports_of_a_live_flow_is_spoofed(self):
        for family in self.families():
            sock, server = self.outward(family, sport=6100)
            before = self.drops(self.actor)
            source = "10.9.9.9" if family.name == "ipv4" else "fd09::9"
            self.actor.frame(self.actor.udp_packet(b"spoofed", family.public, 6100, 7000, source=source))
            self.assertPasses(sock, server, self.wire, b"honest", LANE)
            self.assertGreaterEqual((self.drops(self.actor) - before)["spoof"], 1)

    def test_frame_that_was_not_addressed_to_the_gateway_takes_no_lane(self):
        for family in self.families():
            sock, server = self.outward(family, sport=6300)
            for mac in ("02:a8:1e:00:00:03", "02:a8:1e:00:00:77", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05"):
                packet = self.actor.udp_packet(b"astray", family.public, 6300, 7000)
                self.actor.send_frame(wire.ether(packet, self.actor.mac, mac))
                self.assertPasses(sock, server, self.wire, b"honest", LANE)

    def test_neighbour_with_the_same_flow_has_one_of_its_own(self):
        other = self.activate("b")
        for family in self.families():
            sock, server = self.outward(family, sport=6200)
            theirs = other.udp(family.inner, 6200)
            theirs.connect((family.public, 7000))
            server_of_b = server.getpeername()
            self.later(server.close)
            unconnected = self.outside.udp(family.public, 7005)
            theirs.connect((family.public, 7005))
            mine = self.actor.udp(family.inner, 6201)
            mine.connect((family.public, 7005))
            for text in (b"one", b"two", b"three"):
                for end, name in ((mine, b"a "), (theirs, b"b ")):
                    end.send(name + text)
                    data, peer = unconnected.recvfrom(100)
                    self.assertEqual(data, name + text)
                    unconnected.sendto(data, peer)
                    self.assertEqual(end.recv(100), name + text)
            self.assertEqual(server.getpeername(), server_of_b)
            self.assertPasses(sock, server, self.wire, b"still", LANE)

    def test_release_ends_the_lane_at_once(self):
        flows = [self.outward(family) for family in self.families()]
        inside = self.actor.capture("eth0")
        for sock, server in flows:
            self.assertPasses(sock, server, self.wire, b"before", LANE)
        self.release(self.actor)
        self.wire.drain()
        inside.drain()
        for sock, server in flows:
            sock.send(b"after")
            server.send(b"after")
        self.assertEqual([packet for packet in self.barrier(self.wire) if packet.payload == b"after" and packet.ttl != TTL], [])
        self.assertEqual([packet for packet in inside.drain() if packet.payload == b"after" and packet.ttl != TTL], [])


if __name__ == "__main__":
    case.main()

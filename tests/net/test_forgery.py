# SPDX-License-Identifier: Apache-2.0
"""Frames that a root user inside makes by hand: none leaves the gateway that is not the actor's own honest packet."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
import wire
from netns import Namespace

I4, I6, GW4, GW6 = case.INNER, case.INNER6, case.INNER_GW, case.INNER_GW6
P4, P6 = lab.PUBLIC, lab.PUBLIC6
BAD = b"forged"


def udp4(source, **more):
    """A UDP packet to the outside that claims to be from source."""
    return wire.ipv4(wire.udp(BAD, source, P4, 1000, 2000), source, P4, wire.UDP, **more)


def udp6(source, **more):
    """The same in IPv6."""
    return wire.ipv6(wire.udp(BAD, source, P6, 1000, 2000), source, P6, wire.UDP, **more)


class ForgeryTest(case.NetCase):
    """Two actors: one forges, the other and the outside must not notice."""

    def setUp(self):
        super().setUp()
        self.actor = self.activate("forger", "--egress", "all")
        self.other = self.activate("other", "--egress", "all", "--port", "8002:80")
        self.control = self.outside.udp(P4, 4000)
        self.captures = [self.worker.capture("actornet0"), self.other.capture("eth0")]

    def assertStays(self, *frames, reason=None):
        """None of these frames gets to the worker or the other actor; an honest one behind them does."""
        before = self.drops(self.actor)
        for capture in self.captures:
            capture.drain()
        for frame in frames:
            self.actor.send_frame(frame)
        mark = os.urandom(8)
        self.actor.frame(self.actor.udp_packet(mark, P4, 4001, 4000))
        self.assertEqual(self.control.recvfrom(100)[0], mark)
        for capture in self.captures:
            seen = [packet for packet in capture.drain() if packet.payload != mark and not self.is_noise(packet)]
            self.assertEqual(seen, [])
        if reason:
            counted = self.drops(self.actor) - before
            self.assertGreaterEqual(counted[reason], len(frames), counted)

    @staticmethod
    def is_noise(packet):
        """Router solicitations and listener reports that a kernel sends by itself; ours are told by their payload."""
        return packet.kind in (133, 143) and BAD not in packet.payload

    def stays(self, *packets, reason=None):
        """assertStays() for IP packets, with the right MACs."""
        self.assertStays(*(wire.ether(packet, self.actor.mac, case.MAC_GW) for packet in packets), reason=reason)

    def test_wrong_source_is_dropped_and_counted(self):
        worker = self.worker
        for source in (lab.PUBLIC, lab.CLIENT, worker.address, worker.router, self.actor.outer, self.other.outer, GW4,
                       "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.17.3", "10.98.2.2"):
            with self.subTest(source):
                self.stays(udp4(source), reason="spoof")
        for source in (lab.PUBLIC6, lab.CLIENT6, worker.address6, self.actor.outer6, self.other.outer6, GW6, "::",
                       "fe80::2", "fd00:169:254::3", "::ffff:10.0.0.1", "::ffff:169.254.17.2"):
            with self.subTest(source):
                self.stays(udp6(source), reason="spoof")
        self.stays(udp6("::1"), udp6("ff02::1"))  # the kernel drops these before any rule

    def test_wrong_source_in_tcp_icmp_and_fragments_is_dropped(self):
        big = wire.udp(BAD * 500, lab.CLIENT, P4, 1, 2)
        big6 = wire.udp(BAD * 500, lab.CLIENT6, P6, 1, 2)
        self.stays(wire.ipv4(wire.tcp(BAD, lab.CLIENT, P4, 1, 80), lab.CLIENT, P4, wire.TCP),
                   wire.ipv4(wire.echo(lab.CLIENT, P4, 1, 1, BAD), lab.CLIENT, P4, wire.ICMP),
                   *wire.fragments(big, lab.CLIENT, P4, wire.UDP, ident=9),
                   *wire.fragments(big6, lab.CLIENT6, P6, wire.UDP, ident=9), reason="spoof")

    def test_frames_to_another_mac_or_of_another_kind_are_not_routed(self):
        good = self.actor.udp_packet(BAD, P4, 1000, 2000)
        for target in (case.MAC_ACTOR, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "02:00:00:00:00:99", self.worker.mac):
            with self.subTest(target):
                self.assertStays(wire.ether(good, self.actor.mac, target))
        tagged = struct.pack("!HH", 5, wire.ETH_IP4) + good
        for kind, payload in ((0x8100, tagged), (0x88A8, tagged), (0x88CC, BAD * 10), (0x8847, b"\0\0\x11\x40" + good)):
            self.assertStays(wire.ether(payload, self.actor.mac, case.MAC_GW, kind))

    def test_ipv4_options_are_dropped(self):
        for name, options in (("record route", b"\x07\x0b\x04" + b"\0" * 8), ("loose", b"\x83\x07\x04" + wire.packed(P4)),
                              ("strict", b"\x89\x07\x04" + wire.packed(P4)), ("stamp", b"\x44\x08\x05\x00" + b"\0" * 4),
                              ("alert", b"\x94\x04\0\0"), ("nop", b"\x01" * 4)):
            with self.subTest(name):
                self.stays(udp4(I4, options=options), reason="options")

    def test_ipv6_routing_headers_are_dropped(self):
        for kind in (0, 2, 4):
            with self.subTest(kind):
                self.stays(udp6(I6, extensions=[(wire.ROUTING, wire.routing_header(lab.SECOND6, kind))]),
                           reason="options")
                self.stays(udp6(I6, extensions=[(wire.DSTOPTS, b"\0\x01\x04\0\0\0\0"),
                                                (wire.ROUTING, wire.routing_header(lab.SECOND6, kind))]),
                           reason="options")

    def test_ipv6_options_are_dropped(self):
        options = (wire.DSTOPTS, b"\0\x01\x04\0\0\0\0")
        self.stays(udp6(I6, extensions=[options]), udp6(I6, extensions=[options, options]), reason="options")
        self.stays(udp6(I6, extensions=[(51, b"\x04\0\0\0\0\0\x01" + b"\0" * 16)]), reason="protocol")  # authentication
        self.stays(udp6(I6, extensions=[(wire.HOPOPTS, b"\0\x05\x02\0\0\x01\0")]))  # by the kernel, before any rule

    def test_headers_behind_a_fragment_header_are_dropped(self):
        options, piece = b"\0\x01\x04\0\0\0\0", wire.udp(BAD * 3, I6, P6, 1000, 2000)
        atomic = (wire.FRAGMENT, struct.pack("!BHI", 0, 0, 5))
        first, later = (wire.FRAGMENT, struct.pack("!BHI", 0, 1, 6)), (wire.FRAGMENT, struct.pack("!BHI", 0, 24, 6))
        for fragment in (atomic, first, later):
            self.stays(*(wire.ipv6(piece, I6, P6, wire.UDP, extensions=[fragment, header]) for header in (
                (wire.DSTOPTS, options), (wire.HOPOPTS, options), (wire.ROUTING, wire.routing_header(lab.SECOND6, 2)), atomic)),
                       reason="options")
        self.stays(wire.ipv6(b"\x11\0\0\x01", I6, P6, wire.FRAGMENT), wire.ipv6(b"\x11\0", I6, P6, wire.FRAGMENT),
                   wire.ipv6(b"", I6, P6, wire.FRAGMENT))  # cut within the header
        self.stays(wire.ipv6(wire.sctp_init(1, 2), I6, P6, wire.SCTP, extensions=[atomic]), reason="protocol")
        server = self.outside.udp(P6, 2000)
        self.actor.frame(wire.ipv6(piece, I6, P6, wire.UDP, extensions=[atomic]))
        self.assertEqual(server.recvfrom(100)[0], BAD * 3, "a fragment header alone passes")

    def test_other_protocols_are_dropped(self):
        inner = self.actor.udp_packet(BAD, P4, 1000, 2000)
        for number, payload in ((wire.SCTP, wire.sctp_init(1000, 2000)), (wire.GRE, wire.gre(inner)), (4, inner),
                                (wire.IGMP, wire.igmp_report("239.1.2.3")), (50, BAD * 4), (51, BAD * 4), (33, BAD * 4),
                                (136, wire.udp(BAD, I4, P4, 1, 2)), (89, BAD * 4), (41, BAD * 10), (255, BAD), (0, BAD)):
            with self.subTest(number):
                self.stays(wire.ipv4(payload, I4, P4, number), reason="protocol")
        for number, payload in ((wire.SCTP, wire.sctp_init(1000, 2000)), (wire.GRE, wire.gre(inner)), (4, inner),
                                (41, udp6(I6)), (50, BAD * 4), (136, wire.udp(BAD, I6, P6, 1, 2)), (253, BAD),
                                (wire.NONE, b"")):
            with self.subTest(number):
                self.stays(wire.ipv6(payload, I6, P6, number), reason="protocol")
        self.stays(wire.ipv4(wire.echo(I6, P6, 1, 1), I4, P4, wire.ICMP6), wire.ipv6(wire.echo(I4, P4, 1, 1), I6, P6, wire.ICMP))

    def test_igmp_with_its_usual_option_and_target_is_dropped(self):
        self.stays(wire.ipv4(wire.igmp_report("239.1.2.3"), I4, "239.1.2.3", wire.IGMP, ttl=1, options=b"\x94\x04\0\0"))

    def test_icmp_types_that_are_no_echo_and_no_error_are_dropped(self):
        for kind in (4, 5, 6, 9, 10, 13, 14, 15, 17, 18, 30, 40, 42):
            with self.subTest(kind):
                body = wire.icmp(kind, 0, b"\0" * 4, udp4(P4)[:28])
                self.stays(wire.ipv4(body, I4, P4, wire.ICMP), reason="protocol")
        for kind in (5, 127, 130, 138, 139, 140, 141, 144, 145, 148, 151, 160, 200):
            with self.subTest(kind):
                body = wire.icmp6(kind, 0, b"\0" * 4, udp6(P6)[:48], I6, P6)
                before = self.drops(self.actor)
                self.stays(wire.ipv6(body, I6, P6, wire.ICMP6))
                counted = self.drops(self.actor) - before
                self.assertGreaterEqual(counted["protocol"] + counted["neighbour"], 1, counted)
        for family in self.families():
            self.assertPings(self.actor, family.public)

    def gateway_state(self):
        """Routes, rules, neighbours and addresses of the gateway."""
        gateway = Namespace(self.up(*self.UP).json["gateway_netns"])
        try:
            state = dict(inventory.routes(gateway), **inventory.links(gateway))
            for neighbour in gateway.ip_json("neigh", "show"):
                if "PERMANENT" in neighbour.get("state", ()):
                    state[f"neighbour {sorted(neighbour.items(), key=str)}"] = ""
            return state
        finally:
            gateway.close()

    def test_neighbour_discovery_and_redirects_change_nothing(self):
        evil = "02:00:00:00:00:66"
        before = self.gateway_state()
        packets = [wire.router_advert(I6, prefix="2001:db8:bad::/64", mac=evil),
                   wire.router_advert("fe80::66", prefix="2001:db8:bad::/64", mac=evil)]
        frames = [wire.ipv6(body, source, "ff02::1", wire.ICMP6, hops=255)
                  for body, source in zip(packets, (I6, "fe80::66"))]
        for source, target in ((I6, GW6), ("fe80::66", GW6), (GW6, I6)):
            frames.append(wire.ipv6(wire.neighbour_advert(source, GW6, evil, target), source, target, wire.ICMP6, hops=255))
            frames.append(wire.ipv6(wire.neighbour_advert(source, self.other.outer6, evil, target), source, target,
                                    wire.ICMP6, hops=255))
            frames.append(wire.ipv6(wire.neighbour_solicit(source, target, evil), source, target, wire.ICMP6, hops=255))
            frames.append(wire.ipv6(wire.redirect6(source, target, "fe80::66", P6), source, target, wire.ICMP6, hops=255))
        mine = self.actor.capture("eth0")
        self.stays(*frames, reason="neighbour")
        solicit = wire.icmp6(133, 0, b"\0" * 4, b"\x01\x01" + wire.mac_bytes(evil) + BAD, I6, "ff02::2")
        counted = self.drops(self.actor)
        self.stays(wire.ipv6(solicit, I6, "ff02::2", wire.ICMP6, hops=255))
        self.assertEqual(self.drops(self.actor), counted, "a kernel's own noise, too: not counted")
        self.assertEqual([packet for packet in mine.drain() if packet.kind in (134, 135, 136, 137)], [])
        self.stays(wire.ipv4(wire.icmp(5, 1, wire.packed("169.254.17.3"), udp4(I4)[:28]), I4, GW4, wire.ICMP),
                   reason="protocol")
        self.assertEqual(inventory.difference(before, self.gateway_state()), [])
        self.assertPings(self.other, P6)

    def test_arp_changes_nothing_and_is_not_answered(self):
        evil = "02:00:00:00:00:66"
        before = self.gateway_state()
        mine = self.actor.capture("eth0")
        frames = []
        for sender in (I4, GW4, self.other.outer, self.worker.address):
            for operation in (1, 2):
                body = wire.arp(operation, evil, sender, case.MAC_GW, GW4)
                frames += [wire.ether(body, evil, target, wire.ETH_ARP) for target in (case.MAC_GW, "ff:ff:ff:ff:ff:ff")]
        self.assertStays(*frames)
        self.assertEqual([packet for packet in mine.drain() if packet.link == wire.ETH_ARP], [])
        self.assertEqual(inventory.difference(before, self.gateway_state()), [])
        self.assertPings(self.other, P4)

    def error_about(self, packet, kind=3, code=4, rest=b"\0\0\x02\x40"):
        """An ICMP error of the actor about a packet; IPv6: packet too big of 1280."""
        if packet[0] >> 4 == 6:
            return wire.ipv6(wire.icmp6(2, 0, struct.pack("!I", 1280), packet[:100], I6, P6), I6, P6, wire.ICMP6)
        return wire.ipv4(wire.icmp(kind, code, rest, packet[:28]), I4, P4, wire.ICMP)

    def test_icmp_error_about_a_neighbours_flow_is_dropped(self):
        at_server = self.outside.capture("eth0")
        for public, inner, outer, worker in ((P4, I4, self.other.outer, self.worker.address),
                                             (P6, I6, self.other.outer6, self.worker.address6)):
            server = self.outside.udp(public, 7000)
            victim, mine = (actor.connect_udp(public, 7000, source=(inner, 6000 + number))
                            for number, actor in enumerate((self.other, self.actor)))
            ports = []
            for sock in (victim, mine):
                sock.send(b"hello")
                ports.append(server.recvfrom(100)[1][1])
            build = wire.ip
            for target, port in ((outer, 6000), (worker, ports[0]), (lab.CLIENT if public == P4 else lab.CLIENT6, 6000)):
                about = build(wire.udp(b"reply", public, target, 7000, port), public, target, wire.UDP)
                self.stays(self.error_about(about), reason="forged")
            # The neighbour's port at the actor's own address: no such flow.
            about = build(wire.udp(b"reply", public, inner, 7000, 6000), public, inner, wire.UDP)
            self.stays(self.error_about(about))
            at_server.drain()
            about = build(wire.udp(b"reply", public, inner, 7000, 6001), public, inner, wire.UDP)
            self.actor.frame(self.error_about(about))
            seen = at_server.until(lambda packet: packet.inner is not None)
            self.assertIsNotNone(seen, "an error about the actor's own flow does not get out")
            self.assertEqual((seen[-1].inner.target, seen[-1].inner.dport), (worker, ports[1]))
            victim.send(b"still")
            self.assertEqual(server.recvfrom(100)[0], b"still")

    def test_icmp_error_in_fragments_is_dropped(self):
        """Cut so that the first piece does not show what it is about, and in any other way; big echoes pass."""
        for public, inner, outer, worker in ((P4, I4, self.other.outer, self.worker.address),
                                             (P6, I6, self.other.outer6, self.worker.address6)):
            server = self.outside.udp(public, 7000)
            victim, mine = (actor.connect_udp(public, 7000, source=(inner, 6000 + number))
                            for number, actor in enumerate((self.other, self.actor)))
            ports = []
            for sock in (victim, mine):
                sock.send(b"hello")
                ports.append(server.recvfrom(100)[1][1])
            at_server = self.outside.capture("eth0")
            number = wire.ICMP if public == P4 else wire.ICMP6
            for target, port in ((outer, 6000), (worker, ports[0]), (inner, 6001)):
                about = wire.ip(wire.udp(b"reply" * 30, public, target, 7000, port), public, target, wire.UDP)
                whole = self.error_about(about[:140])
                body = whole[20 if public == P4 else 40:]
                for size in filter(lambda size, body=body: size < len(body), (8, 16, 24, 32, 48, 64)):
                    with self.subTest(target=target, size=size):
                        before = self.drops(self.actor)
                        pieces = wire.fragments(body, inner, public, number, ident=size + len(target), size=size)
                        self.stays(*pieces)
                        self.stays(*reversed(pieces))
                        self.assertEqual((self.drops(self.actor) - before)["protocol"], 2)
            self.assertEqual([packet for packet in at_server.drain() if packet.inner], [])
            self.actor.frame(whole)
            self.assertIsNotNone(at_server.until(lambda packet: packet.inner is not None), "whole it passes")
            echo = wire.echo(inner, public, 77, 1, BAD * 3)
            self.actor.frame(*wire.fragments(echo, inner, public, number, ident=999, size=8))
            self.assertIsNotNone(at_server.until(lambda packet: packet.kind in (8, 128)), "an echo in small pieces passes")
            self.assertPings(self.actor, public, BAD * 900)
            victim.send(b"still")
            self.assertEqual(server.recvfrom(100)[0], b"still")

    def test_malformed_packets_are_dropped(self):
        good = self.actor.udp_packet(BAD, P4, 1000, 2000)
        good6 = self.actor.udp_packet(BAD, P6, 1000, 2000)
        short = good[:2] + struct.pack("!H", 2000) + good[4:]
        bad_sum = good[:10] + b"\0\0" + good[12:]
        frames = [wire.ether(data, self.actor.mac, case.MAC_GW, kind) for kind, data in (
            (wire.ETH_IP4, short), (wire.ETH_IP4, bad_sum), (wire.ETH_IP4, good[:20]), (wire.ETH_IP4, good[:9]),
            (wire.ETH_IP6, good6[:40]), (wire.ETH_IP6, good6[:20]), (wire.ETH_IP6, good), (wire.ETH_IP4, good6),
            (wire.ETH_IP4, b"\x41" + good[1:]), (wire.ETH_IP4, b"\x4f" + good[1:]))]
        self.assertStays(*frames)

    def test_transport_headers_cut_short_are_dropped(self):
        self.stays(wire.ipv4(b"\x03\xe8\x07\xd0", I4, P4, wire.UDP), wire.ipv4(b"\x03\xe8\x07\xd0\0\0\0\0", I4, P4, wire.TCP),
                   wire.ipv4(b"\x08", I4, P4, wire.ICMP), wire.ipv6(b"\x03\xe8", I6, P6, wire.UDP),
                   wire.ipv6(b"\x80", I6, P6, wire.ICMP6), wire.ipv4(b"", I4, P4, wire.TCP))

    def test_broken_fragments_never_leave(self):
        body = wire.udp(BAD * 400, I4, P4, 1000, 2000)
        first, second = wire.fragments(body, I4, P4, wire.UDP, ident=77)[:2]
        tail = wire.ipv4(BAD * 3, I4, P4, wire.UDP, ident=78, offset=1448)
        tiny = wire.ipv4(body[:8], I4, P4, wire.TCP, ident=79, more=True)
        overlap = wire.ipv4(BAD * 100, I4, P4, wire.UDP, ident=80, offset=8)
        over = wire.ipv4(BAD * 100, I4, P4, wire.UDP, ident=81, offset=65528)
        self.stays(first, tail, tiny, wire.ipv4(body[:800], I4, P4, wire.UDP, ident=80, more=True), overlap, over)
        server = self.outside.udp(P4, 2000)
        self.actor.frame(second)
        self.assertEqual(server.recvfrom(5000)[0], BAD * 400, "the whole datagram passes")


if __name__ == "__main__":
    case.main()

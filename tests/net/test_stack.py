# SPDX-License-Identifier: Apache-2.0
"""The gateway's own stack: it answers nobody on behalf of a forged source, begins nothing, and takes nothing in."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import Namespace

P4, P6, I6 = lab.PUBLIC, lab.PUBLIC6, case.INNER6
ANY_LENGTH = 0x7FFFFFFF  # of hop-by-hop options: what a kernel starts with

# Options that a kernel has to answer by "parameter problem" (RFC 8200, RFC 2675): a jumbogram that is none, and unknown
# ones of the two kinds that want it.
OPTIONS = {"jumbo": b"\0\xc2\x04\0\0\0\0", "unknown": b"\0\x9e\x04\0\0\0\0",
           "unknown, if not multicast": b"\0\xde\x04\0\0\0\0"}


class StackCase(case.NetCase):
    """Two actors, and the gateway to look into."""

    def setUp(self):
        super().setUp()
        self.gateway = Namespace(self.up().json["gateway_netns"])
        self.later(self.gateway.close)
        self.actor = self.activate("forger", "--egress", "none")
        self.other = self.activate("other", "--egress", "all")

    def rules_of_output(self, policy):
        """Empty the chain that says what the gateway may send."""
        self.gateway.nft("flush chain inet actornet output\n"
                         f"add chain inet actornet output {{ policy {policy}; }}")


class BadOptionsTest(StackCase):
    """Hop-by-hop options that are wrong: a kernel reads them before any rule, and would answer to whoever is named."""

    def setUp(self):
        super().setUp()
        self.server = self.outside.udp(P6, 7000)
        self.victim = self.other.connect_udp(P6, 7000, source=(I6, 6000))
        self.own = self.worker.connect_udp(P6, 7000, source=(self.worker.address6, 5555))
        self.ports = {}
        for name, sock in (("victim", self.victim), ("own", self.own)):
            sock.send(b"hello")
            self.ports[name] = self.server.recvfrom(100)[1][1]
        self.services.udp(self.outside, "barrier", P4, 7001)
        self.captures = [self.worker.capture("actornet0"), self.outside.capture("eth0"), self.other.capture("eth0"),
                         self.actor.capture("eth0"), self.gateway.capture("up0", outgoing=True)]

    def forged(self, option):
        """Packets that claim to be a server's, the worker's, the neighbour's, the actor's."""
        ends = ((P6, 7000, self.worker.address6, self.ports["victim"]), (P6, 7000, self.other.outer6, 6000),
                (self.worker.address6, 5555, P6, 7000), (self.other.outer6, 6000, P6, 7000),
                (self.actor.outer6, 6000, self.other.outer6, 6000), (I6, 6000, P6, 7000))
        return [wire.ipv6(wire.udp(b"forged", source, target, sport, dport), source, target, wire.UDP,
                          extensions=[(wire.HOPOPTS, option)]) for source, sport, target, dport in ends]

    def answers(self):
        """What anybody has been told, after all frames were read."""
        self.assertAnswers(self.other, P4, 7001, "barrier", "udp")
        return [packet for capture in self.captures for packet in capture.drain()
                if packet.inner is not None or packet.protocol == wire.ICMP6 and packet.kind not in range(133, 144)]

    def nobody_is_told(self):
        """Each option with each source: no answer, and no socket learns of it."""
        for name, option in OPTIONS.items():
            with self.subTest(name):
                self.actor.frame(*self.forged(option))
                self.assertEqual(self.answers(), [])
        for sock in (self.victim, self.own):
            sock.send(b"undisturbed")
            self.assertEqual(self.server.recvfrom(100)[0], b"undisturbed")

    def test_bad_options_are_answered_to_nobody(self):
        self.assertEqual(self.gateway.sysctl("ipv6/max_hbh_length"), "0")
        self.nobody_is_told()
        # The control: without either defence somebody is told.
        self.gateway.sysctl("ipv6/max_hbh_length", ANY_LENGTH)
        self.rules_of_output("accept")
        for name, option in OPTIONS.items():
            self.actor.frame(*self.forged(option))
            told = {(packet.kind, packet.target) for packet in self.answers()}
            self.assertTrue(told >= {(4, P6), (4, self.worker.address6), (4, I6)}, f"{name}: {told}")

    def test_rules_alone_answer_bad_options_to_nobody(self):
        self.gateway.sysctl("ipv6/max_hbh_length", ANY_LENGTH)
        self.nobody_is_told()
        before = self.drops(self.actor)["options"]
        good = wire.ipv6(wire.udp(b"forged", I6, P6, 1, 2), I6, P6, wire.UDP,
                         extensions=[(wire.HOPOPTS, b"\0\x05\x02\0\0\x01\0")])
        self.actor.frame(good)
        self.assertEqual(self.drops(self.actor)["options"] - before, 1)

    def test_kernel_alone_answers_bad_options_to_nobody(self):
        self.rules_of_output("accept")
        self.nobody_is_told()

    def test_bad_options_of_a_released_actor_are_answered_to_nobody(self):
        self.release(self.actor)
        self.nobody_is_told()
        self.gateway.sysctl("ipv6/max_hbh_length", ANY_LENGTH)
        self.nobody_is_told()

    def test_bad_options_are_answered_to_nobody_once_the_rules_are_gone(self):
        self.gateway.nft("flush ruleset")
        self.actor.frame(*(packet for option in OPTIONS.values() for packet in self.forged(option)))
        self.assertEqual([packet for capture in self.captures for packet in capture.drain()
                          if packet.kind == 4 or packet.payload == b"forged"], [])
        self.gateway.sysctl("ipv6/max_hbh_length", ANY_LENGTH)
        self.actor.frame(*self.forged(OPTIONS["jumbo"]))
        self.assertIsNotNone(self.captures[-1].until(lambda packet: packet.kind == 4), "the kernel answers none anyway")


class OwnTrafficTest(StackCase):
    """What the gateway may send and receive itself."""

    def begin(self):
        """Have the gateway's own stack begin something of every kind; how it failed."""
        failed = []
        for number, public in ((socket.AF_INET, P4), (socket.AF_INET6, P6)):
            for attempt in (lambda public=public: self.gateway.udp(family=number).sendto(b"gateway", (public, 7000)),
                            lambda public=public: self.gateway.connect(public, 80, timeout=0.05),
                            lambda public=public: self.gateway.icmp(number).sendto(
                                wire.echo(public, public, 1, 1, b"gateway"), (public, 0)),
                            lambda public=public: self.gateway.icmp(number).sendto(
                                wire.icmp6(4, 0, b"\0" * 4, b"gateway", public, public) if number == socket.AF_INET6
                                else wire.icmp(12, 0, b"\0" * 4, b"gateway"), (public, 0))):
                try:
                    attempt()
                except OSError as error:
                    failed.append(error)
        return failed

    def kinds(self, capture):
        """Protocols, by version, of the gateway's own packets that come to the worker, sealed."""
        gateway = [found["local"] for address in self.gateway.ip_json("address", "show", "dev", "up0")
                   for found in address["addr_info"]]
        ends = {address.rsplit(".", 1)[-1] if "." in address else address.rsplit(":", 1)[-1] for address in gateway}
        return {(packet.version, packet.protocol, packet.kind) for packet in capture.drain()
                if packet.version and packet.source.replace(":", ".").rsplit(".", 1)[-1] in ends
                and packet.target in (P4, P6)}

    def test_gateway_begins_nothing(self):
        capture = self.worker.capture("actornet0")
        self.assertEqual(len(self.begin()), 8)
        self.assertEqual(self.kinds(capture), set())
        self.rules_of_output("accept")
        self.begin()
        self.assertEqual(self.kinds(capture), {(4, wire.UDP, None), (4, wire.TCP, None), (4, wire.ICMP, 8),
                                               (4, wire.ICMP, 12), (6, wire.UDP, None), (6, wire.TCP, None),
                                               (6, wire.ICMP6, 128), (6, wire.ICMP6, 4)})

    def test_gateway_refuses_and_reports(self):
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertDenied(self.actor, family.public, 80, protocol)
            capture = self.other.capture("eth0")
            with self.other.connect_udp(family.public, 33434, source=(family.inner, 6001)) as sock:
                if family.name == "ipv4":
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
                sock.send(b"hop")
            seen = capture.until(lambda packet: packet.inner is not None)
            self.assertIsNotNone(seen, "no time exceeded")
            self.assertEqual(seen[-1].kind, 11 if family.name == "ipv4" else 3)

    def test_what_goes_to_many_is_counted_as_to_the_gateway(self):
        before = self.drops(self.actor)
        for address in ("224.0.0.1", "255.255.255.255"):
            self.actor.frame(self.actor.udp_packet(b"many", address, 5000, 5353))
        self.assertEqual((self.drops(self.actor) - before)["gateway"], 2)

    def test_gateway_has_no_way_to_itself(self):
        """Nothing is local to the gateway, not even loopback: neither what comes in nor what it sends."""
        for address in ("127.0.0.1", "::1"):
            with self.assertRaises(OSError):
                self.gateway.connect(address, 80, timeout=0.05)
        self.assertNotIn("UP", self.gateway.ip_json("link", "show", "dev", "lo")[0]["flags"])
        self.rules_of_output("accept")
        capture = self.worker.capture("actornet0")
        for address in self.gateway.ip_json("address", "show", "dev", "up0")[0]["addr_info"]:
            if address["scope"] == "global":
                with self.gateway.udp(family=case.family_of(address["local"])) as sock:
                    sock.sendto(b"to itself", (address["local"], 9))
                self.assertIsNotNone(capture.until(lambda packet: packet.payload == b"to itself"))


if __name__ == "__main__":
    case.main()

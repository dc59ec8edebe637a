# SPDX-License-Identifier: Apache-2.0
"""Two layers fail closed: with the worker's rules gone, or the gateway's, or both, under running traffic.

Nothing that an actor sends leaves, the worker's sockets get nothing that they didn't before, and the worker's own
traffic goes on.
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import Namespace

MARK = b"of-the-actor"
FLUSH, DELETE, EMPTY = "flush ruleset", "delete table inet actornet", "flush table inet actornet"


class Pump(threading.Thread):
    """Sends on all of an actor's flows until stopped, as its programs and its TCP would."""

    def __init__(self, sends):
        super().__init__(daemon=True)
        self.sends, self.stopping, self.sent = sends, threading.Event(), 0
        self.start()

    def run(self):
        while not self.stopping.wait(0.002):
            for send in self.sends:
                try:
                    send()
                    self.sent += 1
                except OSError:
                    pass

    def stop(self):
        """Stop sending."""
        self.stopping.set()
        self.join()


class FailClosedTest(case.NetCase):
    """One actor with flows of every kind, and a worker with its own."""

    def setUp(self):
        super().setUp()
        shown = self.up().json
        self.gateway = Namespace(shown["gateway_netns"])
        self.later(self.gateway.close)
        self.actor = self.activate("a", "--egress", "all", "--port", "8001:80", "--port", "8001:80/udp")
        self.other = self.activate("b", "--egress", "all", "--port", "8002:80")
        self.serve(self.worker, "worker", 9000)
        self.serve(self.other, "b", 80)
        self.serve_outside(80)
        self.sends, self.answers, self.ports = [], [], set()
        for family in self.families():
            self.open_flows(family)
        self.own = [self.session(self.worker, family.public, 80)[0] for family in self.families()]
        self.own_inbound = [self.session(self.client, family.worker, 9000)[0] for family in self.families()]
        self.services.received["worker"].clear()

    def open_flows(self, family):
        """TCP, UDP and ICMP out, TCP and UDP in; each is shown to work."""
        left, right = self.tcp_pair(self.actor, family.public, 7001, self.outside, (family.public, 7001))
        self.flow(left, right, (wire.TCP, right.getpeername()[1], 7001))
        left, right = self.tcp_pair(self.client, family.worker, 8001, self.actor, (family.inner, 80))
        self.flow(right, left, (wire.TCP, 8001, left.getsockname()[1]))
        server = self.outside.udp(family.public, 7002)
        sock = self.actor.connect_udp(family.public, 7002)
        sock.send(b"hello")
        _, peer = server.recvfrom(100)
        server.connect(peer)
        self.flow(sock, server, (wire.UDP, peer[1], 7002))
        server = self.actor.udp(family.inner, 80)
        sock = self.client.connect_udp(family.worker, 8001)
        sock.send(b"hello")
        server.connect(server.recvfrom(100)[1])
        self.flow(server, sock, (wire.UDP, 8001, sock.getsockname()[1]))
        echo = self.actor.icmp(family.number)
        echo.sendto(wire.echo(family.inner, family.public, 5, 1, MARK), (family.public, 0))
        self.assertIsNotNone(self._pong(echo, family.number, 5, 1, 2))
        self.sends.append(lambda: echo.sendto(wire.echo(family.inner, family.public, 5, 1, MARK), (family.public, 0)))
        raw = self.actor.udp_packet(MARK, family.public, 6006, 7002)
        self.sends.append(lambda: self.actor.frame(raw))
        for target, port in ((family.worker, 9000), (family.public, 80), (self.outer_of(family, self.other), 80),
                             (family.gateway, 9000), (self.link_address(family), 9000)):
            self.sends.append(lambda target=target, port=port: self.attempt(family, target, port))

    def flow(self, mine, theirs, key):
        """Show that an actor's flow works, and keep it: its end, and what it looks like on the wire."""
        mine.send(MARK)
        self.assertEqual(theirs.recv(1000), MARK)
        theirs.send(b"answer")
        self.assertEqual(mine.recv(1000), b"answer")
        mine.setblocking(False)
        theirs.setblocking(False)
        self.sends.append(lambda: mine.send(MARK))
        self.answers.append(lambda: theirs.send(b"answer"))
        self.ports.add(key)

    @staticmethod
    def outer_of(family, actor):
        """An actor's outer address of this family."""
        return actor.outer if family.name == "ipv4" else actor.outer6

    def link_address(self, family):
        """The worker's address on the link to the gateway."""
        for found in self.worker.ip_json("address", "show", "dev", "actornet0"):
            for address in found["addr_info"]:
                if address["family"] == ("inet" if family.name == "ipv4" else "inet6") and address["scope"] == "global":
                    return address["local"]
        return family.worker

    def attempt(self, family, target, port):
        """A new TCP flow and a new UDP flow."""
        sport = 30000 + (time.monotonic_ns() >> 10) % 20000
        self.actor.frame(self.actor.udp_packet(MARK, target, sport, port), wire.ip(
            wire.tcp(b"", family.inner, target, sport, port), family.inner, target, wire.TCP))

    def leaked(self, packets):
        """What of the captured packets is the actor's."""
        addresses = {self.worker.address, self.worker.address6}
        found = []
        for packet in packets:
            if packet.link == wire.ETH_ARP or packet.kind in range(133, 144) or packet.version is None:
                continue
            foreign = packet.source not in addresses and not packet.source.startswith("fe80:")
            if not foreign and packet.flags is not None and packet.flags & wire.RST and not packet.payload:
                continue  # the worker's own stack, to a peer whose flow nobody translates any more
            flow = (packet.protocol, packet.sport, packet.dport)
            if foreign or MARK in packet.payload or flow in self.ports or packet.sport in range(20000, 30000):
                found.append(packet)
        return found

    def own_traffic_goes_on(self, text):
        """The worker's flows, both ways, old and new."""
        for sock in self.own + self.own_inbound:
            self.exchange(sock, text)
        for family in self.families():
            self.assertAnswers(self.worker, family.public, 80, family.public)
            self.assertAnswers(self.worker, family.public, 80, family.public, "udp")
            self.assertPings(self.worker, family.public)
            self.assertAnswers(self.client, family.worker, 9000, "worker")
            self.assertAnswers(self.client, family.worker, 9000, "worker", "udp")

    def fails_closed(self, *breaks):
        """Break the rules under traffic, and look at what still passes."""
        capture = self.on_wire()
        at_other = self.other.capture("eth0")
        pump = Pump(self.sends)
        try:
            end = time.monotonic() + case.PATIENCE
            while pump.sent < 20 * len(self.sends) and time.monotonic() < end:
                time.sleep(0.005)
            before = self.barrier(capture)
            self.assertTrue(self.leaked(before), "nothing passes before the rules are broken")
            for netns, command in breaks:
                netns.nft(command)
            self.barrier(capture)
            at_other.drain()
            self.services.received["worker"].clear()
            end = time.monotonic() + 0.5  # longer than TCP waits before it sends again
            sent = pump.sent
            while time.monotonic() < end:
                for answer in self.answers:
                    try:
                        answer()
                    except OSError:
                        pass
                time.sleep(0.02)
            self.assertGreater(pump.sent, sent, "the actor has stopped sending")
        finally:
            pump.stop()
        self.own_traffic_goes_on(b"own traffic")
        seen = self.barrier(capture)
        self.assertEqual(capture.dropped(), 0)
        self.assertTrue([packet for packet in seen if packet.payload == b"own traffic"])
        self.assertEqual(self.leaked(seen)[:5], [])
        self.assertEqual([packet for packet in at_other.drain() if MARK in packet.payload], [])
        peers = {peer for peer, _ in self.services.received["worker"]}
        self.assertLessEqual(peers, {lab.CLIENT, lab.CLIENT6}, "the worker's sockets got something of the actor's")

    def test_worker_flushed(self):
        self.fails_closed((self.worker, FLUSH))

    def test_workers_table_deleted(self):
        self.fails_closed((self.worker, DELETE))

    def test_workers_table_emptied(self):
        self.fails_closed((self.worker, EMPTY))

    def test_gateway_flushed(self):
        self.fails_closed((self.gateway, FLUSH))

    def test_gateways_table_deleted(self):
        self.fails_closed((self.gateway, DELETE))

    def test_gateways_table_emptied(self):
        self.fails_closed((self.gateway, EMPTY))

    def test_both_flushed(self):
        self.fails_closed((self.gateway, FLUSH), (self.worker, FLUSH))

    def test_both_emptied(self):
        self.fails_closed((self.worker, EMPTY), (self.gateway, EMPTY))

    def test_next_command_says_lost_or_repairs_and_down_still_works(self):
        self.worker.nft(FLUSH)
        self.gateway.nft(FLUSH)
        result = self.worker.actornet("list")
        self.assertEqual(result.code, 0, result)
        self.up()
        self.own_traffic_goes_on(b"own")
        again = self.activate("c", "--port", "8003:80")
        self.serve(again, "c", 80)
        self.assertAnswers(again, lab.PUBLIC, 80, lab.PUBLIC)
        self.assertAnswers(self.client, self.worker.address, 8003, "c")


if __name__ == "__main__":
    case.main()

# SPDX-License-Identifier: Apache-2.0
"""The fast lane: judged flows take it, nothing else does, what passes is what the long way sends, and it is shut a
millisecond after what they were judged by has gone.

What the gateway's stack has forwarded tells the ways apart: it sees nothing of a packet in the lane.
"""

import os
import re
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import wire
from netns import Namespace

BURST = 200      # packets one right after the other
SHUT_S = 0.002   # the lane is shut by then
MAC_UP, MAC_WORKER = "02:a8:1e:00:00:04", "02:a8:1e:00:00:03"
SO_RCVBUFFORCE, UDP_SEGMENT = 33, 103
SOL_PACKET, PACKET_VNET_HDR, NEEDS_CSUM = 263, 15, 1


class Flood:
    """Packets from a thread, one after the other, until it is stopped."""

    def __init__(self, send):
        self.send, self.count, self.stopped = send, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stopped.is_set():
            try:
                self.send()
            except OSError:
                pass  # refused, as it may be by then
            self.count += 1

    def __enter__(self):
        self.thread.start()
        while self.count < 2 * BURST:
            time.sleep(0.001)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


class LaneTest(case.NetCase):
    """An actor with a port, and what its gateway's links count."""

    def setUp(self):
        super().setUp()
        self.gateway = Namespace(self.up().json["gateway_netns"])
        self.later(self.gateway.close)
        self.actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp", "--egress", "all")
        self.wire = self.on_wire()

    # What went which way

    def forwarded(self):
        """Packets that went the long way, of either family."""
        text = self.gateway.run("cat", "/proc/net/snmp", "/proc/net/snmp6")
        names, values = [line.split() for line in text.splitlines() if line.startswith("Ip:")]
        return int(values[names.index("ForwDatagrams")]) + int(re.search(r"Ip6OutForwDatagrams\s+(\d+)", text).group(1))

    def burst(self, *sends):
        """Carry these out by turns, BURST times. Return: how many packets took the long way."""
        before = self.forwarded()
        for _ in range(BURST):
            for send in sends:
                send()
        return self.forwarded() - before

    def assertLane(self, send, target):
        """A burst takes the lane but for some, and arrives whole. Return: what arrived."""
        target.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.assertLess(self.burst(send), BURST // 4, "that took the long way")
        return [target.recv(2000) for _ in range(BURST)]

    def outward(self, family, actor=None, sport=0, port=7000):
        """A UDP flow of an actor's that both ends have used: its end, the other one."""
        server = self.outside.udp(family.public, port)
        sock = (actor or self.actor).udp(family.inner, sport)
        sock.connect((family.public, port))
        sock.send(b"question")
        server.connect(server.recvfrom(100)[1])
        server.send(b"answer")
        self.assertEqual(sock.recv(100), b"answer")
        return sock, server

    def inward(self, family):
        """The same with a client of the actor's port: the client's end, the actor's."""
        served, client = self.actor.udp(family.inner, 80), self.client.udp(family.client)
        client.connect((family.worker, 8001))
        client.send(b"question")
        served.connect(served.recvfrom(100)[1])
        served.send(b"answer")
        self.assertEqual(client.recv(100), b"answer")
        return client, served

    # Who takes it

    def test_flows_of_udp_take_the_lane_both_ways(self):
        for family in self.families():
            for sock, server in (self.outward(family), self.inward(family)[::-1]):
                self.assertLane(lambda sock=sock: sock.send(b"out"), server)
                self.assertLane(lambda server=server: server.send(b"in"), sock)

    def test_connections_take_the_lane_and_arrive_whole(self):
        for family in self.families():
            left, right = self.tcp_pair(self.actor, family.public, 7001, self.outside, (family.public, 7001))
            for source, target in ((left, right), (right, left)):
                shown, before = self.show(self.actor), self.forwarded()
                self.transfer(source, target, 500)
                after = self.show(self.actor)
                sent = sum(after[way] - shown[way] for way in ("tx_packets", "rx_packets"))
                self.assertLess(self.forwarded() - before, sent * 3 // 4)

    def test_the_links_queue_is_spared(self):
        """What is handed to the other end at once is not seen at this one: what is queued comes in again there."""
        for family in self.families():
            for inside, outside in (self.outward(family), self.inward(family)[::-1]):
                for link, source, target in (("up0", inside, outside), (self.actor.info["slot"], outside, inside)):
                    capture = self.gateway.capture(link)
                    self.assertLane(lambda source=source: source.send(b"at once"), target)
                    time.sleep(SHUT_S)
                    source.send(b"queued")
                    self.assertEqual(target.recv(100), b"queued")
                    seen = [packet.payload for packet in capture.drain()]
                    capture.close()
                    self.assertIn(b"queued", seen)
                    self.assertLess(seen.count(b"at once"), BURST // 4)

    def test_a_slow_flow_goes_the_long_way(self):
        for family in self.families():
            sock, server = self.outward(family)
            before = self.forwarded()
            for _ in range(10):
                time.sleep(SHUT_S)
                sock.send(b"slow")
                self.assertEqual(server.recv(100), b"slow")
            self.assertIn(self.forwarded() - before, range(10, 13))

    def assertInOrder(self, netns, source, target):
        """
        Datagrams of a burst that is in the processor's queue as a whole arrive in their order, though the first ones go the long
        way: a link that takes no large packets is sent all pieces of one before it handles any.
        """
        processors = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(processors)})  # each has a queue of its own
        self.later(os.sched_setaffinity, 0, processors)
        netns.ip("link set eth0 gso_max_segs 1")
        self.later(netns.ip, "link set eth0 gso_max_segs 65535")
        target.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        source.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
        before = self.forwarded()
        for turn in range(20):
            time.sleep(SHUT_S)
            for large in range(5):
                source.send(b"".join(b"%03d %03d " % (turn, large * 20 + number) + bytes(92) for number in range(20)))
        self.assertIn(self.forwarded() - before, range(20, 1000), "the first ones alone")
        seen = [target.recv(200)[:7].decode() for _ in range(2000)]
        self.assertEqual(seen, sorted(seen))

    def test_nothing_overtakes(self):
        for family in self.families():
            for inside, outside in (self.outward(family), self.inward(family)[::-1]):
                self.assertInOrder(self.actor, inside, outside)
                self.assertInOrder(self.outside if outside.getpeername()[1] != 8001 else self.client, outside, inside)

    # What comes out

    def frames(self, netns, link, send):
        """Bytes of the frames with this payload that a link of a namespace gets in a burst."""
        capture = netns.capture(link)
        self.assertLess(self.burst(send), BURST // 4)
        seen = [packet for packet in capture.drain() if packet.payload == b"the same"]
        capture.close()
        self.assertEqual(len(seen), BURST)
        return {packet.raw for packet in seen}, seen[0]

    def test_packet_is_the_same_by_either_way(self):
        for family in self.families():
            sock, server = self.outward(family, sport=6000)
            packet = self.actor.udp_packet(b"the same", family.public, 6000, 7000)
            send = lambda packet=packet: self.actor.frame(packet)  # the first takes the long way, most others the lane
            seen, first = self.frames(self.worker, "actornet0", send)
            self.assertEqual(len(seen), 2 if family.name == "ipv4" else 1, "the seals of both ways")
            self.assertEqual((first.target_mac, first.source_mac, first.ttl), (MAC_WORKER, MAC_UP, 63))
            seen, first = self.frames(self.outside, "eth0", send)
            self.assertEqual(len(seen), 1)
            self.assertTrue(first.sum_ok)
            host, port = server.getpeername()[:2]
            ident = {"ident": 77} if family.name == "ipv4" else {}  # or the kernel makes one up
            packet = wire.ip(wire.udp(b"the same", family.public, host, 7000, port), family.public, host, wire.UDP, **ident)
            seen, first = self.frames(self.actor, "eth0", lambda packet=packet: self.outside.send_ip(packet))
            self.assertEqual(len(seen), 1)
            self.assertEqual((first.target_mac, first.source_mac), (case.MAC_ACTOR, case.MAC_GW))
            self.assertTrue(first.sum_ok)
            self.assertEqual(first.target, family.inner)

    def test_counters_have_the_packets_of_either_way(self):
        for family in self.families():
            sock, server = self.outward(family)
            before = self.show(self.actor)
            self.assertLane(lambda sock=sock: sock.send(b"out"), server)
            self.assertLane(lambda server=server: server.send(b"in"), sock)
            listed = self.worker.actornet("list").json[0]
            for shown in (self.show(self.actor), listed):
                for way in ("tx_packets", "rx_packets"):  # the actor's kernel may have sent something of its own
                    self.assertIn(shown[way] - before[way], range(BURST, BURST + 10))

    # Who doesn't take it

    def strays(self, family, sport):
        """Frames like those of the flow in the lane that are no such packets: none may leave."""
        def packet(payload, **more):
            return wire.ip(wire.udp(payload, family.inner, family.public, sport, 7000), family.inner, family.public,
                           wire.UDP, **more)
        good = wire.ether(packet(b"stray"), self.actor.mac, case.MAC_GW)
        for tag in (b"\x81\0\0\x07", b"\x88\xa8\0\x07"):
            yield good[:12] + tag + good[12:]
        for mac in (MAC_WORKER, "02:a8:1e:00:00:77", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "33:33:00:00:00:05"):
            yield wire.ether(packet(b"stray"), self.actor.mac, mac)
        source = "10.9.9.9" if family.name == "ipv4" else "fd09::9"
        yield wire.ether(self.actor.udp_packet(b"stray", family.public, sport, 7000, source=source), self.actor.mac, case.MAC_GW)
        yield wire.ether(packet(b"stray", **({"ttl": 1} if family.name == "ipv4" else {"hops": 1})), self.actor.mac, case.MAC_GW)

    def test_stray_frames_of_a_flow_in_the_lane_never_leave(self):
        for family in self.families():
            sock, server = self.outward(family, sport=6100)
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            for frame in self.strays(family, 6100):
                long_way = self.burst(lambda: sock.send(b"honest"), lambda frame=frame: self.actor.send_frame(frame))
                self.assertLess(long_way, BURST // 4)
                self.assertEqual({server.recv(100) for _ in range(BURST)}, {b"honest"})

    def left(self, family, sport, payload, place):
        """A frame of a flow whose checksum is left to hardware, to be written there, and what a packet socket says of it."""
        packet = self.actor.udp_packet(payload, family.public, sport, 7000)
        head = struct.pack("=BBHHHH", NEEDS_CSUM, 0, 0, 0, place - 6, 6)
        return head + wire.ether(packet, self.actor.mac, case.MAC_GW)

    def test_checksum_left_to_hardware_is_written_nowhere_but_in_its_own_place(self):
        """Over a port or an address it would be after these were judged, by a card that no rule sees."""
        sock = self.actor.packet("eth0")
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        for family in self.families():
            own = (34 if family.name == "ipv4" else 54) + 6
            others = [own - 2, own - 4, own - 6, own - 8]  # length, ports, the target address
            mine, server = self.outward(family, sport=6300)
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            for place in others:
                long_way = self.burst(lambda: sock.send(self.left(family, 6300, b"good", own)),
                                      lambda place=place: sock.send(self.left(family, 6300, b"bad", place)))
                self.assertLess(long_way, BURST // 4, "that took the long way")
                self.assertEqual({server.recv(100) for _ in range(BURST)}, {b"good"})
                time.sleep(SHUT_S)
                sock.send(self.left(family, 6300, b"bad", place))
            seen = {packet.payload for packet in self.barrier(self.wire)}
            self.assertIn(b"good", seen)
            self.assertNotIn(b"bad", seen)

    def test_two_actors_with_the_same_flow_have_one_each(self):
        other = self.activate("b")
        for family in self.families():
            mine, server = self.outward(family, sport=6200)
            server.close()
            server = self.outside.udp(family.public, 7000)
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            theirs = other.udp(family.inner, 6200)
            theirs.connect((family.public, 7000))
            long_way = self.burst(lambda: mine.send(b"a"), lambda: theirs.send(b"b"))
            self.assertLess(long_way, BURST // 2)
            seen = {server.recvfrom(100) for _ in range(2 * BURST)}
            self.assertEqual(sorted(data for data, _ in seen), [b"a", b"b"], "one source each")
            ends = {data: peer for data, peer in seen}
            for _ in range(BURST):
                for name, sock in ((b"a", mine), (b"b", theirs)):
                    server.sendto(b"to " + name, ends[name])
            for name, sock in ((b"a", mine), (b"b", theirs)):
                self.assertEqual({sock.recv(100) for _ in range(BURST)}, {b"to " + name})

    # What it ends with

    def assertShut(self, sock, change, text=b"flood"):
        """A flow that floods through the lane ends with a change. What is let in before may still be on its way."""
        with Flood(lambda: sock.send(text)):
            self.assertTrue(self.wire.until(lambda packet: packet.payload == text), "it passes before")
            change()
            time.sleep(SHUT_S)
            self.barrier(self.wire)
            time.sleep(0.05)
            self.assertEqual([packet for packet in self.barrier(self.wire) if packet.payload == text], [])

    def test_it_is_shut_without_the_gateways_rules(self):
        sock, _ = self.outward(self.families()[0])
        self.assertShut(sock, lambda: self.gateway.nft("flush ruleset"))

    def test_it_is_shut_with_the_gateways_table_emptied(self):
        sock, _ = self.outward(self.families()[-1])
        self.assertShut(sock, lambda: self.gateway.nft("flush table inet actornet"))

    def test_it_is_shut_without_the_workers_rules(self):
        sock, _ = self.outward(self.families()[0])
        self.assertShut(sock, lambda: self.worker.nft("flush ruleset"))

    def test_it_is_shut_by_a_release(self):
        for family in self.families():
            actor = self.activate("c")
            sock, _ = self.outward(family, actor)
            self.assertShut(sock, lambda actor=actor: self.release(actor))

    def test_it_is_shut_by_a_new_policy(self):
        link = self.actor.info["slot"]
        sock, _ = self.outward(self.families()[0])
        before = self.drops(self.actor)["policy"]
        self.assertShut(sock, lambda: self.gateway.nft(f"""delete element inet actornet judged {{ {link} . 1 }}
            add element inet actornet judged {{ {link} . 2 }}
            delete element inet actornet current {{ {link} }}
            add element inet actornet current {{ {link} : 2 }}
            delete element inet actornet egress {{ {link} }}
            add element inet actornet egress {{ {link} : 0x202 }}"""))  # none
        self.assertGreater(self.drops(self.actor)["policy"], before)

    def test_it_is_shut_by_the_end_of_a_port(self):
        for family in self.families():
            client, served = self.inward(family)
            inside = self.actor.capture("eth0")
            with Flood(lambda client=client: client.send(b"flood")):
                self.assertTrue(inside.until(lambda packet: packet.payload == b"flood"))
                result = self.worker.actornet("port", "del", "a", "8001:80/udp")
                self.assertEqual(result.code, 0, f"{result}")
                time.sleep(SHUT_S)
                inside.drain()
                time.sleep(0.05)
                self.assertEqual([packet for packet in inside.drain() if packet.payload == b"flood"], [])
            served.close()
            self.assertEqual(self.worker.actornet("port", "add", "a", "8001:80/udp").code, 0)

    # What the gateway's connection tracking makes of it

    def tracked(self, family, port):
        """The gateway's entries of connections to a port."""
        return self.gateway.run("conntrack", "-L", "-f", family.name, "-p", "tcp", "--orig-port-dst", str(port)).splitlines()

    def busy(self, family, port):
        """A connection that has just used the lane both ways."""
        left, right = self.tcp_pair(self.actor, family.public, port, self.outside, (family.public, port))
        self.transfer(left, right, 50)
        self.transfer(right, left, 50)
        return left, right

    def test_idle_connection_is_known_for_two_hours(self):
        """RFC 5382, REQ-5: no less than 2 hours 4 minutes. It can't be told from one whose peer vanished: not for days."""
        for family in self.families():
            self.busy(family, 7002)
            entry, = self.tracked(family, 7002)
            self.assertIn("ESTABLISHED", entry)
            self.assertIn(int(entry.split()[2]), range(7400, 7441), entry)

    def test_end_of_a_connection_is_seen(self):
        for family in self.families():
            left, right = self.busy(family, 7003)
            right.close()
            left.close()
            entry, = self.tracked(family, 7003)
            self.assertNotIn("ESTABLISHED", entry)

    def test_broken_off_connection_is_forgotten_soon(self):
        for family in self.families():
            left, _ = self.busy(family, 7004)
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            left.close()
            for entry in self.tracked(family, 7004):
                self.assertLessEqual(int(entry.split()[2]), 10, entry)


if __name__ == "__main__":
    case.main()

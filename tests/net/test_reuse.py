# SPDX-License-Identifier: Apache-2.0
"""One actor after another on the same worker: nothing of the earlier one's is left for the next."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire


class ReuseTest(case.NetCase):
    """At most one slot, so the next actor takes the earlier one's place if any place is taken twice."""

    UP = ("--slots", "1", "--max", "2")

    def setUp(self):
        super().setUp()
        self.serve_outside(80)

    def assertEnds(self, sock, seconds=1.0):
        """The peer of a released actor learns with its next packets that the flow has ended."""
        sock.settimeout(seconds)
        start = time.monotonic()
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            while time.monotonic() < start + seconds:
                sock.send(b"is anybody there?")
                if not sock.recv(100):
                    raise ConnectionResetError

    def test_peers_of_a_released_actor_are_reset(self):
        for family in self.families():
            actor = self.activate("a", "--port", "8001:80")
            self.serve(actor, "a", 80)
            inward, _ = self.session(self.client, family.worker, 8001)
            left, outward = self.tcp_pair(actor, family.public, 7001, self.outside, (family.public, 7001))
            self.exchange(inward, b"alive")
            left.send(b"alive")
            self.assertEqual(outward.recv(100), b"alive")
            self.release(actor)
            self.assertEnds(inward)
            self.assertEnds(outward)

    def test_released_actor_can_send_nothing_though_its_namespace_is_held(self):
        actor = self.activate("a", "--port", "8001:80/udp", "--egress", "all")
        flows = []
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            sock = actor.connect_udp(family.public, 7000, source=(family.inner, 6000))
            sock.send(b"alive")
            self.assertEqual(server.recvfrom(100)[0], b"alive")
            flows.append((family, server, sock))
        actor.frame(actor.udp_packet(b"frame", lab.PUBLIC, 6001, 7000))
        self.assertEqual(flows[0][1].recvfrom(100)[0], b"frame")
        self.release(actor)
        capture = self.on_wire()
        for family, _, sock in flows:
            try:
                sock.send(b"of the dead")
            except OSError:
                pass
            try:
                actor.frame(actor.udp_packet(b"of the dead", family.public, 6000, 7000))
            except OSError:
                pass
        self.assertEqual([packet for packet in self.barrier(capture) if packet.payload == b"of the dead"], [])

    def test_nothing_meant_for_the_earlier_actor_reaches_the_next(self):
        for family in self.families():
            first = self.activate("first", "--port", "8001:80/udp", "--port", "8001:80")
            server = self.outside.udp(family.public, 7000)
            out = first.udp(family.inner, 6000)
            out.sendto(b"hello", (family.public, 7000))
            _, masqueraded = server.recvfrom(100)
            inside = first.udp(family.inner, 80)
            old = self.client.connect_udp(family.worker, 8001, source=(family.client, 5555))
            old.send(b"for the first")
            self.assertEqual(inside.recvfrom(100)[0], b"for the first")
            self.serve(first, "first", 80, protocols=("tcp",))
            stream, _ = self.session(self.client, family.worker, 8001, source=(family.client, 5556))
            out.close()
            inside.close()
            self.release(first)
            second = self.activate("second", "--port", "8001:81/udp", "--port", "8001:81")
            self.assertNotEqual((first.outer, first.outer6), (second.outer, second.outer6))
            capture = second.capture("eth0")
            second_inside = second.udp(family.inner, 81)
            for _ in range(5):
                server.sendto(b"for the first", masqueraded)
                try:
                    stream.send(b"for the first")
                except OSError:
                    pass
            old.send(b"for the second")
            self.assertEqual(second_inside.recvfrom(100)[0], b"for the second", "a stale mapping takes the next's packets")
            self.assertEqual([packet for packet in capture.drain() if packet.payload == b"for the first"], [])
            self.serve(second, "second", 81, protocols=("tcp",))
            stream.close()
            _, answer = self.session(self.client, family.worker, 8001, source=(family.client, 5557))
            self.assertEqual(answer.label, "second")
            server.close()
            second_inside.close()
            old.close()
            self.release(second)

    def test_flood_to_the_earlier_actor_never_reaches_the_next(self):
        family = self.families()[0]
        first = self.activate("first", "--port", "8001:80/udp")
        server = self.outside.udp(family.public, 7000)
        out = first.udp(family.inner, 6000)
        out.sendto(b"hello", (family.public, 7000))
        _, masqueraded = server.recvfrom(100)
        out.close()
        flood = case.threading.Event()

        def run():
            while not flood.wait(0.0005):
                server.sendto(b"for the first", masqueraded)

        thread = case.threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            captures = []
            self.release(first)
            for number in range(5):
                actor = self.activate(f"next{number}")
                captures.append(actor.capture("eth0"))
                self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC, "udp")
                seen = captures[-1].drain()
                self.assertEqual([packet for packet in seen if packet.payload == b"for the first"], [])
                self.assertTrue(seen)
                self.release(actor)
        finally:
            flood.set()
            thread.join()

    def test_strict_actor_after_a_permissive_one_is_strict_from_its_first_packet(self):
        for family in self.families():
            loose = self.activate("loose", "--egress", "all", "--port", "8001:80")
            server = self.outside.udp(family.private, 7000)
            for sport in (6000, 6001):
                loose.frame(loose.udp_packet(b"loose", family.private, sport, 7000))
                self.assertEqual(server.recvfrom(100)[0], b"loose")
            self.assertAnswers(loose, family.private, 80, family.private)
            self.release(loose)
            strict = self.activate("strict", "--egress", "none")
            capture = self.on_wire()
            for sport in (6000, 6001, 6002):
                strict.frame(strict.udp_packet(b"strict", family.private, sport, 7000),
                             strict.udp_packet(b"strict", family.public, sport, 7000))
            self.assertDenied(strict, family.private, 80)
            self.assertEqual([packet for packet in self.barrier(capture) if packet.payload == b"strict"], [])
            self.assertEqual(self.drops(strict)["policy"] >= 6, True)
            self.assertDenied(self.client, family.worker, 8001)
            server.close()
            self.release(strict)

    def test_generation_counts_up_and_outer_addresses_are_not_reused_soon(self):
        seen, last = set(), 0
        for _ in range(6):
            actor = self.activate("a")
            self.assertGreater(actor.info["generation"], last)
            self.assertNotIn(actor.outer, seen)
            last = actor.info["generation"]
            seen.add(actor.outer)
            actor.close()
            self.release(actor)

    def test_activating_again_with_the_same_settings_leaves_flows_and_renews_the_inside(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        sock, _ = self.session(self.client, self.worker.address, 8001)
        actor.ip("addr flush dev eth0")
        again = self.activate("a", "--port", "8001:80")
        self.assertEqual((again.info["generation"], again.outer, again.info["netns"]),
                         (actor.info["generation"], actor.outer, actor.info["netns"]))
        self.exchange(sock, b"alive")
        for family in self.families():
            self.assertAnswers(again, family.public, 80, family.public)
        self.refused(4, "activate", "a", "--port", "8002:80")
        self.refused(4, "activate", "a", "--port", "8001:80", "--egress", "all")
        self.exchange(sock, b"still")

    def test_no_conntrack_entry_of_a_released_actor_is_left(self):
        actor = self.activate("a", "--port", "8001:80/udp")
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(actor, family.public, 80, family.public, "udp")
            actor.frame(actor.udp_packet(b"x", family.public, 1, 2))
        entries = self.conntrack()
        self.assertTrue([line for line in entries if f"={actor.outer} " in line])
        self.assertTrue([line for line in entries if f"={actor.outer6} " in line])
        self.assertAnswers(self.worker, lab.PUBLIC, 80, lab.PUBLIC, "udp")
        self.release(actor)
        left = [line for line in self.conntrack() if f"={actor.outer} " in line or f"={actor.outer6} " in line]
        self.assertEqual(left, [])
        self.assertTrue([line for line in self.conntrack() if f"src={self.worker.address} " in line], "the worker's own")

    def conntrack(self):
        """The worker's connection table, one flow a line."""
        return [line for family in ("ipv4", "ipv6")
                for line in self.worker.run("conntrack", "-L", "-f", family).splitlines()]


class SandboxedTest(case.NetCase):
    """An actor whose sandbox takes the link over: the host kernel never answers in its place."""

    def test_host_kernel_does_not_answer_for_a_sandbox(self):
        plain = self.activate("plain", "--port", "8001:80", "--port", "8001:80/udp")
        boxed = self.activate("boxed", "--port", "8002:80", "--port", "8002:80/udp", "--sandboxed")
        for family in self.families():
            self.assertEqual(self.failure(self.client, family.worker, 8001)[0], case.errno.ECONNREFUSED)
            capture = boxed.capture("eth0")
            answers = self.on_wire()
            self.assertEqual(self.failure(self.client, family.worker, 8002, timeout=0.2)[0], case.errno.ETIMEDOUT)
            self.assertEqual(self.failure(self.client, family.worker, 8002, "udp", 0.1)[0], case.errno.ETIMEDOUT)
            self.assertTrue([packet for packet in capture.drain() if packet.dport == 80], "the sandbox receives")
            self.assertEqual([packet for packet in self.barrier(answers) if packet.sport == 8002 or packet.inner], [])
        self.assertEqual(plain.mac, boxed.mac)

    def test_frames_of_a_sandbox_pass(self):
        boxed = self.activate("boxed", "--sandboxed")
        server = self.outside.udp(lab.PUBLIC, 7000)
        boxed.frame(boxed.udp_packet(b"from the sandbox", lab.PUBLIC, 6000, 7000))
        data, peer = server.recvfrom(100)
        self.assertEqual(data, b"from the sandbox")
        capture = boxed.capture("eth0")
        server.sendto(b"to the sandbox", peer)
        self.assertIsNotNone(capture.until(lambda packet: packet.payload == b"to the sandbox"))


if __name__ == "__main__":
    case.main()

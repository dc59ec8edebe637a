# SPDX-License-Identifier: Apache-2.0
"""Source ports of the actors' flows: a range of their own that no socket and no mapped port shares."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab


class MasqueradeTest(case.NetCase):
    """One worker."""

    def setUp(self):
        super().setUp()
        self.serve_outside(80)

    def test_flows_leave_from_the_range(self):
        actor = self.activate("a")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                ports = {self.ask(actor, family.public, 80, protocol).port for _ in range(20)}
                self.assertTrue(ports <= set(range(20000, 30000)), ports)
                self.assertGreater(len(ports), 10, "not random")
                own = self.ask(self.worker, family.public, 80, protocol).port
                self.assertNotIn(own, range(20000, 30000), "the worker's own flows keep their ports")

    def test_range_may_be_chosen_and_its_end_is_respected(self):
        self.up("--slots", "1", "--nat-ports", "25000-25009")
        actor = self.activate("a", "--port", "20000:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 20000, "a")
            flows = [self.session(actor, family.public, 80) for _ in range(10)]
            self.assertEqual({answer.port for _, answer in flows}, set(range(25000, 25010)))
            self.assertSilent(actor, family.public, 80)
            self.assertAnswers(actor, family.second, 80, family.second)
            for sock, _ in flows:
                self.exchange(sock, b"unharmed")

    def test_range_with_a_bound_socket_is_refused_naming_its_process(self):
        for family in self.families():
            for socket in (self.worker.listen(family.any, 20005), self.worker.udp(family.worker, 29999)):
                self.refused(4, "up", naming=("python",))
                socket.close()
        self.assertEqual(self.left_over(), [])
        self.up()

    def test_range_that_overlaps_the_local_ports_is_refused(self):
        low, high = self.worker.sysctl("ipv4/ip_local_port_range").split()
        for ports in (f"30000-{low}", f"{high}-{int(high) + 10}", f"{int(low) + 1}-{int(high) - 1}"):
            with self.subTest(ports):
                self.refused(4, "up", "--slots", "1", "--nat-ports", ports,
                             naming=(f"--nat-ports {ports}", f"ephemeral ports {low}-{high}"))
        self.assertEqual(self.left_over(), [])
        self.up("--slots", "1", "--nat-ports", f"30000-{int(low) - 1}")

    def test_datagrams_to_the_workers_sockets_stay_with_the_worker(self):
        actor = self.activate("a")
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            mine = self.worker.connect_udp(family.public, 7000)
            mine.send(b"worker")
            _, worker_peer = server.recvfrom(100)
            theirs = actor.connect_udp(family.public, 7000, source=(family.inner, worker_peer[1]))
            theirs.send(b"actor")
            _, actor_peer = server.recvfrom(100)
            self.assertNotEqual(actor_peer[1], worker_peer[1])
            server.sendto(b"for the worker", worker_peer)
            server.sendto(b"for the actor", actor_peer)
            self.assertEqual(mine.recv(100), b"for the worker")
            self.assertEqual(theirs.recv(100), b"for the actor")

    def test_masqueraded_port_accepts_nobody_else(self):
        actor = self.activate("a")
        for family in self.families():
            server = self.outside.udp(family.public, 7000)
            sock = actor.udp(family.inner, 6000)
            sock.sendto(b"hello", (family.public, 7000))
            _, peer = server.recvfrom(100)
            capture = actor.capture("eth0")
            self.client.udp(family.client, 7000).sendto(b"stranger", peer[:2])
            self.outside.udp(family.public, 7001).sendto(b"stranger", peer[:2])
            server.sendto(b"friend", peer)
            self.assertEqual(sock.recvfrom(100)[0], b"friend")
            self.assertEqual([packet for packet in capture.drain() if packet.payload == b"stranger"], [])


if __name__ == "__main__":
    case.main()

# SPDX-License-Identifier: Apache-2.0
"""Every link has the uplink's MTU: full packets pass unfragmented both ways, and nothing is lost in a black hole."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
from netns import Namespace

MTUS = (1280, 1450, 1460, 1500, 9001)


class MtuTest(case.NetCase):
    """A worker of each MTU; the outside takes all of them."""

    WORKERS = tuple(lab.WorkerSpec(mtu=mtu) for mtu in MTUS)
    OUTSIDE_MTU = 9216

    def each_worker(self):
        """(worker, actor) for each MTU."""
        for worker in self.lab.workers:
            yield worker, self.activate("a", "--port", "8001:80/udp", "--port", "8001:80", worker=worker)

    def test_links_have_the_uplinks_mtu(self):
        for worker, actor in self.each_worker():
            mtu, shown = worker.spec.mtu, self.up(worker=worker).json
            self.assertEqual((shown["mtu"], actor.mtu), (mtu, mtu))
            gateway = Namespace(shown["gateway_netns"])
            for netns, name in ((actor, "eth0"), (worker, "actornet0"), (gateway, "up0"), (gateway, actor.info["slot"])):
                self.assertEqual(netns.ip_json("link", "show", name)[0]["mtu"], mtu, name)
            gateway.close()

    def test_full_datagrams_pass_unfragmented_and_longer_ones_are_refused(self):
        for worker, actor in self.each_worker():
            for family in self.families(worker):
                full = worker.spec.mtu - (28 if family.name == "ipv4" else 48)
                body = bytes(range(256)) * 40
                server = self.outside.udp(family.public, 7000, df=True)
                sock = actor.udp(family.inner, 6000, df=True)
                sock.sendto(body[:full], (family.public, 7000))
                data, peer = server.recvfrom(1 << 14)
                self.assertEqual(data, body[:full])
                server.sendto(body[1:full + 1], peer)
                self.assertEqual(sock.recvfrom(1 << 14)[0], body[1:full + 1])
                self.assertRaises(OSError, sock.sendto, body[:full + 1], (family.public, 7000))
                server.close()
                sock.close()
                server, sock = actor.udp(family.inner, 80, df=True), self.client.udp(family.client, 6000, df=True)
                sock.sendto(body[:full], (family.worker, 8001))
                data, peer = server.recvfrom(1 << 14)
                self.assertEqual(data, body[:full])
                server.sendto(body[2:full + 2], peer)
                self.assertEqual(sock.recvfrom(1 << 14)[0], body[2:full + 2])
                server.close()
                sock.close()

    def test_streams_pass_both_ways(self):
        for worker, actor in self.each_worker():
            for family in self.families(worker):
                left, right = self.tcp_pair(actor, family.public, 7001, self.outside, (family.public, 7001))
                self.transfer(left, right, 24)
                self.transfer(right, left, 24)
                left, right = self.tcp_pair(self.client, family.worker, 8001, actor, (family.inner, 80))
                self.transfer(left, right, 24)
                self.transfer(right, left, 24)

    def test_large_pings_pass(self):
        for worker, actor in self.each_worker():
            for family in self.families(worker):
                full = worker.spec.mtu - (28 if family.name == "ipv4" else 48)
                self.ping(actor, family.public, b"x" * 20000, 0.3)  # an IPv6 peer learns the path's MTU by its first loss
                for size in (full, full + 1, 20000):
                    self.assertPings(actor, family.public, bytes(range(250)) * (size // 250) + b"e" * (size % 250))


class SmallMtuTest(case.NetCase):
    """Below 1280 bytes the kernel has no IPv6 on a link: actors have IPv4."""

    WORKERS = (lab.WorkerSpec(ipv6=False),)

    def setUp(self):
        super().setUp()
        self.worker.ip("link set eth0 mtu 1000")
        self.before = inventory.take(self.lab)

    def test_actor_works_over_ipv4(self):
        actor = self.activate("a", "--port", "8001:80")
        self.assertEqual((actor.mtu, actor.info["address6"]), (1000, None))
        self.serve(actor, "a", 80, protocols=("tcp",), addresses=("0.0.0.0",))
        self.serve_outside(80)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC)


if __name__ == "__main__":
    case.main()

# SPDX-License-Identifier: Apache-2.0
"""Large transfers arrive byte for byte, in both directions and both families."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case

BLOCKS = 512  # of 64 KiB


class TransferTest(case.NetCase):
    """One actor, its own connections and those to its port."""

    def test_outbound_connection(self):
        actor = self.activate("a")
        for family in self.families():
            left, right = self.tcp_pair(actor, family.public, 7001, self.outside, (family.public, 7001))
            self.transfer(left, right, BLOCKS)
            self.transfer(right, left, BLOCKS)

    def test_inbound_connection(self):
        actor = self.activate("a", "--port", "8001:80")
        for family in self.families():
            left, right = self.tcp_pair(self.client, family.worker, 8001, actor, (family.inner, 80))
            self.transfer(left, right, BLOCKS)
            self.transfer(right, left, BLOCKS)

    def test_datagrams_of_every_length(self):
        actor = self.activate("a", "--port", "8001:80/udp")
        body = random.Random(1).randbytes(3000)
        for family in self.families():
            server, out = self.outside.udp(family.public, 7000), actor.udp(family.inner, 6000)
            inside, client = actor.udp(family.inner, 80), self.client.udp(family.client, 6000)
            for length in list(range(0, 64)) + list(range(1380, 1520, 7)) + [1472, 1473, 2999]:
                out.sendto(body[:length], (family.public, 7000))
                data, peer = server.recvfrom(4000)
                self.assertEqual(data, body[:length])
                server.sendto(data[::-1], peer)
                self.assertEqual(out.recvfrom(4000)[0], data[::-1])
                client.sendto(body[:length], (family.worker, 8001))
                data, peer = inside.recvfrom(4000)
                self.assertEqual(data, body[:length])
                inside.sendto(data[::-1], peer)
                self.assertEqual(client.recvfrom(4000)[0], data[::-1])


if __name__ == "__main__":
    case.main()

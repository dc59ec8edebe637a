# SPDX-License-Identifier: Apache-2.0
"""The lab itself: it carries traffic, its packets are right, and its inventory sees changes."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
import wire


class LabTest(unittest.TestCase):
    """Without the program under test."""

    def setUp(self):
        self.lab = lab.Lab(lab.WorkerSpec(), lab.WorkerSpec(uplink="ens5", host_route=True, mtu=9001),
                           lab.WorkerSpec(disable_ipv6=True))
        self.services = case.Services()

    def tearDown(self):
        self.services.stop()
        names = self.lab.names
        self.lab.close()
        for name in names:
            self.assertFalse(os.path.exists(f"/run/netns/{name}"))
            self.assertFalse(os.path.exists(f"/etc/netns/{name}"))

    def test_every_worker_reaches_the_outside_and_the_client(self):
        for address in (lab.PUBLIC, lab.SECOND, lab.PRIVATE, lab.METADATA, lab.PUBLIC6):
            self.services.tcp(self.lab.outside, address, address, 80)
            for worker in self.lab.workers:
                if ":" in address and not worker.address6:
                    continue
                with worker.connect(address, 80) as sock:
                    self.assertTrue(sock.recv(100).startswith(address.encode()))

    def test_built_packets_have_right_checksums_and_read_back(self):
        source, target = lab.CLIENT, lab.PUBLIC
        for source, target in ((lab.CLIENT, lab.PUBLIC), (lab.CLIENT6, lab.PUBLIC6)):
            server = self.lab.outside.udp(target, 53)
            self.lab.client.send_ip(wire.ip(wire.udp(b"odd", source, target, 1000, 53), source, target, wire.UDP))
            self.assertEqual(server.recvfrom(100)[0], b"odd")
            whole = wire.udp(bytes(range(256)) * 16, source, target, 1000, 53)
            for piece in wire.fragments(whole, source, target, wire.UDP, ident=7):
                self.lab.client.send_ip(piece)
            self.assertEqual(server.recvfrom(9000)[0], whole[8:])
            packet = wire.read_ip(wire.ip(wire.tcp(b"x", source, target, 1, 2, seq=9, flags=wire.ACK), source, target,
                                          wire.TCP))
            self.assertEqual((packet.flow, packet.seq, packet.payload, packet.sum_ok),
                             ((wire.TCP, source, 1, target, 2), 9, b"x", True))

    def test_kernel_packets_read_back(self):
        capture = self.lab.router.capture(self.lab.worker.link)
        for address in (lab.PUBLIC, lab.PUBLIC6):
            with self.lab.worker.connect_udp(address, 9) as sock:
                sock.send(b"nobody there")
                self.assertRaises(ConnectionRefusedError, sock.recv, 10)
            seen = capture.until(lambda packet: packet.payload == b"nobody there")
            self.assertEqual((seen[-1].target, seen[-1].dport), (address, 9))

    def test_inventory_sees_each_kind_of_change(self):
        worker = self.lab.worker
        before = inventory.take(self.lab)
        self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [])
        for make, undo in (("link add one type veth peer name two", "link del one"),
                           ("addr add 10.1.1.1/32 dev lo", "addr del 10.1.1.1/32 dev lo"),
                           ("route add 10.2.0.0/16 dev eth0 table 77", "route del 10.2.0.0/16 table 77"),
                           ("rule add fwmark 5 lookup 77", "rule del fwmark 5 lookup 77"),
                           ("-6 rule add iif eth0 lookup 77", "-6 rule del iif eth0 lookup 77")):
            worker.run("ip", *make.split())
            self.assertTrue(inventory.difference(before, inventory.take(self.lab)), make)
            worker.run("ip", *undo.split())
            self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [], undo)
        worker.nft("add table ip t\nadd set ip t s { type ipv4_addr; }\nadd element ip t s { 1.2.3.4 }")
        with_set = inventory.take(self.lab)
        self.assertTrue(inventory.difference(before, with_set))
        worker.nft("add element ip t s { 1.2.3.5 }")
        self.assertTrue(inventory.difference(with_set, inventory.take(self.lab)))
        worker.nft("delete table ip t")
        worker.sysctl("ipv4/conf/eth0/forwarding", 1)
        self.assertEqual(len(inventory.difference(before, inventory.take(self.lab))), 1)
        worker.sysctl("ipv4/conf/eth0/forwarding", 0)
        with worker.entered():
            process = subprocess.Popen(["sleep", "30"])
        self.assertTrue(inventory.difference(before, inventory.take(self.lab)))
        process.kill()
        process.wait()
        self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [])

    def test_what_a_killed_lab_left_is_swept(self):
        script = ("import os, sys; sys.path.insert(0, sys.argv[1]); import lab; made = lab.Lab(lab.WorkerSpec());"
                  "print(made.names[0], flush=True); os.kill(os.getpid(), int(sys.argv[2]))")
        for number in (9, 15):
            done = subprocess.run([sys.executable, "-c", script, os.path.dirname(lab.__file__), str(number)],
                                  capture_output=True, text=True, timeout=30, check=False)
            name = done.stdout.strip()
            self.assertEqual(done.returncode, -number, done.stderr)
            self.assertEqual(os.path.exists(f"/run/netns/{name}"), number == 9)
            lab.sweep()
            self.assertFalse(os.path.exists(f"/run/netns/{name}"))
            self.assertTrue(os.path.exists(f"/run/netns/{self.lab.names[0]}"))


if __name__ == "__main__":
    case.main()

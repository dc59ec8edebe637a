# SPDX-License-Identifier: Apache-2.0
"""Outbound: what each egress set opens, the floor that none opens, and how a denial looks from inside."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire
from netns import Namespace

# One address of each block that "internet" leaves out, and the public ones beside the blocks' ends.
PRIVATE = ("10.0.0.1", "10.255.255.254", "100.127.255.254", "172.16.0.1", "172.31.255.254", "192.168.0.1",
           "192.168.255.254", "198.18.0.1", "198.19.255.254", "fc00::1", "fdff:ffff::1", "64:ff9b::1",
           "64:ff9b:1::1", "2001::1", "2001:0:ffff::1", "2002::1", "2002:ffff::1", "fec0::1", "feff:ffff::1")
PUBLIC = ("9.255.255.254", "11.0.0.1", "100.63.255.254", "100.128.0.1", "172.15.255.254", "172.32.0.1",
          "192.167.255.254", "192.169.0.1", "198.17.255.254", "198.20.0.1", "192.0.2.77", "198.51.100.77",
          "203.0.113.88", "223.255.255.254", "2001:1::1", "2001:db8:f::77", "2003::1", "2606:4700::1", "64:ff9a::1")
METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::23",
            "fd20:ce::254")
BESIDE = ("100.100.100.201", "168.63.129.17", "192.0.0.193", "fd00:ec2::255", "fd20:ce::253")
FLOOR = ("169.254.0.1", "169.254.169.254", "169.254.255.254", "240.0.0.1", "255.255.255.254") + METADATA


class EgressTest(case.NetCase):
    """Two workers; everything outside serves ports 53, 80 and 443."""

    WORKERS = (lab.WorkerSpec(), lab.WorkerSpec())

    def setUp(self):
        super().setUp()
        self.serve_outside(80, 443)
        self.serve(self.lab.workers[1], "worker2", 80)

    def test_internet_opens_public_addresses_and_nothing_private(self):
        actor = self.activate("a")
        self.assertEqual(actor.info["egress"], "internet")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                for address in (family.public, family.second):
                    answer = self.assertAnswers(actor, address, 80, address, protocol)
                    self.assertEqual(answer.host, family.worker, "masqueraded")
                for address in (family.private, self.lab.workers[1].address if family.name == "ipv4"
                                else self.lab.workers[1].address6):
                    self.assertDenied(actor, address, 80, protocol)
            self.assertPings(actor, family.public)
            error = self.ping(actor, family.private)
            self.assertEqual((error.kind, error.code), (3, 13) if family.name == "ipv4" else (1, 1), repr(error))
        self.assertGreaterEqual(self.drops(actor)["policy"], 10)

    def test_all_opens_private_addresses_too(self):
        actor = self.activate("a", "--egress", "all")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                for address in (family.public, family.private):
                    self.assertAnswers(actor, address, 80, address, protocol)
                other = self.lab.workers[1].address if family.name == "ipv4" else self.lab.workers[1].address6
                self.assertAnswers(actor, other, 80, "worker2", protocol)
            self.assertPings(actor, family.private)

    def test_none_opens_nothing_but_answers_to_inbound(self):
        actor = self.activate("a", "--egress", "none", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.client, family.worker, 8001, "a", protocol)
                for address in (family.public, family.private, family.client):
                    self.assertDenied(actor, address, 80, protocol)
            error = self.ping(actor, family.public)
            self.assertEqual((error.kind, error.code), (3, 13) if family.name == "ipv4" else (1, 1), repr(error))
        self.assertGreaterEqual(self.drops(actor)["policy"], 14)
        self.assertAnswers(self.worker, lab.PUBLIC, 80, lab.PUBLIC)

    def reached(self, actor, addresses):
        """Which of addresses a UDP packet of the actor gets out to."""
        capture = self.on_wire()
        for number, address in enumerate(addresses):
            actor.frame(actor.udp_packet(b"egress-" + address.encode(), address, 3000 + number, 4000))
        seen = self.barrier(capture)
        return {packet.target for packet in seen if packet.payload.startswith(b"egress-")}

    def test_ends_of_the_blocks_that_internet_leaves_out(self):
        actor = self.activate("a")
        self.assertEqual(self.reached(actor, PRIVATE + PUBLIC + FLOOR), set(PUBLIC))
        everything = self.activate("b", "--egress", "all")
        self.assertEqual(self.reached(everything, PRIVATE + PUBLIC + FLOOR + BESIDE), set(PRIVATE + PUBLIC + BESIDE))

    def test_metadata_services_answer_nobody_under_all(self):
        actor = self.activate("a", "--egress", "all")
        before = self.drops(actor)
        for address in METADATA:
            netmask = "128" if ":" in address else "32"
            self.outside.ip(f"addr add {address}/{netmask} dev eth0" + (" nodad" if ":" in address else ""))
            self.router.ip(f"route add {address} dev out0")
            self.later(self.outside.ip, f"addr del {address}/{netmask} dev eth0")
            self.later(self.router.ip, f"route del {address} dev out0")
            self.serve(self.outside, "metadata", 80, addresses=(address,))
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.worker, address, 80, "metadata", protocol)
                self.assertDenied(actor, address, 80, protocol)
        self.assertGreaterEqual((self.drops(actor) - before)["floor"], 2 * len(METADATA))

    def test_range_may_hold_a_metadata_address(self):
        self.up("--slots", "1", "--range", "100.100.0.0/16")
        actor = self.activate("a", "--egress", "all")
        self.assertDenied(actor, "100.100.100.200", 80)
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC)

    def test_floor_holds_under_all(self):
        self.serve(self.worker, "worker", 80)
        actor = self.activate("a", "--egress", "all", "--port", "8001:80")
        other = self.activate("b", "--egress", "all", "--port", "8002:80")
        self.serve(other, "b", 80)
        link = [address["local"] for found in self.worker.ip_json("address", "show", "dev", "actornet0")
                for address in found["addr_info"] if address["scope"] == "global"]
        self.assertEqual(len(link), 2, link)
        before = self.drops(actor)
        targets = [lab.METADATA, self.worker.address, self.worker.address6, other.outer, other.outer6] + link
        for address in targets:
            for protocol in ("tcp", "udp"):
                with self.subTest(address=address, protocol=protocol):
                    self.assertDenied(actor, address, 80, protocol)
        for address in (lab.METADATA, self.worker.address, self.worker.address6):
            self.assertEqual(self.ask(self.worker, address, 80).label[:6], (address if address == lab.METADATA
                                                                           else "worker")[:6])
        for address in (other.outer, other.outer6):
            self.assertAnswers(self.worker, address, 80, "b")
        for address in (lab.PUBLIC, lab.PRIVATE6):
            self.assertAnswers(actor, address, 80, address)
        self.assertGreaterEqual((self.drops(actor) - before)["floor"], len(targets))
        for address in (self.worker.address, lab.METADATA, other.outer):
            error = self.ping(actor, address)
            self.assertEqual((error.kind, error.code), (3, 13), f"{address}: {error!r}")

    def test_actor_reaches_nothing_of_the_gateway(self):
        actor = self.activate("a", "--egress", "all")
        before = self.drops(actor)
        for address in (case.INNER_GW, case.INNER_GW6):
            for protocol in ("tcp", "udp"):
                self.assertDenied(actor, address, 80, protocol)
        counted = self.drops(actor) - before
        self.assertGreaterEqual(counted["gateway"], 4)
        self.assertEqual(counted["floor"], 0)
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC)

    def test_address_that_the_worker_gets_later_is_its_own_too(self):
        actor = self.activate("a", "--egress", "all")
        later = ("203.0.113.77", "2001:db8:f::77")
        self.worker.ip("addr add 203.0.113.77/32 dev lo\naddr add 2001:db8:f::77/128 dev lo nodad")
        self.later(self.worker.ip, "addr del 203.0.113.77/32 dev lo\naddr del 2001:db8:f::77/128 dev lo")
        self.worker.await_addresses()
        self.serve(self.worker, "worker", 7000, addresses=later)
        for address in later:
            self.assertAnswers(self.worker, address, 7000, "worker")
            for protocol in ("tcp", "udp"):
                self.assertDenied(actor, address, 7000, protocol)
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
        self.assertFalse([seen for seen in self.services.received["worker"] if seen[0] not in later])

    def test_multicast_and_broadcast_go_nowhere(self):
        actor = self.activate("a", "--egress", "all")
        self.serve(self.worker, "worker", 5353)
        capture = self.on_wire()
        for number, address in enumerate(("224.0.0.251", "239.1.2.3", "255.255.255.255", "10.98.1.255", "100.64.255.255",
                                          "ff02::fb", "ff02::1", "ff05::2", "ff0e::101")):
            actor.frame(actor.udp_packet(b"many", address, 5000 + number, 5353))
            frame = wire.ether(actor.udp_packet(b"many", address, 5100 + number, 5353), actor.mac, "ff:ff:ff:ff:ff:ff")
            actor.send_frame(frame)
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC, "udp")
        seen = self.barrier(capture)
        self.assertTrue([packet for packet in seen if packet.target == lab.PUBLIC and packet.payload == b"question"])
        self.assertEqual([packet for packet in seen if packet.payload == b"many"], [])
        self.assertAnswers(self.client, self.worker.address, 5353, "worker", "udp")
        self.assertEqual([data for _, data in self.services.received["worker"]], [b"question"])

    def test_every_one_of_many_denials_is_visible(self):
        actor = self.activate("a")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                for port in range(30):
                    self.assertDenied(actor, family.private, 1000 + port, protocol)

    def test_denials_are_counted_by_reason(self):
        actor = self.activate("a")
        quiet = self.activate("quiet")
        before = self.drops(actor)
        for _ in range(3):
            self.failure(actor, lab.PRIVATE, 80)
            self.failure(actor, lab.METADATA, 80)
            self.failure(actor, case.INNER_GW, 80)
        counted = self.drops(actor) - before
        self.assertEqual((counted["policy"], counted["floor"], counted["gateway"]), (3, 3, 3), counted)
        self.assertEqual(sum(self.drops(quiet)[reason] for reason in ("policy", "floor", "gateway")), 0)
        shown = self.show(actor)
        self.assertGreater(shown["tx_packets"], 0)

    def test_new_policy_judges_flows_again_but_not_answers_to_inbound_ones(self):
        actor = self.activate("a", "--egress", "all", "--port", "8001:80")
        self.serve(actor, "a", 80)
        gateway = Namespace(self.up().json["gateway_netns"])
        self.later(gateway.close)
        inward, outward, late = [], [], []
        for family in self.families():
            inward.append(self.session(self.client, family.worker, 8001)[0])
            outward.append(self.session(actor, family.public, 80)[0])
            server = self.outside.udp(family.public, 7000)
            sock = actor.connect_udp(family.public, 7000)
            sock.send(b"question")
            late.append((server, server.recvfrom(100)[1], sock))
        for sock in inward + outward:
            self.exchange(sock, b"before")
        link = actor.info["slot"]
        gateway.nft(f"""delete element inet actornet judged {{ {link} . 1 }}
            add element inet actornet judged {{ {link} . 2 }}
            delete element inet actornet current {{ {link} }}
            add element inet actornet current {{ {link} : 2 }}
            delete element inet actornet egress {{ {link} }}
            add element inet actornet egress {{ {link} : 0x202 }}""")  # none
        for sock in inward:
            self.exchange(sock, b"after")
        for sock in outward:
            sock.send(b"after")
            self.assertRaises(ConnectionResetError, sock.recv, 100)
        before = self.drops(actor)["policy"]
        capture = self.outside.capture("eth0")
        for server, peer, sock in late:
            server.sendto(b"in time", peer)
            self.assertEqual(sock.recv(100), b"in time")
            sock.close()
            server.sendto(b"too late", peer)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")
        self.assertEqual([packet for packet in capture.drain() if packet.inner], [], "an error about a flow that is denied now")
        self.assertEqual(self.drops(actor)["policy"] - before, 2)

    def test_inbound_denials_are_not_the_actors_egress(self):
        actor = self.activate("a", "--egress", "none", "--port", "8001:80")
        self.serve(actor, "a", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")
        self.assertEqual(self.drops(actor)["policy"], 0)


class NoIpv6Test(case.NetCase):
    """Workers without IPv6: off inside the actor, and refused there rather than hung."""

    WORKERS = (lab.WorkerSpec(ipv6=False), lab.WorkerSpec(disable_ipv6=True))

    def test_ipv6_is_refused_at_once_and_never_leaves(self):
        for number, worker in enumerate(self.lab.workers):
            with self.subTest(worker.spec):
                actor = self.activate("a", worker=worker)
                self.assertFalse(actor.info["address6"])
                self.assertFalse(actor.info["outer6"])
                self.services.tcp(self.outside, "out", "203.0.113.11", 80 + number)
                self.assertAnswers(actor, "203.0.113.11", 80 + number, "out")
                with actor.entered():
                    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
                sock.settimeout(1)
                start = case.time.monotonic()
                with sock, self.assertRaises(OSError) as caught:
                    sock.connect((lab.PUBLIC6, 80))
                self.assertNotIsInstance(caught.exception, TimeoutError)
                self.assertLess(case.time.monotonic() - start, 0.1)
                capture = self.router.capture(worker.link)
                actor.frame(actor.udp_packet(b"six", lab.PUBLIC6, 1, 2, source=case.INNER6))
                self.assertEqual([packet for packet in self.barrier(capture, worker) if packet.payload == b"six"], [])


if __name__ == "__main__":
    case.main()

# SPDX-License-Identifier: Apache-2.0
"""Names: the worker's resolvers through the inner gateway address and directly, and no other server by that way."""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire

ANSWER = "203.0.113.99"


class DnsCase(case.NetCase):
    """Asks for names."""

    def resolve(self, netns, server, protocol="udp", port=53):
        """Ask for a name; the address in the answer."""
        query = wire.dns_query("www.example.org")
        if protocol == "udp":
            with netns.connect_udp(server, port) as sock:
                sock.settimeout(1)
                sock.send(query)
                reply = sock.recv(4096)
        else:
            with netns.connect(server, port) as sock:
                sock.sendall(struct.pack("!H", len(query)) + query)
                reply = sock.recv(4096)[2:]
        self.assertEqual(reply[:2], query[:2])
        return socket.inet_ntoa(reply[-4:])


class DnsTest(DnsCase):
    """Resolvers at private addresses that `internet` does not open."""

    def setUp(self):
        super().setUp()
        for address in (lab.RESOLVER, lab.RESOLVER6):
            self.services.dns(self.outside, address, ANSWER)
        for address in (lab.RESOLVER, lab.PRIVATE):
            self.services.tcp(self.outside, address, address, 80)
        self.services.udp(self.outside, "other", lab.PRIVATE, 53)
        self.services.tcp(self.outside, "other", lab.PRIVATE, 53)
        self.services.udp(self.outside, "high", lab.RESOLVER, 5353)

    def test_inner_gateway_address_and_the_resolver_itself_answer(self):
        actor = self.activate("a")
        for server in (case.INNER_GW, case.INNER_GW6, lab.RESOLVER, lab.RESOLVER6):
            for protocol in ("udp", "tcp"):
                with self.subTest(server=server, protocol=protocol):
                    self.assertEqual(self.resolve(actor, server, protocol), ANSWER)

    def test_port_53_opens_no_other_server_and_the_resolver_no_other_port(self):
        actor = self.activate("a")
        self.assertEqual(self.resolve(actor, lab.RESOLVER), ANSWER)
        for protocol in ("tcp", "udp"):
            self.assertDenied(actor, lab.PRIVATE, 53, protocol)
        self.assertDenied(actor, lab.RESOLVER, 80)
        self.assertDenied(actor, lab.RESOLVER, 5353, "udp")
        self.assertDenied(actor, case.INNER_GW, 5353, "udp")
        self.assertAnswers(self.worker, lab.PRIVATE, 53, "other")
        self.assertAnswers(self.worker, lab.RESOLVER, 80, lab.RESOLVER)

    def test_none_denies_names_too(self):
        actor = self.activate("a", "--egress", "none")
        control = self.activate("b")
        for server in (case.INNER_GW, case.INNER_GW6, lab.RESOLVER, lab.RESOLVER6):
            for protocol in ("udp", "tcp"):
                with self.subTest(server=server, protocol=protocol):
                    self.assertDenied(actor, server, 53, protocol)
                    self.assertEqual(self.resolve(control, server, protocol), ANSWER)

    def test_two_actors_ask_at_once_from_the_same_port_with_the_same_id(self):
        actors = [self.activate("a"), self.activate("b")]
        socks = [actor.connect_udp(case.INNER_GW, 53, source=(case.INNER, 5000)) for actor in actors]
        for number, sock in enumerate(socks):
            sock.send(wire.dns_query(f"name{number}"))
        for number, sock in enumerate(socks):
            self.assertIn(b"name%d" % number, sock.recv(4096))

    def test_names_resolve_with_the_workers_own_connections_undisturbed(self):
        self.activate("a")
        self.assertEqual(self.resolve(self.worker, lab.RESOLVER), ANSWER)
        self.assertEqual(self.resolve(self.worker, lab.RESOLVER6), ANSWER)


class MetadataResolverTest(DnsCase):
    """The resolver is the metadata address, as with some clouds: port 53 of it, and nothing else."""

    WORKERS = (lab.WorkerSpec(resolvers=(lab.METADATA,)),)

    def test_resolver_at_the_metadata_address_answers_names_only(self):
        self.services.dns(self.outside, lab.METADATA, ANSWER)
        self.services.tcp(self.outside, "metadata", lab.METADATA, 80)
        actor = self.activate("a")
        for server in (case.INNER_GW, lab.METADATA):
            for protocol in ("udp", "tcp"):
                self.assertEqual(self.resolve(actor, server, protocol), ANSWER)
        self.assertDenied(actor, lab.METADATA, 80)
        self.assertAnswers(self.worker, lab.METADATA, 80, "metadata")


class PlatformResolverTest(DnsCase):
    """The resolver is an address that the floor has for another service at it, as in Azure."""

    HOST = "168.63.129.16"
    WORKERS = (lab.WorkerSpec(resolvers=(HOST,)),)

    def test_resolver_at_a_metadata_address_outside_link_local_answers_names_only(self):
        self.outside.ip(f"addr add {self.HOST}/32 dev eth0")
        self.router.ip(f"route add {self.HOST} dev out0")
        self.later(self.outside.ip, f"addr del {self.HOST}/32 dev eth0")
        self.later(self.router.ip, f"route del {self.HOST} dev out0")
        self.services.dns(self.outside, self.HOST, ANSWER)
        self.services.tcp(self.outside, "metadata", self.HOST, 80)
        for egress in ("internet", "all"):
            actor = self.activate(egress, "--egress", egress)
            for server in (case.INNER_GW, self.HOST):
                for protocol in ("udp", "tcp"):
                    self.assertEqual(self.resolve(actor, server, protocol), ANSWER)
            self.assertDenied(actor, self.HOST, 80)
        self.assertAnswers(self.worker, self.HOST, 80, "metadata")


class OwnResolverTest(DnsCase):
    """The resolver runs in the worker itself, at its own address."""

    WORKERS = (lab.WorkerSpec(resolvers=("10.98.1.2", "fd98:1::2")),)

    def test_resolver_at_the_workers_own_address_answers_names_only(self):
        self.services.dns(self.worker, self.worker.address, ANSWER)
        self.services.dns(self.worker, self.worker.address6, ANSWER)
        self.services.tcp(self.worker, "worker", self.worker.address, 80)
        actor = self.activate("a")
        for server in (case.INNER_GW, case.INNER_GW6, self.worker.address, self.worker.address6):
            for protocol in ("udp", "tcp"):
                with self.subTest(server=server, protocol=protocol):
                    self.assertEqual(self.resolve(actor, server, protocol), ANSWER)
        self.assertDenied(actor, self.worker.address, 80)
        self.assertAnswers(self.worker, self.worker.address, 80, "worker")
        self.assertAnswers(self.client, self.worker.address, 80, "worker")

    def test_flows_to_a_resolver_at_the_workers_own_address_are_counted(self):
        self.services.dns(self.worker, self.worker.address, ANSWER)
        self.services.dns(self.worker, self.worker.address6, ANSWER)
        actor = self.activate("a")
        for server, outer, name in ((case.INNER_GW, actor.outer, "flows4"), (case.INNER_GW6, actor.outer6, "flows6")):
            self.assertEqual(self.resolve(actor, server, "udp"), ANSWER)
            self.assertIn(outer, self.worker.run("nft", "list", "set", "inet", "actornet", name))


if __name__ == "__main__":
    case.main()

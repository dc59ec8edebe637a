# SPDX-License-Identifier: Apache-2.0
"""Inbound ports: which reach an actor, which stay with the worker, and who may have one."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
import wire


class PortsTest(case.NetCase):
    """One worker, both families."""

    WORKERS = (lab.WorkerSpec(), lab.WorkerSpec())

    def test_tcp_port_reaches_its_actor_and_no_other_port_does(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80, 81, 8001, 8002)
        for family in self.families():
            answer = self.assertAnswers(self.client, family.worker, 8001, "a")
            self.assertEqual(answer.host, family.client, "the actor sees who calls")
            for port in (80, 81, 8002):
                self.assertDenied(self.client, family.worker, port)
            self.assertDenied(self.client, family.worker, 8001, "udp", errors=case.UNREACHABLE)

    def test_udp_port_reaches_its_actor_and_no_other_port_does(self):
        actor = self.activate("a", "--port", "8001:80/udp")
        self.serve(actor, "a", 80, 81)
        for family in self.families():
            answer = self.assertAnswers(self.client, family.worker, 8001, "a", "udp")
            self.assertEqual(answer.host, family.client)
            self.assertDenied(self.client, family.worker, 8002, "udp", errors=case.UNREACHABLE)
            self.assertDenied(self.client, family.worker, 8001)

    def test_same_number_in_tcp_and_udp_goes_to_two_actors(self):
        one, two = self.activate("a", "--port", "443/tcp"), self.activate("b", "--port", "443/udp")
        self.serve(one, "a", 443)
        self.serve(two, "b", 443)
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 443, "a", "tcp")
            self.assertAnswers(self.client, family.worker, 443, "b", "udp")

    def test_range_maps_one_to_one(self):
        actor = self.activate("a", "--port", "9000-9003:100", "--port", "9100-9102/udp")
        for port in (100, 101, 102, 103, 104):
            self.serve(actor, f"tcp{port}", port, protocols=("tcp",))
        for port in (9100, 9102, 9103):
            self.serve(actor, f"udp{port}", port, protocols=("udp",))
        for family in self.families():
            for offset in range(4):
                self.assertAnswers(self.client, family.worker, 9000 + offset, f"tcp{100 + offset}")
            for port in (9100, 9102):
                self.assertAnswers(self.client, family.worker, port, f"udp{port}", "udp")
            for port in (8999, 9004):
                self.assertDenied(self.client, family.worker, port)
            self.assertDenied(self.client, family.worker, 9103, "udp", errors=case.UNREACHABLE)

    def test_port_of_one_address_is_not_offered_at_another(self):
        self.worker.ip("addr add 10.98.1.3/24 dev eth0\naddr add fd98:1::3/64 dev eth0 nodad")
        self.later(self.worker.ip, "addr del 10.98.1.3/24 dev eth0\naddr del fd98:1::3/64 dev eth0")
        actor = self.activate("a", "--port", "10.98.1.3:8001:80", "--port", "[fd98:1::2]:8002:80")
        self.serve(actor, "a", 80)
        self.assertAnswers(self.client, "10.98.1.3", 8001, "a")
        self.assertAnswers(self.client, "fd98:1::2", 8002, "a")
        self.assertAnswers(self.worker, "10.98.1.3", 8001, "a")
        self.assertAnswers(self.worker, "fd98:1::2", 8002, "a")
        for address, port in (("10.98.1.2", 8001), ("fd98:1::2", 8001), ("fd98:1::3", 8001), ("10.98.1.2", 8002),
                              ("10.98.1.3", 8002), ("fd98:1::3", 8002)):
            with self.subTest(address=address, port=port):
                self.assertDenied(self.client, address, port)
        other = self.activate("b", "--port", "10.98.1.2:8001:80")
        self.serve(other, "b", 80)
        self.assertAnswers(self.client, "10.98.1.2", 8001, "b")
        self.assertAnswers(self.client, "10.98.1.3", 8001, "a")

    def test_many_ports(self):
        ports = [8000 + 3 * n for n in range(64)]
        actor = self.activate("a", *(word for port in ports for word in ("--port", f"{port}:80")))
        self.assertEqual(len(actor.info["ports"]), 64)
        self.serve(actor, "a", 80)
        for family in self.families():
            for port in ports:
                self.assertAnswers(self.client, family.worker, port, "a")
                self.assertEqual(self.failure(self.client, family.worker, port + 1)[0], case.errno.ECONNREFUSED)

    def test_port_added_and_deleted_under_a_live_flow(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            live, _ = self.session(self.client, family.worker, 8001)
            self.assertDenied(self.client, family.worker, 8002)
            added = self.worker.actornet("port", "add", "a", "8002:80")
            self.assertEqual(added.code, 0, added)
            self.assertEqual({port["port"] for port in added.json["ports"]}, {8001, 8002})
            self.assertAnswers(self.client, family.worker, 8002, "a")
            self.exchange(live, b"still here")
            deleted = self.worker.actornet("port", "del", "a", "8002:80")
            self.assertEqual(deleted.code, 0, deleted)
            self.assertDenied(self.client, family.worker, 8002)
            self.assertAnswers(self.client, family.worker, 8001, "a")
            self.exchange(live, b"and now")
            listed = self.worker.actornet("port", "list", "a")
            self.assertEqual([port["port"] for port in listed.json["ports"]], [8001])

    def test_port_deleted_from_a_range_leaves_the_rest_and_its_flows(self):
        actor = self.activate("a", "--port", "8001-8003:80")
        self.serve(actor, "a", 80, 81, 82)
        for family in self.families():
            stays, _ = self.session(self.client, family.worker, 8001)
            gone, _ = self.session(self.client, family.worker, 8002)
            self.exchange(gone, b"before")
            deleted = self.worker.actornet("port", "del", "a", "8002")
            self.assertEqual([(port["port"], port["end_port"], port["actor_port"]) for port in deleted.json["ports"]],
                             [(8001, 8001, 80), (8003, 8003, 82)])
            self.assertDenied(self.client, family.worker, 8002)
            self.assertAnswers(self.client, family.worker, 8003, "a")
            self.exchange(stays, b"still here")
            gone.settimeout(1)
            with self.assertRaises(OSError):
                self.exchange(gone, b"after")
            self.refused(1, "port", "del", "a", "8002", naming=("8002",))
            self.assertEqual(self.worker.actornet("port", "add", "a", "8002:81").code, 0)
            self.assertAnswers(self.client, family.worker, 8002, "a")
            self.assertEqual(self.worker.actornet("port", "del", "a", "8001", "8002", "8003").code, 0)
            self.assertEqual(self.worker.actornet("port", "add", "a", "8001-8003:80").code, 0)

    def test_flow_of_a_deleted_port_ends(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8002:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            gone, _ = self.session(self.client, family.worker, 8002)
            stays, _ = self.session(self.client, family.worker, 8001)
            self.exchange(gone, b"before")
            self.assertEqual(self.worker.actornet("port", "del", "a", "8002:80").code, 0)
            gone.settimeout(1)
            with self.assertRaises(OSError):
                self.exchange(gone, b"after")
            self.exchange(stays, b"after")
            self.assertEqual(self.worker.actornet("port", "add", "a", "8002:80").code, 0)

    def test_two_actors_cannot_have_one_port(self):
        first = self.activate("first-one", "--port", "8001:80", "--port", "9000-9009")
        for spec in ("8001", "8001:90", "10.98.1.2:8001", "9005", "8990-9000", "9009-9020:1"):
            with self.subTest(spec):
                self.refused(4, "activate", "second", "--port", spec, naming=("first-one",))
                self.refused(3, "show", "second")
        second = self.activate("second", "--port", "8001:80/udp", "--port", "8002:80")
        self.refused(4, "port", "add", "second", "8001:80", naming=("first-one",))
        self.serve(first, "first", 80)
        self.serve(second, "second", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "first")
        self.assertAnswers(self.client, self.worker.address, 8001, "second", "udp")
        self.assertAnswers(self.client, self.worker.address, 8002, "second")

    def test_port_of_a_released_actor_is_free(self):
        first = self.activate("first", "--port", "8001:80")
        self.serve(first, "first", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "first")
        self.release(first)
        self.assertDenied(self.client, self.worker.address, 8001)
        second = self.activate("second", "--port", "8001:80")
        self.serve(second, "second", 80)
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 8001, "second")

    def test_port_of_a_process_is_refused_naming_it(self):
        self.up()
        for family in self.families():
            for address in (family.any, family.worker):
                listener = self.worker.listen(address, 7000)
                bound = self.worker.udp(address, 7001)
                self.refused(4, "activate", "a", "--port", "7000", naming=("7000", "python"))
                self.refused(4, "activate", "a", "--port", "6990-7010:1", naming=("python",))
                self.refused(4, "activate", "a", "--port", "7001/udp", naming=("7001", "python"))
                self.refused(3, "show", "a")
                actor = self.activate("b", "--port", "7000/udp", "--port", "7001/tcp")
                self.refused(4, "port", "add", "b", "7000/tcp", naming=("7000", "python"))
                self.release(actor)
                listener.close()
                bound.close()
        self.activate("c", "--port", "7000", "--port", "7001/udp")

    def test_port_in_the_range_of_masqueraded_flows_is_refused(self):
        self.up()
        for spec in ("20000", "29999", "25000/udp", "19990-20000:1"):
            with self.subTest(spec):
                self.refused(4, "activate", "a", "--port", spec, naming=("20000-29999", "--nat-ports"))
        actor = self.activate("a", "--port", "19999:80", "--port", "30000:80")
        self.serve(actor, "a", 80)
        for port in (19999, 30000):
            self.assertAnswers(self.client, self.worker.address, port, "a")


class AllPortsTest(case.NetCase):
    """An actor that has every port that the worker does not use."""

    def test_all_ports_but_the_workers_and_other_actors_reach_the_actor(self):
        self.serve(self.worker, "worker", 22, 4000)
        other = self.activate("b", "--port", "8001:80")
        self.serve(other, "b", 80)
        actor = self.activate("a", "--all-ports")
        self.serve(actor, "a", 1, 22, 80, 5555, 8001, 65535)
        for family in self.families():
            for port in (1, 80, 5555, 65535):
                self.assertAnswers(self.client, family.worker, port, "a")
                self.assertAnswers(self.client, family.worker, port, "a", "udp")
            for port in (22, 4000):
                self.assertAnswers(self.client, family.worker, port, "worker")
                self.assertAnswers(self.client, family.worker, port, "worker", "udp")
            self.assertAnswers(self.client, family.worker, 8001, "b")
            self.assertAnswers(self.client, family.worker, 8001, "a", "udp")

    def test_port_that_the_worker_takes_later_is_its_own_after_up(self):
        actor = self.activate("a", "--all-ports")
        self.serve(actor, "a", 4001)
        self.serve(self.worker, "worker", 4000)
        self.assertEqual(self.up().code, 0)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.client, family.worker, 4000, "worker", protocol)
                self.assertAnswers(self.client, family.worker, 4001, "a", protocol)

    def test_refused_activation_leaves_the_workers_ports_as_they_were(self):
        self.activate("b", "--port", "8001:80")
        self.serve(self.worker, "worker", 4000)
        before = inventory.take(self.lab)
        self.refused(4, "activate", "a", "--all-ports", "--port", "8001:80", naming=("b",))
        self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [])

    def test_only_one_actor_has_all_ports(self):
        holder = self.activate("holder", "--all-ports")
        self.refused(4, "activate", "second", "--all-ports", naming=("holder",))
        self.release(holder)
        second = self.activate("second", "--all-ports")
        self.serve(second, "second", 4321)
        self.assertAnswers(self.client, self.worker.address, 4321, "second")

    def test_workers_own_connections_are_not_taken(self):
        self.serve_outside(80)
        self.activate("a", "--all-ports")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.worker, family.public, 80, family.public, protocol)
            self.assertPings(self.worker, family.public)
            self.assertPings(self.client, family.worker)


class OwnConnectionsTest(case.NetCase):
    """Who else than the internet reaches an actor's port."""

    WORKERS = (lab.WorkerSpec(), lab.WorkerSpec())

    def test_worker_reaches_the_port_at_its_own_address_but_not_at_loopback(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.worker, family.worker, 8001, "a", protocol)
            loopback = "127.0.0.1" if family.name == "ipv4" else "::1"
            self.assertDenied(self.worker, loopback, 8001)
            self.assertDenied(self.worker, family.worker, 8002)
            self.serve(self.worker, "loopback", 8001, addresses=(loopback,))
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.worker, loopback, 8001, "loopback", protocol)
                self.assertAnswers(self.worker, family.worker, 8001, "a", protocol)

    def test_workers_connections_to_the_same_port_elsewhere_are_not_taken(self):
        self.serve_outside(8001)
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.worker, family.public, 8001, family.public, protocol)
                self.assertAnswers(self.worker, family.worker, 8001, "a", protocol)

    def test_segment_that_begins_no_flow_reaches_no_actor(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "10.98.1.2:8003:80")
        self.serve(actor, "a", 80, protocols=("tcp",))
        for family in self.families():
            inside, outside = actor.capture("eth0"), self.client.capture("eth0")
            for sport, flags in enumerate((wire.ACK, wire.ACK | wire.PSH, wire.FIN | wire.ACK, wire.RST, wire.SYN | wire.ACK, 0),
                                          7000):
                self.client.send_ip(wire.ip(wire.tcp(b"middle", family.client, family.worker, sport, 8001, seq=1, ack=2,
                                                     flags=flags), family.client, family.worker, wire.TCP))
            self.assertAnswers(self.client, family.worker, 8001, "a")
            seen = [packet for packet in inside.drain() if packet.dport == 80]
            self.assertTrue([packet for packet in seen if packet.flags == wire.SYN], "a first segment does reach it")
            self.assertEqual([packet for packet in seen if packet.sport in range(7000, 7010)], [])
            reset = {packet.dport for packet in outside.drain() if packet.flags and packet.flags & wire.RST}
            self.assertTrue(reset >= {7000, 7001}, f"the worker's stack ends what it does not know: {reset}")

    def test_worker_reaches_any_port_at_the_outer_address_and_the_network_none(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80, 81)
        self.router.ip(f"route add {actor.outer} via {self.worker.address} dev w1\n"
                       f"route add {actor.outer6} via {self.worker.address6} dev w1")
        self.later(self.router.ip, f"route del {actor.outer}\nroute del {actor.outer6}")
        for outer, worker in ((actor.outer, self.worker.address), (actor.outer6, self.worker.address6)):
            for port in (80, 81):
                self.assertAnswers(self.worker, outer, port, "a")
                self.assertAnswers(self.worker, outer, port, "a", "udp")
                self.assertSilent(self.client, outer, port)
                self.assertSilent(self.client, outer, port, "udp")
            self.assertAnswers(self.client, worker, 8001, "a")

    def test_port_that_another_firewall_maps_is_open_only_if_it_is_the_actors(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80, 81)
        self.worker.nft("table inet other {\nchain ports {\ntype nat hook prerouting priority dstnat;\n" + "\n".join(
            f"meta l4proto {protocol} th dport 90{port} dnat {family} to {outer}:{port}" for protocol in ("tcp", "udp")
            for port in (80, 81) for family, outer in (("ip", actor.outer), ("ip6", f"[{actor.outer6}]"))) + "\n}\n}")
        self.later(self.worker.nft, "delete table inet other")
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.client, family.worker, 9080, "a", protocol)
                self.assertDenied(self.client, family.worker, 9081, protocol, errors=case.UNREACHABLE)
        self.assertGreaterEqual(self.drops(actor)["port"], 4)

    def test_another_worker_reaches_the_port(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80)
        for family in self.families():
            for protocol in ("tcp", "udp"):
                self.assertAnswers(self.lab.workers[1], family.worker, 8001, "a", protocol)
            self.assertDenied(self.lab.workers[1], family.worker, 80)

    def test_actor_on_another_worker_reaches_the_port_if_private_addresses_are_allowed(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        far = self.activate("far", "--egress", "all", worker=self.lab.workers[1])
        near = self.activate("near", "--egress", "internet", worker=self.lab.workers[1])
        for family in self.families():
            answer = self.assertAnswers(far, family.worker, 8001, "a")
            self.assertIn(answer.host, (self.lab.workers[1].address, self.lab.workers[1].address6))
            self.assertDenied(near, family.worker, 8001)

    def test_hairpin_of_an_actor_to_the_workers_address_is_refused(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp", "--egress", "all")
        other = self.activate("b", "--egress", "all")
        self.serve(actor, "a", 80)
        before = self.drops(actor)
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 8001, "a")
            self.assertAnswers(self.worker, family.worker, 8001, "a")
            for who in (actor, other):
                self.assertDenied(who, family.worker, 8001)
                self.assertDenied(who, family.worker, 8001, "udp")
        self.assertGreaterEqual((self.drops(actor) - before)["floor"], 4)


class RouterTest(case.NetCase):
    """A worker that forwards already: it goes on to, but nobody gets to an actor that way."""

    def setUp(self):
        super().setUp()
        self.worker.ip("link add leg0 type veth peer name leg1\nlink set leg0 up\nlink set leg1 up\n"
                       "addr add 10.77.0.1/24 dev leg0\naddr add fd77:0:0:7::1/64 dev leg0 nodad\n"
                       "neigh add 10.77.0.9 lladdr 02:00:00:00:00:99 dev leg0 nud permanent\n"
                       "neigh add fd77:0:0:7::9 lladdr 02:00:00:00:00:99 dev leg0 nud permanent")
        self.later(self.worker.ip, "link del leg0")
        for name in ("ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"):
            self.worker.sysctl(name, 1)
        self.before = inventory.take(self.lab)
        self.before = {key: value for key, value in self.before.items() if "leg0" not in f"{key}{value}"
                       and "leg1" not in f"{key}{value}"}

    def test_network_reaches_no_port_at_the_outer_address_by_a_worker_that_forwards(self):
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp")
        self.serve(actor, "a", 80)
        leg, ports = self.worker.capture("leg1"), set()
        for family, outer, beyond in zip(self.families(), (actor.outer, actor.outer6), ("10.77.0.9", "fd77:0:0:7::9")):
            self.router.ip(f"route add {outer} via {family.worker} dev w1\nroute add {beyond} via {family.worker} dev w1")
            self.later(self.router.ip, f"route del {outer}\nroute del {beyond}")
            inside = actor.capture("eth0")
            for protocol in ("tcp", "udp"):
                self.assertSilent(self.client, outer, 80, protocol)
            self.assertEqual([packet for packet in inside.drain() if packet.dport == 80 and packet.source == family.client
                              and packet.sport not in ports], [])
            ports.add(self.assertAnswers(self.client, family.worker, 8001, "a").port)
            self.client.udp(family=family.number).sendto(b"transit", (beyond, 8001))  # the same port elsewhere
            self.assertIsNotNone(leg.until(lambda packet: packet.payload == b"transit"), f"{family.name}: it forwards no more")


class DualStackTest(case.NetCase):
    """What a server in the actor sees where only one family is offered."""

    WORKERS = (lab.WorkerSpec(ipv6=False),)

    def test_worker_without_ipv6_offers_ipv4_only(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")
        with self.worker.open_socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            with self.assertRaises(OSError):
                sock.connect((lab.PUBLIC6, 80))
        self.refused(2, "activate", "b", "--port", "[fd98:1::2")


if __name__ == "__main__":
    case.main()

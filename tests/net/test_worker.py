# SPDX-License-Identifier: Apache-2.0
"""Workers of every kind: reverse path filter, other names and prefixes, service mesh, advertised routes."""

import contextlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
import wire


class EverythingCase(case.NetCase):
    """Says whether everything works on a worker."""

    def everything_works(self, worker):
        """In and out in each family, a denial, ICMP errors, a large ping, and the worker's own traffic."""
        actor = self.activate("a", "--port", "8001:80", "--port", "8001:80/udp", worker=worker)
        self.ipv6 = bool(actor.address6)
        self.serve(actor, "a", 80)
        for family in self.families(worker):
            for protocol in ("tcp", "udp"):
                answer = self.assertAnswers(actor, family.public, 80, family.public, protocol)
                self.assertIn(answer.host, (family.worker, worker.global6))
                self.assertEqual(self.assertAnswers(self.client, family.worker, 8001, "a", protocol).host, family.client)
                self.assertAnswers(worker, family.worker, 8001, "a", protocol)
                self.assertAnswers(worker, family.public, 80, family.public, protocol)
                self.assertDenied(actor, family.private, 80, protocol)
            self.assertEqual(self.failure(actor, family.public, 9, "udp")[0], case.errno.ECONNREFUSED)
            self.assertEqual(self.failure(self.client, family.worker, 8002)[0], case.errno.ECONNREFUSED)
            self.assertPings(actor, family.public, b"p" * 4000)
            self.assertPings(worker, family.public)
            left, right = self.tcp_pair(actor, family.public, 7001, self.outside, (family.public, 7001))
            self.transfer(left, right, 16)
            self.transfer(right, left, 16)
        self.release(actor, worker)


class ReversePathTest(EverythingCase):
    """rp_filter 0, 1 and 2, in `all` and on the uplink."""

    WORKERS = tuple(lab.WorkerSpec(rp_filter=value) for value in (0, 1, 2))

    def test_every_reverse_path_filter_setting(self):
        self.serve_outside(80)
        for worker in self.lab.workers:
            with self.subTest(rp_filter=worker.spec.rp_filter):
                self.everything_works(worker)


class UplinkTest(EverythingCase):
    """Uplinks that are not an eth0 with a /24."""

    WORKERS = (lab.WorkerSpec(uplink="ens5"), lab.WorkerSpec(host_route=True), lab.WorkerSpec(global6=True),
               lab.WorkerSpec(ipv6=False), lab.WorkerSpec(disable_ipv6=True),
               lab.WorkerSpec(uplink="an-uplink.0", host_route=True, rp_filter=1))

    def test_every_kind_of_uplink(self):
        self.serve_outside(80)
        for worker in self.lab.workers:
            with self.subTest(worker.spec):
                shown = self.up(worker=worker).json
                self.assertEqual(shown["uplink"], worker.uplink)
                self.everything_works(worker)

    def test_uplink_may_be_named(self):
        worker = self.lab.workers[0]
        self.refused(2, "up", "--uplink", "nosuch0", naming=("nosuch0",))
        self.assertEqual(self.left_over(), [])
        self.up("--uplink", "ens5", "--slots", "1", worker=worker)


class NewUplinkTest(case.NetCase):
    """The uplink is made anew under its name: it has another number then."""

    def take_away(self):
        """The link "taken" has its number then."""
        worker, uplink = self.worker, self.worker.uplink
        number = worker.ip_json("link", "show", uplink)[0]["ifindex"]
        worker.ip(f"link set {uplink} netns {os.path.basename(self.lab.router.path)}")
        worker.ip(f"link add taken index {number} type veth peer name taken1")
        self.later(worker.ip, "link del taken")

    def bring_back(self):
        """As a network manager would."""
        worker, uplink = self.worker, self.worker.uplink
        self.lab.router.ip(f"link set {uplink} netns {os.path.basename(worker.path)}")
        worker.sysctl(f"ipv6/conf/{uplink}/accept_dad", 0)
        worker.sysctl(f"ipv4/conf/{uplink}/forwarding", 1)
        with contextlib.suppress(FileNotFoundError):  # before Linux 6.17 forwarding is on for all links
            worker.sysctl(f"ipv6/conf/{uplink}/force_forwarding", 1)
        worker.ip(f"""link set {uplink} up
            addr add {worker.address}/24 dev {uplink}
            addr add {worker.address6}/64 dev {uplink} nodad
            route add default via {worker.router} dev {uplink}
            route add default via fd98:1::1 dev {uplink}""")

    def left_over(self, before=None):
        """But for the uplink itself."""
        return [line for line in super().left_over(before) if f": link {self.worker.uplink}:" not in line]

    def forwards(self):
        """Who has the number that the first rule of the worker's forward chain lets flows out by."""
        rules = self.worker.run("nft", "list", "chain", "inet", "actornet", "forward")
        return re.search(r'iif "actornet0" oif "(\S+)" ct state', rules).group(1)

    def test_flows_pass_by_its_name_until_up_writes_the_number(self):
        self.up()
        actor = self.activate("a", "--egress", "all")
        self.serve_outside(80)
        self.assertEqual(self.forwards(), self.worker.uplink)
        self.take_away()
        self.bring_back()
        for has_number in ("taken", self.worker.uplink):
            self.assertEqual(self.forwards(), has_number)
            for family in self.families():
                self.assertAnswers(actor, family.public, 80, family.public)
                left, right = self.tcp_pair(actor, family.public, 7001, self.outside, (family.public, 7001))
                self.transfer(left, right, 4)
                self.transfer(right, left, 4)
            self.up()

    def test_tables_are_repaired_without_it(self):
        self.up()
        self.serve_outside(80)
        self.take_away()
        self.worker.nft("delete table inet actornet")
        actor = self.activate("a", "--egress", "all")  # makes the table again
        self.bring_back()
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)


class OtherLinkTest(case.NetCase):
    """A worker with a second link: actors' flows go by the uplink, or are refused at once."""

    def setUp(self):
        super().setUp()
        self.serve_outside(80)
        self.worker.ip("link add two type veth peer name two1\nlink set two up\nlink set two1 up\n"
                       "addr add 203.0.114.1/24 dev two\naddr add 2001:db8:2::1/64 dev two nodad\n"
                       "neigh add 203.0.114.9 lladdr 02:00:00:00:00:09 dev two nud permanent\n"
                       "neigh add 2001:db8:2::9 lladdr 02:00:00:00:00:09 dev two nud permanent")
        self.later(self.worker.ip, "link del two")
        self.actor = self.activate("a", "--egress", "all")

    def refused(self, address, *arguments, **more):
        """Refused at once, and nothing of it leaves by the second link."""
        if arguments:
            return super().refused(address, *arguments, **more)
        capture = self.worker.capture("two1")
        for protocol in ("tcp", "udp"):
            self.assertDenied(self.actor, address, 80, protocol)
        error = self.ping(self.actor, address)
        self.assertEqual((error.kind, error.code), (1, 1) if ":" in address else (3, 13), repr(error))
        with self.worker.udp(family=case.family_of(address)) as sock:
            sock.sendto(b"the worker's own", (address, 9))
        seen = capture.until(lambda packet: packet.payload == b"the worker's own")
        self.assertEqual([packet for packet in seen[:-1] if packet.protocol in (wire.TCP, wire.UDP, wire.ICMP)], [])
        return None

    def test_what_goes_by_another_link_is_refused_at_once(self):
        for address in ("203.0.114.9", "2001:db8:2::9"):
            self.refused(address)
        for family in self.families():
            self.assertAnswers(self.actor, family.public, 80, family.public)

    def test_default_route_of_one_family_by_another_link_is_refused_at_once(self):
        self.worker.ip("route replace default via 2001:db8:2::9 dev two")
        self.later(self.worker.ip, f"route replace default via fd98:1::1 dev {self.worker.uplink}")
        self.refused(lab.PUBLIC6)
        self.assertAnswers(self.actor, lab.PUBLIC, 80, lab.PUBLIC)

    def test_flow_whose_route_changes_to_another_link_ends_at_once(self):
        for family, by in zip(self.families(), ("203.0.114.9", "2001:db8:2::9")):
            sock, _ = self.session(self.actor, family.public, 80)
            self.exchange(sock, b"by the uplink")
            capture = self.worker.capture("two1")
            self.worker.ip(f"route add {family.public} via {by} dev two")
            sock.send(b"by another")
            self.assertRaises(ConnectionResetError, sock.recv, 100)
            self.worker.ip(f"route del {family.public} via {by} dev two")
            self.assertEqual([packet for packet in capture.drain() if packet.payload == b"by another"], [])
            self.assertAnswers(self.actor, family.public, 80, family.public)


class MeshTest(case.NetCase):
    """A service mesh's rules in the worker: what enters and leaves is redirected to its proxy."""

    def setUp(self):
        super().setUp()
        self.worker.nft("""table ip mesh {
            chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                meta l4proto tcp redirect to :15006
            }
            chain output {
                type nat hook output priority -100; policy accept;
                ip daddr != 127.0.0.0/8 meta skuid != 0 meta l4proto tcp redirect to :15001
            }
        }
        table ip6 mesh {
            chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                meta l4proto tcp redirect to :15006
            }
        }""")
        self.later(self.worker.nft, "delete table ip mesh\ndelete table ip6 mesh")
        self.serve(self.worker, "proxy", 15006, protocols=("tcp",))
        self.serve_outside(80)

    def test_redirect_does_not_take_the_actors_flows(self):
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            self.assertAnswers(self.client, family.worker, 9999, "proxy")
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "a")
        self.assertNotIn(self.worker.address, [peer for peer, _ in self.services.received["proxy"]])


class AdvertisedRouteTest(case.NetCase):
    """A worker whose IPv6 address and default route come by router advertisement."""

    WORKERS = (lab.WorkerSpec(ra=True),)
    PREFIX = "2001:db8:1::/64"

    def advertise(self, lifetime):
        """Send one advertisement from the router's own link-local address."""
        link = self.router.ip_json("address", "show", "dev", "w1")[0]
        local = next(found["local"] for found in link["addr_info"] if found["scope"] == "link")
        sock = self.router.open_socket(socket.AF_INET6, socket.SOCK_RAW, wire.ICMP6)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.sendto(wire.router_advert(local, lifetime=lifetime, prefix=self.PREFIX, mac=link["address"]),
                    ("ff02::1", 0, 0, link["ifindex"]))

    def default_route(self):
        """The advertised default route, if it is there."""
        for route in self.worker.ip_json("-6", "route", "show", "default"):
            if route.get("protocol") == "ra":
                return route
        return None

    def wait_for(self, condition):
        """Until condition() is true."""
        end = time.monotonic() + 3
        while not condition():
            self.assertLess(time.monotonic(), end, "the advertisement has no effect")
            time.sleep(0.01)

    def test_advertised_default_route_survives_up_and_is_renewed(self):
        self.advertise(1800)
        self.wait_for(self.default_route)
        addresses = self.worker.ip_json("-6", "address", "show", "dev", "eth0", "scope", "global")[0]["addr_info"]
        self.worker.address6, self.ipv6 = addresses[0]["local"], True
        self.before = inventory.take(self.lab)
        self.serve_outside(80)
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        self.assertTrue(self.default_route(), "`up` lost the advertised default route")
        self.assertAnswers(actor, lab.PUBLIC6, 80, lab.PUBLIC6)
        self.assertAnswers(self.client, self.worker.address6, 8001, "a")
        self.advertise(600)
        self.wait_for(lambda: self.default_route() and self.default_route()["expires"] <= 600)
        self.assertAnswers(actor, lab.PUBLIC6, 80, lab.PUBLIC6)
        self.assertAnswers(self.worker, lab.PUBLIC6, 80, lab.PUBLIC6)

    def test_what_was_not_forwarded_before_is_not_after(self):
        self.serve_outside(80)
        self.worker.ip("link add other0 type veth peer name other1\nlink set other0 up\nlink set other1 up\n"
                       "addr add 10.77.0.1/24 dev other0")
        self.later(self.worker.ip, "link del other0")
        actor = self.activate("a")
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC)
        capture = self.on_wire()
        with self.worker.packet("other1") as sock:
            mac = self.worker.ip_json("link", "show", "other0")[0]["address"]
            packet = wire.ipv4(wire.udp(b"transit", "10.77.0.9", lab.PUBLIC, 1, 2), "10.77.0.9", lab.PUBLIC, wire.UDP)
            sock.send(wire.ether(packet, "02:00:00:00:00:77", mac))
        self.assertEqual([packet for packet in self.barrier(capture) if packet.payload == b"transit"], [])


if __name__ == "__main__":
    case.main()

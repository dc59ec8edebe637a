# SPDX-License-Identifier: Apache-2.0
"""A port that a process of the worker listens on is taken, at whichever of the worker's addresses that is."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab

SECOND, SECOND_CLIENT = "172.31.0.1", "172.31.0.2"
SECOND6 = "fd31::1"


class ListenersTest(case.NetCase):
    """One worker with a second link, to the client."""

    def setUp(self):
        super().setUp()
        self.worker.ip("link add second0 type veth peer second1\nlink set second1 netns " + self.client.path +
                       f"\nlink set second0 up\naddr add {SECOND}/24 dev second0\n"
                       f"addr add {SECOND6}/64 dev second0 nodad")
        self.later(self.worker.ip, "link del second0")
        self.client.ip(f"link set second1 up\naddr add {SECOND_CLIENT}/24 dev second1")

    def taken(self, port, *arguments):
        """The port can't be had, and it is said who has it."""
        self.refused(4, "activate", "a", "--port", port, *arguments, naming=(port.split("/")[0], "pid"))

    def held(self, netns, kind, address, port, device=None):
        """A socket of the worker's that holds a port."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = netns.open_socket(family, kind)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return sock

    def test_a_listener_at_another_links_address_keeps_its_port(self):
        self.up()
        for kind, word in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
            for address in (SECOND, SECOND6):
                with self.subTest(protocol=word, address=address):
                    sock = self.held(self.worker, kind, address, 8080)
                    self.taken(f"8080/{word}")
                    sock.close()
        actor = self.activate("a", "--port", "8080:80/tcp", "--port", "8080:80/udp")
        self.serve(actor, "a", 80)
        self.assertAnswers(self.worker, SECOND, 8080, "a")  # the port is there, too: so it was not free

    def test_the_process_is_reached_after_the_refusal(self):
        self.up()
        self.services.tcp(self.worker, "worker", SECOND, 8080)
        self.taken("8080")
        self.assertAnswers(self.client, SECOND, 8080, "worker")

    def test_link_local_addresses_and_sockets_tied_to_a_link_count(self):
        self.up()
        local = next(entry["local"] for link in self.worker.ip_json("-6", "addr", "show", "dev", "eth0")
                     for entry in link["addr_info"] if entry["scope"] == "link")
        index = self.worker.ip_json("link", "show", "dev", "eth0")[0]["ifindex"]
        sock = self.worker.open_socket(socket.AF_INET6, socket.SOCK_STREAM)
        sock.bind((local, 8080, 0, index))
        sock.listen()
        self.taken("8080")
        sock.close()
        for device in ("eth0", "second0"):
            with self.subTest(device=device):
                sock = self.held(self.worker, socket.SOCK_STREAM, "0.0.0.0", 8080, device)
                self.taken("8080")
                sock.close()
        self.activate("a", "--port", "8080")

    def test_loopback_stays_the_workers_and_takes_no_port(self):
        for address in ("127.0.0.1", "::1"):
            self.held(self.worker, socket.SOCK_STREAM, address, 8080)
        self.activate("a", "--port", "8080")

    def test_a_port_of_one_address_meets_the_listeners_there_only(self):
        self.up()
        self.held(self.worker, socket.SOCK_STREAM, SECOND, 8080)
        self.taken(f"{SECOND}:8080")
        self.activate("a", "--port", f"{self.worker.address}:8080")

    def test_a_great_many_ports_are_looked_at_all_the_same(self):
        self.up()
        for address in (SECOND, SECOND6, "0.0.0.0"):
            with self.subTest(address=address):
                sock = self.held(self.worker, socket.SOCK_STREAM, address, 10777)
                self.refused(4, "activate", "a", "--port", "10000-12000", naming=("10777", "pid"))
                sock.close()
        self.held(self.worker, socket.SOCK_STREAM, "127.0.0.1", 10777)
        self.held(self.worker, socket.SOCK_DGRAM, SECOND, 10777)
        self.activate("a", "--port", "10000-12000")

    def test_a_great_many_addresses_are_looked_at_all_the_same(self):
        self.worker.ip("\n".join(f"addr add 172.31.1.{n}/32 dev second0" for n in range(1, 101)))
        self.up()
        sock = self.held(self.worker, socket.SOCK_STREAM, "172.31.1.100", 8080)
        self.taken("8080")
        self.activate("b", "--port", f"{SECOND}:8080")
        sock.close()
        self.activate("a", "--port", "8081")


if __name__ == "__main__":
    case.main()

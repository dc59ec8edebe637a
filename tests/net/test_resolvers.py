# SPDX-License-Identifier: Apache-2.0
"""The worker's resolv.conf, however long it is, and what is said where it is of no use."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab
import wire


class ResolversTest(case.NetCase):
    """One worker whose resolv.conf is the test's."""

    def conf(self, text):
        """Have the worker's resolv.conf say this, until the end of the test."""
        path = f"{lab.ETC_NETNS}/{self.worker.name}/resolv.conf"
        with open(path, encoding="ascii") as file:
            before = file.read()

        def write(content):
            with open(path, "w", encoding="ascii") as file:
                file.write(content)

        write(text)
        self.later(write, before)

    def test_a_long_file_is_read_to_its_end(self):
        self.services.dns(self.outside, lab.RESOLVER, "192.0.2.77")
        self.conf("# what a tool has left here\n" * 1000 + f"nameserver {lab.RESOLVER}\n")
        self.assertFalse(self.up().json.get("notice"))
        actor = self.activate("a")
        with actor.connect_udp(case.INNER_GW, 53) as sock:
            sock.send(wire.dns_query("example.org"))
            self.assertIn(bytes((192, 0, 2, 77)), sock.recv(4096))

    def test_where_there_is_none_it_is_said(self):
        for text in ("", "nameserver 127.0.0.1\n", "search example.org\n"):
            with self.subTest(text=text):
                self.conf(text)
                for _ in range(2):
                    self.assertIn("no DNS", self.up().json["notice"])
                self.assertIn("no DNS", self.up("--dry-run").json["notice"])
        self.conf(f"nameserver {lab.RESOLVER}\n")
        self.assertNotIn("no DNS", self.up().json.get("notice") or "")
        self.assertNotIn("no DNS", self.up("--dry-run").json.get("notice") or "")


if __name__ == "__main__":
    case.main()

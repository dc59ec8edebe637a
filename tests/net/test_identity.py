# SPDX-License-Identifier: Apache-2.0
"""Which worker a gateway belongs to: neither a reused inode nor a deleted link makes it another's, or nobody's."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import lab

FORWARDING = "ipv4/conf/eth0/forwarding"


def names():
    """Namespaces of ours."""
    return {name for name in os.listdir(lab.RUN_NETNS) if name.startswith("actornet-")}


class IdentityTest(case.NetCase):
    """Two workers side by side."""

    WORKERS = (lab.WorkerSpec(), lab.WorkerSpec())

    def setUp(self):
        super().setUp()
        self.first, self.second = self.lab.workers

    def leave_gateway(self):
        """A gateway of the first worker's, pinned under the name that the second's would have: as if the first one's
        namespace had been deleted without `down`, and the second's got its inode."""
        path = f"{lab.RUN_NETNS}/actornet-{self.second.inode:08x}"
        self.up(worker=self.first)
        with open(path, "x", encoding="ascii"):
            pass
        subprocess.run(["mount", "--bind", f"{lab.RUN_NETNS}/actornet-{self.first.inode:08x}", path], check=True)
        self.first.ip("link del actornet0")
        self.second.ids.add(f"{self.second.inode:08x}")
        return os.path.basename(path)

    def forward(self, worker, value):
        """Have the worker's uplink forward, or not, until the end of the test."""
        before = worker.sysctl(FORWARDING)
        worker.sysctl(FORWARDING, value)
        self.later(worker.sysctl, FORWARDING, before)

    def test_down_writes_no_dead_workers_sysctls(self):
        self.assertEqual(self.first.sysctl(FORWARDING), "0")
        name = self.leave_gateway()
        self.forward(self.second, "1")
        result = self.second.actornet("down")
        self.assertEqual(result.code, 0, result)
        self.assertNotIn(name, names())
        self.assertEqual(self.second.sysctl(FORWARDING), "1")

    def test_up_takes_no_dead_workers_sysctls_for_its_own(self):
        name = self.leave_gateway()
        self.forward(self.second, "1")
        shown = self.up(worker=self.second).json
        self.assertEqual(shown["gateway_netns"], f"{lab.RUN_NETNS}/{name}")
        self.assertFalse(shown.get("notice"), shown)
        self.assertEqual(self.second.actornet("down").code, 0)
        self.assertEqual(self.second.sysctl(FORWARDING), "1")

    def test_own_records_are_put_back_without_the_link(self):
        self.assertEqual(self.first.sysctl(FORWARDING), "0")
        self.up(worker=self.first)
        self.assertEqual(self.first.sysctl(FORWARDING), "1")
        self.first.ip("link del actornet0")
        self.first.nft("delete table inet actornet_record")  # the gateway alone tells
        self.assertEqual(self.first.actornet("down").code, 0)
        self.assertEqual(self.first.sysctl(FORWARDING), "0")

    def test_a_living_worker_without_its_link_is_no_orphan(self):
        actor = self.activate("kept", worker=self.first)
        gateway = f"actornet-{self.first.inode:08x}"
        self.first.ip("link del actornet0")
        self.first.nft("delete table inet actornet_record")
        before = {name for name in names() if name.startswith(gateway)}
        self.assertIn(os.path.basename(actor.path), before)
        self.up(worker=self.second)
        self.assertLessEqual(before, names())
        self.assertEqual(self.first.actornet("down").code, 0)
        self.assertEqual(self.first.sysctl(FORWARDING), "0")

    def test_a_dead_workers_gateway_is_one(self):
        name = f"anlab-{os.getpid()}-dead"
        subprocess.run(["ip", "netns", "add", name], check=True)
        worker = lab.Worker(name, 9, lab.WorkerSpec())
        try:
            worker.ip("link add eth0 type veth peer eth1\nlink set eth0 up\naddress add 10.98.9.2/24 dev eth0\n"
                      "route add default via 10.98.9.1")
            self.assertEqual(worker.actornet("up", "--slots", "1").code, 0)
            gateway = f"actornet-{worker.inode:08x}"
            self.assertIn(gateway, names())
        finally:
            worker.close()
            subprocess.run(["ip", "netns", "del", name], check=True)

        def swept():
            self.up(worker=self.second)
            self.assertEqual(self.second.actornet("down").code, 0)
            return not any(name.startswith(gateway) for name in names())

        self.assertTrue(any(swept() for _ in range(50)), names())  # the kernel takes the namespace in its own time


if __name__ == "__main__":
    case.main()

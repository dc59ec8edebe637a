# SPDX-License-Identifier: Apache-2.0
"""`up` and `down`: idempotent, repairing, and leaving the worker exactly as they found it."""

import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import case
import inventory
import lab
from netns import Namespace


class LifecycleTest(case.NetCase):
    """Two workers side by side."""

    WORKERS = (lab.WorkerSpec(), lab.WorkerSpec())

    def works(self, name="probe", worker=None):
        """A new actor works on this worker."""
        worker = worker or self.worker
        actor = self.activate(name, "--port", "8009:80", worker=worker)
        self.serve(actor, name, 80)
        for family in self.families(worker):
            sock, _ = self.tcp_pair(actor, family.public, 7009, self.outside, (family.public, 7009))
            sock.close()
            self.assertAnswers(self.client, family.worker, 8009, name)
        return actor

    def test_up_says_what_there_is(self):
        shown = self.up("--slots", "3").json
        self.assertEqual((shown["schema"], shown["uplink"], shown["mtu"], shown["idle"]), (1, "eth0", 1500, 3))
        addresses = " ".join(shown["uplink_addresses"])
        for address in (self.worker.address, self.worker.address6):
            self.assertIn(address, addresses)
        self.assertTrue(os.path.exists(shown["gateway_netns"]))
        self.assertTrue(shown["range"].startswith("100."))

    def test_up_again_changes_nothing(self):
        self.up()
        actor = self.works()
        sock, _ = self.session(self.client, self.worker.address, 8009)
        before = inventory.take(self.lab)
        for _ in range(2):
            self.up()
            self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [])
        self.exchange(sock, b"alive")
        self.assertEqual(self.show(actor)["state"], "active")

    def test_links_of_slots_have_one_route_a_family(self):
        """Each that the kernel adds is gone through whenever a link is made."""
        gateway = Namespace(self.up("--slots", "0").json["gateway_netns"])
        self.later(gateway.close)
        self.activate("a")
        self.up("--slots", "2")
        for family in self.families():
            routes = gateway.run("ip", "-4" if family.name == "ipv4" else "-6", "route", "show", "table", "all").splitlines()
            self.assertEqual(sorted(route.split("dev ")[1].split()[0] for route in routes if "dev an" in route), ["an1", "an2", "an3"])

    def test_up_adjusts_the_number_of_idle_slots(self):
        self.assertEqual(self.up("--slots", "2").json["idle"], 2)
        self.assertEqual(self.up("--slots", "5").json["idle"], 5)
        self.assertEqual(self.up("--slots", "1").json["idle_target"], 1)
        self.works()

    def test_down_leaves_the_worker_as_found_with_actors_active_and_flows_running(self):
        actor = self.works()
        sock, _ = self.session(self.client, self.worker.address, 8009)
        own, _ = self.tcp_pair(self.worker, lab.PUBLIC, 7010, self.outside, (lab.PUBLIC, 7010))
        result = self.worker.actornet("down")
        self.assertEqual(result.code, 0, result)
        own.send(b"the worker's own flow goes on")
        sock.close()
        self.services.stop()
        self.services = case.Services()
        actor.close()
        self.lab.close_sockets()
        self.assertEqual(self.left_over(), [])
        again = self.worker.actornet("down")
        self.assertEqual(again.code, 0, again)
        self.refused(6, "list")

    def test_up_down_twenty_times_leaves_nothing(self):
        for _ in range(20):
            self.up("--slots", "1")
            self.assertEqual(self.worker.actornet("down").code, 0)
        self.assertEqual(self.left_over(), [])

    def test_dry_run_changes_nothing(self):
        result = self.worker.actornet("up", "--slots", "2", "--dry-run")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(inventory.difference(self.before, inventory.take(self.lab)), [])

    def test_commands_before_up_say_not_prepared(self):
        for command in (("activate", "a"), ("release", "a"), ("list",), ("show", "a"), ("port", "list", "a")):
            with self.subTest(command):
                self.refused(6, *command)
        self.assertEqual(self.left_over(), [])

    def test_unknown_actors_and_wrong_arguments(self):
        self.up()
        before = inventory.take(self.lab)
        for command in (("release", "nobody"), ("show", "nobody"), ("port", "list", "nobody"),
                        ("port", "add", "nobody", "80"), ("port", "del", "nobody", "80")):
            with self.subTest(command):
                self.refused(3, *command, naming=("nobody",))
        self.assertEqual(self.worker.actornet("release", "nobody", "--ignore-missing").code, 0)
        for command in (("activate", ""), ("activate", ".hidden"), ("activate", "-x"), ("activate", "a/b"),
                        ("activate", "a" * 129), ("activate", "a", "--port", "0"), ("activate", "a", "--port", "65536"),
                        ("activate", "a", "--port", "80/sctp"), ("activate", "a", "--port", "90-80"),
                        ("activate", "a", "--port", "80-90:65530"), ("activate", "a", "--egress", "some"),
                        ("activate", "a", "--port", "80", "--port", "80:81"), ("activate",), ("nosuchcommand",),
                        ("activate", "a", "--policy", "/dev/null"), ("up", "--slots", "-1"), ("up", "--range", "10.0.0.0"),
                        ("port", "add", "a"), ("release",)):
            with self.subTest(command):
                self.refused(2, *command)
        self.assertEqual(inventory.difference(before, inventory.take(self.lab)), [])
        self.works()

    def test_no_slot_beyond_the_limit(self):
        self.up("--slots", "1", "--max", "2")
        one, _ = self.activate("a"), self.activate("b")
        self.refused(5, "activate", "c")
        self.release(one)
        one.close()
        self.activate("c")

    def test_list_and_show_agree(self):
        self.up()
        actors = [self.activate(name, "--port", f"{8000 + number}:80") for number, name in enumerate("abc")]
        listed = self.worker.actornet("list").json
        self.assertEqual([item["actor"] for item in listed], ["a", "b", "c"])
        for item, actor in zip(listed, actors):
            shown = self.show(actor)
            for key in ("actor", "state", "generation", "slot", "netns", "outer", "outer6", "ports", "egress", "mtu", "since"):
                self.assertEqual(shown[key], item[key], key)
            self.assertEqual((shown["outer"], shown["outer6"]), (actor.outer, actor.outer6))
        plain = lab.actornet("--worker", self.worker.name, "list", "-q")
        self.assertEqual(plain.out.split(), ["a", "b", "c"])

    def test_exec_runs_in_the_actors_namespace(self):
        self.activate("a")
        done = lab.actornet("--worker", self.worker.name, "exec", "a", "--", "ip", "-o", "-4", "address", "show", "dev", "eth0")
        self.assertEqual(done.code, 0, done)
        self.assertIn(case.INNER, done.out)
        self.assertEqual(lab.actornet("--worker", self.worker.name, "exec", "a", "--", "sh", "-c", "exit 42").code, 42)

    def test_workers_do_not_disturb_each_other(self):
        for worker in self.lab.workers:
            self.works("same-name", worker)
        self.release(self.actors[0])
        self.assertEqual(self.lab.workers[1].actornet("show", "same-name").code, 0)
        self.assertEqual(self.worker.actornet("down").code, 0)
        self.assertAnswers(self.client, self.lab.workers[1].address, 8009, "same-name")

    def test_activations_at_once(self):
        self.up("--slots", "4")
        command = [lab.program(), "--worker", self.worker.name, "--json", "activate"]
        running = [subprocess.Popen(command + [f"a{number}", "--port", f"{9000 + number}:80"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for number in range(16)]
        outers = set()
        for process in running:
            out, err = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0, err)
            outers.add(case.lablib.json.loads(out)["outer"])
        self.assertEqual(len(outers), 16)
        self.assertEqual(len(self.worker.actornet("list").json), 16)

    def test_one_port_wanted_by_many_at_once_goes_to_one(self):
        self.up("--slots", "4")
        command = [lab.program(), "--worker", self.worker.name, "--json", "activate"]
        running = [subprocess.Popen(command + [f"a{number}", "--port", "9000:80"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL) for number in range(8)]
        codes = sorted(process.wait(timeout=30) for process in running)
        self.assertEqual(codes, [0] + [4] * 7)


class DamageTest(case.NetCase):
    """What others break: the next command repairs it, and `down` still clears up."""

    @staticmethod
    def in_gateway(shown, *command):
        """Run a command in the gateway."""
        gateway = Namespace(shown["gateway_netns"])
        try:
            gateway.run(*command)
        finally:
            gateway.close()

    def delete_rules(self):
        """Delete the policy rules of ours, as networkd does when it restarts."""
        for family in ("-4", "-6"):
            for rule in self.worker.ip_json(family, "rule", "show"):
                if rule.get("iif") == "actornet0":
                    self.worker.run("ip", family, "rule", "del", "priority", str(rule["priority"]))

    def damage(self, how):
        """Prepare the worker, activate an actor, and break it in one of the ways of DAMAGES."""
        shown = self.up().json
        self.activate("a", "--port", "8001:80").close()
        how(self, shown)

    def down_clears_up(self, how):
        """After this damage, `down` leaves the worker as it was found."""
        self.damage(how)
        result = self.worker.actornet("down")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.left_over(), [])

    def up_repairs(self, how):
        """After this damage, `up` makes the worker work again."""
        self.serve_outside(80)
        self.damage(how)
        self.up()
        self.worker.actornet("release", "a", "--ignore-missing")
        actor = self.activate("b", "--port", "8001:80")
        self.serve(actor, "b", 80)
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "b")

    def test_idle_slot_without_its_namespace_is_passed_over(self):
        shown = self.up("--slots", "2").json
        names = sorted(glob.glob(shown["gateway_netns"] + "-*"))
        subprocess.run(["ip", "netns", "del", os.path.basename(names[0])], check=True)
        subprocess.run(["umount", names[1]], check=True)  # the file stays
        actor = self.activate("a", "--port", "8001:80")
        self.assertNotIn(actor.info["netns"], names)
        self.serve(actor, "a", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")

    def test_ports_are_the_same_after_a_repair_that_joins_them(self):
        shown = self.up().json
        ports = ("--port", "8001:80", "--port", "8002:81", "--port", "8004:83")
        self.activate("a", *ports).close()
        self.in_gateway(shown, "nft", "flush", "ruleset")
        self.up()
        again = self.worker.actornet("activate", "a", *ports)
        self.assertEqual(again.code, 0, again)
        for other in (("--port", "8001:80", "--port", "8002:81"), ("--port", "8001-8002:81", "--port", "8004:83")):
            refused = self.worker.actornet("activate", "a", *other)
            self.assertEqual(refused.code, 4, refused)

    def test_up_that_fails_leaves_the_worker_as_found(self):
        self.worker.ip("route del default\nroute del default via fd98:1::1")
        try:
            before = inventory.take(self.lab)
            self.refused(1, "up", naming=("default route",))
            self.assertEqual(self.left_over(before), [])
        finally:
            self.worker.ip(f"route add default via {self.worker.router} dev eth0\n"
                           "route add default via fd98:1::1 dev eth0")

    def test_up_refuses_ranges_that_the_worker_routes(self):
        self.worker.ip("route add 169.254.17.0/24 dev eth0")
        self.later(self.worker.ip, "route del 169.254.17.0/24 dev eth0")
        result = self.worker.actornet("up")
        self.assertIn(result.code, (1, 2, 4), result)
        self.assertIn("169.254.17", result.text)
        result = self.worker.actornet("up", "--slots", "1", "--inner", "169.254.99.2/30", "--range", "10.98.1.0/24")
        self.assertIn(result.code, (1, 2, 4), result)
        self.up("--slots", "1", "--inner", "169.254.99.2/30", "--range", "10.200.0.0/16")
        actor = self.activate("a")
        self.assertEqual((actor.address, actor.outer[:7]), ("169.254.99.2", "10.200."))
        self.serve_outside(80)
        self.assertAnswers(actor, lab.PUBLIC, 80, lab.PUBLIC)

    def test_outer_range_avoids_what_the_worker_routes(self):
        self.worker.ip("route add 100.64.0.0/16 dev eth0")
        self.later(self.worker.ip, "route del 100.64.0.0/16 dev eth0")
        shown = self.up().json
        self.assertNotEqual(shown["range"], "100.64.0.0/16")
        self.assertTrue(self.activate("a").outer.startswith(shown["range"].rsplit(".", 2)[0]))


class LostGatewayTest(case.NetCase):
    """The gateway's namespace is removed, and with it both ends of the link and the records in them."""

    HOST = "10.77.0.9"  # on a second leg of the worker, which is no router

    def setUp(self):
        super().setUp()
        self.worker.ip("link add leg0 type veth peer name leg1\nlink set leg0 addrgenmode none up\n"
                       "link set leg1 addrgenmode none up\n"
                       f"addr add 10.77.0.1/24 dev leg0\nneigh add {self.HOST} lladdr 02:00:00:00:00:99 dev leg0")
        self.later(self.worker.ip, "link del leg0")
        self.router.ip(f"route add 10.77.0.0/24 via {self.worker.address}")
        self.later(self.router.ip, "route del 10.77.0.0/24")
        self.as_found = inventory.take(self.lab)

    def is_forwarded(self):
        """Does a packet for the second leg come out there?"""
        capture = self.worker.capture("leg1")
        with self.client.udp("0.0.0.0", 0) as sock:
            sock.sendto(b"transit", (self.HOST, 9))
        seen = capture.until(lambda packet: packet.payload == b"transit", timeout=0.3)
        capture.close()
        return seen is not None

    def lose_gateway(self):
        """Prepare the worker, activate an actor, and remove the gateway's namespace; the actor's generation."""
        shown = self.up().json
        self.assertFalse(self.is_forwarded())
        actor = self.activate("a", "--port", "8001:80")
        generation = self.show(actor)["generation"]
        actor.close()
        self.actors.remove(actor)
        subprocess.run(["ip", "netns", "del", os.path.basename(shown["gateway_netns"])], check=True)
        end = time.monotonic() + case.PATIENCE
        while any(link["ifname"] == "actornet0" for link in self.worker.ip_json("link", "show")):
            self.assertLess(time.monotonic(), end, "the link stays")
            time.sleep(0.01)
        self.assertFalse(self.is_forwarded())
        return generation

    def down_finds_everything(self):
        """`down` leaves the worker as found, and no router; that would have been seen."""
        result = self.worker.actornet("down")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.left_over(self.as_found), [])
        self.assertFalse(self.is_forwarded())
        self.worker.sysctl("ipv4/conf/eth0/forwarding", 1)
        self.assertTrue(self.is_forwarded())
        self.worker.sysctl("ipv4/conf/eth0/forwarding", 0)

    def test_down_puts_back_what_up_changed(self):
        self.lose_gateway()
        self.down_finds_everything()

    def test_up_knows_what_was_found_and_which_numbers_were_used(self):
        before = self.lose_gateway()
        self.up()
        self.assertFalse(self.is_forwarded())
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        self.assertAnswers(self.client, self.worker.address, 8001, "a")
        self.assertGreater(self.show(actor)["generation"], before)
        self.release(actor)
        self.down_finds_everything()


DAMAGES = {
    "workers_ruleset_flushed": lambda test, shown: test.worker.nft("flush ruleset"),
    "workers_table_deleted": lambda test, shown: test.worker.nft("delete table inet actornet"),
    "workers_link_down": lambda test, shown: test.worker.ip("link set actornet0 down"),
    "workers_link_deleted": lambda test, shown: test.worker.ip("link del actornet0"),
    "workers_policy_rules_deleted": lambda test, shown: test.delete_rules(),
    "forwarding_off": lambda test, shown: test.worker.sysctl("ipv4/conf/actornet0/forwarding", 0),
    "gateways_ruleset_flushed": lambda test, shown: test.in_gateway(shown, "nft", "flush", "ruleset"),
    "gateways_policy_rules_flushed": lambda test, shown: test.in_gateway(shown, "ip", "rule", "flush"),
    "gateways_namespace_unmounted": lambda test, shown: subprocess.run(
        ["ip", "netns", "del", os.path.basename(shown["gateway_netns"])], check=True),
}
for _name, _how in DAMAGES.items():
    setattr(DamageTest, f"test_down_clears_up_with_{_name}", lambda self, how=_how: self.down_clears_up(how))
    setattr(DamageTest, f"test_up_repairs_{_name}", lambda self, how=_how: self.up_repairs(how))


class ForeignRulesTest(case.NetCase):
    """Other owners of the worker's netfilter and routing."""

    FOREIGN = """table ip filter {
            chain INPUT {
                type filter hook input priority filter; policy accept;
                tcp dport 12345 counter drop
            }
            chain FORWARD {
                type filter hook forward priority filter; policy %s;
                jump DOCKER-USER
            }
            chain DOCKER-USER {
                return
            }
        }
        table inet theirs {
            set numbers {
                type inet_service
                elements = { 1, 2, 3 }
            }
            chain out {
                type nat hook postrouting priority srcnat; policy accept;
                oifname "nosuch" masquerade
            }
        }"""

    def foreign(self, policy):
        """Load another owner's rules, with this policy for forwarding; what is found is what must be left."""
        self.worker.nft(self.FOREIGN % policy)
        self.worker.ip("rule add fwmark 0x200/0xf00 lookup 200 priority 9\n"
                       "rule add from 10.98.1.2 lookup main priority 32000\nroute add 10.55.0.0/16 dev eth0 table 200")
        self.before = inventory.take(self.lab)

    def remove_foreign(self):
        """Take them away."""
        self.worker.nft("delete table ip filter\ndelete table inet theirs")
        self.worker.ip("rule del priority 9\nrule del priority 32000\nroute del 10.55.0.0/16 dev eth0 table 200")

    def tearDown(self):
        try:
            super().tearDown()
        finally:
            if type(self).lab:
                self.remove_foreign()

    def test_foreign_rules_are_left_alone(self):
        self.foreign("accept")
        self.serve_outside(80)
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "a")

    def test_a_firewall_that_drops_forwarding_is_detected(self):
        self.foreign("drop")
        self.is_up.add(self.worker)
        result = self.worker.actornet("up", "--slots", "1")
        self.assertIn("forward", result.text.lower(), f"says nothing: {result}")

    def test_allow_forward_opens_the_place_that_the_owner_offers(self):
        self.foreign("drop")
        self.serve_outside(80)
        self.up("--slots", "1", "--allow-forward")
        actor = self.activate("a", "--port", "8001:80")
        self.serve(actor, "a", 80)
        for family in self.families():
            self.assertAnswers(actor, family.public, 80, family.public)
            self.assertAnswers(self.client, family.worker, 8001, "a")


if __name__ == "__main__":
    case.main()

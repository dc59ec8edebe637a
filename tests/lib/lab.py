# SPDX-License-Identifier: Apache-2.0
"""The test lab: an internet, a router, a client and worker "pods", all in namespaces of this process's own.

      outside (203.0.113.10, 198.51.100.10, 192.168.77.10, resolver 192.168.77.53, metadata 169.254.169.254)
         |
      router --- client (192.0.2.10)
       |   |
   worker 1, worker 2: eth0 10.98.<k>.2/24, fd98:<k>::2/64, default routes by the router

Names are anlab-<pid>-<n>-<role>, so labs don't meet; what a killed process left is swept by the next one. Nothing
is done to the namespace the tests are started in.
"""

import atexit
import dataclasses
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

from netns import Namespace

PUBLIC, PUBLIC6 = "203.0.113.10", "2001:db8:f::10"
SECOND, SECOND6 = "198.51.100.10", "2001:db8:e::10"
PRIVATE, PRIVATE6 = "192.168.77.10", "fd77::10"
RESOLVER, RESOLVER6 = "192.168.77.53", "fd77::53"
METADATA = "169.254.169.254"
CLIENT, CLIENT6 = "192.0.2.10", "2001:db8:c::10"

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN_NETNS, ETC_NETNS = "/run/netns", "/etc/netns"
_numbers = itertools.count(1)
_labs = []


def program():
    """Path of the program under test."""
    return os.environ.get("ACTORNET") or os.path.join(ROOT, "build", "actornet")


@dataclasses.dataclass
class WorkerSpec:
    """What a worker pod is like. global6: also a 2001:db8 address; host_route: /32 and on-link route to the router;
    ra: no static IPv6 address or route, they come by router advertisement; resolvers: instead of the lab's."""
    uplink: str = "eth0"
    mtu: int = 1500
    ipv6: bool = True
    global6: bool = False
    disable_ipv6: bool = False
    host_route: bool = False
    ra: bool = False
    rp_filter: int = 0
    resolvers: tuple = None


class Worker(Namespace):
    """A worker's namespace, and how to speak to actornet about it."""

    def __init__(self, name, number, spec):
        super().__init__(f"{RUN_NETNS}/{name}")
        self.number, self.spec, self.uplink = number, spec, spec.uplink
        self.mac = f"02:98:00:00:00:{number:02x}"
        self.address, self.router = f"10.98.{number}.2", f"10.98.{number}.1"
        has6 = spec.ipv6 and not spec.disable_ipv6
        self.address6 = f"fd98:{number}::2" if has6 and not spec.ra else None
        self.global6 = f"2001:db8:{number}::2" if has6 and spec.global6 else None
        self.link = f"w{number}"  # the router's end
        self.ids = set()  # of the gateways seen
        self.suspects = set()  # namespaces that appeared while `up` failed: ours, or another lab's

    def actornet(self, *arguments, timeout=30):
        """Run `actornet --worker NAME --json ARGUMENTS…`."""
        before = _gateway_names()
        result = actornet("--worker", self.name, "--json", *arguments, timeout=timeout)
        if result.code and arguments[:1] == ("up",):
            self.suspects |= _gateway_names() - before
        path = result.json.get("gateway_netns") if isinstance(result.json, dict) else None
        if path:
            self.ids.add(os.path.basename(path).split("-")[1])
        return result


class Result:
    """How a run of the program ended: code, json (standard output), error (object), text (all output)."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.text = f"{done.stdout}{done.stderr}"
        self.json, self.error = self._object(done.stdout), {}
        for line in done.stderr.splitlines():
            found = self._object(line)
            if isinstance(found, dict) and isinstance(found.get("error"), dict):
                self.error = found["error"]

    @staticmethod
    def _object(text):
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def __repr__(self):
        return f"exit {self.code}\n{self.text}"


def actornet(*arguments, timeout=30):
    """Run the program under test."""
    return Result(subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout,
                                 stdin=subprocess.DEVNULL, check=False))


class Lab:
    """Everything of one lab. close() is called at exit and by signals, too."""

    def __init__(self, *specs, outside_mtu=1500):
        sweep()
        _catch_signals()
        self.prefix = f"anlab-{os.getpid()}-{next(_numbers)}-"
        self.outside_mtu = outside_mtu
        self.names = []
        self.namespaces = []
        self.workers = []
        _labs.append(self)
        try:
            self._build(specs or (WorkerSpec(), WorkerSpec()))
        except BaseException:
            self.close()
            raise

    @property
    def worker(self):
        """The first worker."""
        return self.workers[0]

    def _name(self, role):
        self.names.append(self.prefix + role)
        return self.names[-1]

    def _open(self, role):
        netns = Namespace(f"{RUN_NETNS}/{self.prefix}{role}")
        self.namespaces.append(netns)
        return netns

    def _build(self, specs):
        roles = ["router", "outside", "client"] + [f"worker{k}" for k in range(1, len(specs) + 1)]
        _host_ip("\n".join(f"netns add {self._name(role)}" for role in roles))
        self.router, self.outside, self.client = (self._open(role) for role in roles[:3])
        for netns in (self.router, self.outside, self.client):
            _quiet(netns)
        self.router.sysctl("ipv4/ip_forward", 1)
        self.router.sysctl("ipv6/conf/all/forwarding", 1)
        self._build_links(specs)
        self._build_outside()
        self._build_client()
        self._build_router()
        for number, spec in enumerate(specs, 1):
            self._build_worker(number, spec)

    def _build_links(self, specs):
        router = self.prefix + "router"
        lines = [f"link add out0 netns {router} mtu {self.outside_mtu} type veth"
                 f" peer name eth0 netns {self.prefix}outside mtu {self.outside_mtu}",
                 f"link add cli0 netns {router} mtu {self.outside_mtu} type veth"
                 f" peer name eth0 netns {self.prefix}client mtu {self.outside_mtu}"]
        for k, spec in enumerate(specs, 1):
            lines.append(f"link add w{k} netns {router} mtu {spec.mtu} address 02:98:00:00:01:{k:02x} type veth"
                         f" peer name {spec.uplink} netns {self.prefix}worker{k} mtu {spec.mtu}"
                         f" address 02:98:00:00:00:{k:02x}")
        _host_ip("\n".join(lines))

    def _build_outside(self):
        self.outside.ip("link set lo up\nlink set eth0 up\n" + "\n".join(
            f"addr add {address} dev eth0" + (" nodad" if ":" in address else "") for address in (
                f"{PUBLIC}/24", "203.0.113.11/24", f"{SECOND}/24", f"{PRIVATE}/24", f"{RESOLVER}/24",
                f"{METADATA}/32", f"{PUBLIC6}/64", "2001:db8:f::11/64", f"{SECOND6}/64", f"{PRIVATE6}/64",
                f"{RESOLVER6}/64")) + "\nroute add default via 203.0.113.1\nroute add default via 2001:db8:f::1")

    def _build_client(self):
        self.client.ip(f"""link set lo up
            link set eth0 up
            addr add {CLIENT}/24 dev eth0
            addr add 192.0.2.11/24 dev eth0
            addr add {CLIENT6}/64 dev eth0 nodad
            route add default via 192.0.2.1
            route add default via 2001:db8:c::1""")

    def _build_router(self):
        lines = ["link set lo up", "link set out0 up", "link set cli0 up"]
        lines += [f"addr add {address} dev out0" for address in ("203.0.113.1/24", "198.51.100.1/24",
                                                                 "192.168.77.1/24")]
        lines += [f"addr add {address} dev out0 nodad" for address in ("2001:db8:f::1/64", "2001:db8:e::1/64",
                                                                       "fd77::1/64")]
        lines += ["addr add 192.0.2.1/24 dev cli0", "addr add 2001:db8:c::1/64 dev cli0 nodad",
                  f"route add {METADATA} dev out0"]
        self.router.ip("\n".join(lines))

    def _build_worker(self, number, spec):
        worker = Worker(f"{self.prefix}worker{number}", number, spec)
        self.workers.append(worker)
        self.namespaces.append(worker)
        self.router.ip(f"""link set w{number} up
            addr add {worker.router}/24 dev w{number}
            addr add fd98:{number}::1/64 dev w{number} nodad
            addr add 2001:db8:{number}::1/64 dev w{number} nodad""")
        worker.sysctl("ipv4/conf/all/rp_filter", spec.rp_filter)
        worker.sysctl("ipv4/conf/default/rp_filter", spec.rp_filter)
        worker.sysctl(f"ipv4/conf/{spec.uplink}/rp_filter", spec.rp_filter)
        if spec.disable_ipv6:
            for where in ("all", "default"):
                worker.sysctl(f"ipv6/conf/{where}/disable_ipv6", 1)
        else:
            worker.sysctl(f"ipv6/conf/{spec.uplink}/accept_dad", 0)
        lines = ["link set lo up", f"link set {spec.uplink} up"]
        if spec.host_route:
            lines += [f"addr add {worker.address}/32 dev {spec.uplink}",
                      f"route add {worker.router} dev {spec.uplink} scope link"]
        else:
            lines += [f"addr add {worker.address}/24 dev {spec.uplink}"]
        lines += [f"route add default via {worker.router} dev {spec.uplink}"]
        if worker.address6:
            lines += [f"addr add {worker.address6}/64 dev {spec.uplink} nodad",
                      f"route add default via fd98:{number}::1 dev {spec.uplink}"]
        if worker.global6:
            lines += [f"addr add {worker.global6}/64 dev {spec.uplink} nodad"]
        worker.ip("\n".join(lines))
        resolvers = spec.resolvers or ((RESOLVER, RESOLVER6) if worker.address6 else (RESOLVER,))
        os.makedirs(f"{ETC_NETNS}/{worker.name}", exist_ok=True)
        with open(f"{ETC_NETNS}/{worker.name}/resolv.conf", "w", encoding="ascii") as file:
            file.writelines(f"nameserver {address}\n" for address in resolvers)

    def close_sockets(self):
        """Close what tests opened in the lab's namespaces."""
        for netns in self.namespaces:
            netns.close_sockets()

    def close(self):
        """Take the lab down, and what the program under test left in it."""
        if self in _labs:
            _labs.remove(self)
        for netns in self.namespaces:
            netns.close()
        for worker in self.workers:
            if worker.ids and os.path.exists(program()):
                try:
                    worker.actornet("down", timeout=10)
                except (OSError, subprocess.SubprocessError):
                    pass
            for ident in worker.ids.union(gateways_of(worker.name)):
                _remove_gateway(ident)
        for name in self.names:
            _remove_namespace(name)


def _host_ip(text):
    """Make namespaces, and links that are born in them."""
    done = subprocess.run(["ip", "-batch", "-"], input=text + "\n", capture_output=True, text=True, timeout=20,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr.strip()}\n{text}")


def _quiet(netns):
    """No duplicate address detection to wait for, no limit on ICMP errors, no reverse path filter."""
    netns.sysctl("ipv6/conf/default/accept_dad", 0)
    netns.sysctl("ipv6/conf/default/accept_ra", 0)
    netns.sysctl("ipv4/icmp_ratelimit", 0)
    netns.sysctl("ipv6/icmp/ratelimit", 0)
    netns.sysctl("ipv4/conf/all/rp_filter", 0)
    netns.sysctl("ipv4/conf/default/rp_filter", 0)


def _remove_namespace(name):
    subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, timeout=20, check=False)
    shutil.rmtree(f"{ETC_NETNS}/{name}", ignore_errors=True)
    try:
        os.rmdir(ETC_NETNS)
    except OSError:
        pass  # another lab's, or the machine's own


def _gateway_names():
    """All namespaces of actornet that there are, anybody's."""
    if not os.path.isdir(RUN_NETNS):
        return set()
    return {name for name in os.listdir(RUN_NETNS) if name.startswith("actornet-")}


def _remove_gateway(ident):
    """Remove a gateway and its slots by name, for the program under test may be what is broken."""
    for name in _gateway_names():
        if name == f"actornet-{ident}" or name.startswith(f"actornet-{ident}-"):
            _remove_namespace(name)


def gateways_of(netns_name):
    """Ids of the gateways of a worker, as its link's alias tells them."""
    done = subprocess.run(["ip", "-n", netns_name, "-json", "link", "show", "actornet0"], capture_output=True,
                          text=True, timeout=20, check=False)
    return [found for found in re.findall(r"\b[0-9a-f]{8}\b", done.stdout)
            if os.path.exists(f"{RUN_NETNS}/actornet-{found}")]


def sweep():
    """Remove labs whose process is gone."""
    names = set()
    for where in (RUN_NETNS, ETC_NETNS):
        if os.path.isdir(where):
            names.update(name for name in os.listdir(where) if name.startswith("anlab-"))
    for name in sorted(names):
        pid = name.split("-")[1]
        try:
            alive = "python" in os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            alive = False
        if not alive:
            for ident in gateways_of(name):
                _remove_gateway(ident)
            _remove_namespace(name)


def close_all():
    """Close every lab of this process."""
    for lab in list(_labs):
        lab.close()


def _on_signal(number, _frame):
    close_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _catch_signals():
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _on_signal)


atexit.register(close_all)

if __name__ == "__main__":
    # By hand: keep a lab until interrupted, to look around in.
    with_lab = Lab()
    print("\n".join(with_lab.names))
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.exit(0)

# SPDX-License-Identifier: Apache-2.0
"""Base of the network tests: a lab a class, services that say who they are, and the assertions tests share.

Every test starts from a worker as the lab made it and must leave it so: tearDown takes actornet down and compares
the inventory of before and after.
"""

import collections
import errno
import os
import random
import select
import selectors
import socket
import struct
import threading
import time
import unittest

import inventory
import lab as lablib
import wire
from netns import TIMEOUT, Namespace, family_of

PROMPT = 0.010   # seconds within which a denial must be visible
PATIENCE = 3.0   # seconds for what the kernel does in its own time
INNER, INNER_GW = "169.254.17.2", "169.254.17.1"
INNER6, INNER_GW6 = "fd00:169:254::2", "fd00:169:254::1"
UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES)
MAC_GW, MAC_ACTOR = "02:a8:1e:00:00:01", "02:a8:1e:00:00:02"

Answer = collections.namedtuple("Answer", "label host port")
# The addresses of one address family, for tests that do the same in both.
Family = collections.namedtuple("Family", "name number worker public second private client inner gateway any")


class Actor(Namespace):
    """An active actor: its namespace and what `activate` said."""

    def __init__(self, info):
        super().__init__(info["netns"])
        self.info, self.actor = info, info["actor"]
        self.interface, self.mac, self.mtu = info["interface"], info["mac"], info["mtu"]
        self.address, self.gateway = info["address"].split("/")[0], info["gateway"]
        self.address6, self.gateway6 = (info.get("address6") or "").split("/")[0], info.get("gateway6")
        self.outer, self.outer6 = info["outer"], info.get("outer6")
        self._frames = None

    def frame(self, *packets):
        """Send IP packets as frames past the actor's own kernel, to the gateway's MAC."""
        if self._frames is None:
            self._frames = self.packet(self.interface)
        for packet in packets:
            self._frames.send(wire.ether(packet, self.mac, MAC_GW))

    def send_frame(self, frame):
        """Send a whole Ethernet frame."""
        if self._frames is None:
            self._frames = self.packet(self.interface)
        self._frames.send(frame)

    def udp_packet(self, payload, target, sport, dport, source=None):
        """A UDP packet as the actor would send it."""
        source = source or (self.address6 if ":" in target else self.address)
        return wire.ip(wire.udp(payload, source, target, sport, dport), source, target, wire.UDP)


class Services(threading.Thread):
    """Servers of one test in one thread. Each names itself and its peer, then echoes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.received = collections.defaultdict(list)  # label: (peer address, data)
        self.start()

    def tcp(self, netns, label, address, port):
        """Serve TCP: b"LABEL PEER PORT\n", then echo."""
        sock = netns.listen(address, port)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, lambda: self._accept(sock, label))
        return sock

    def udp(self, netns, label, address, port):
        """Serve UDP: b"LABEL PEER PORT\n" and what was sent."""
        sock = netns.udp(address, port)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, lambda: self._datagram(sock, label))
        return sock

    def dns(self, netns, address, answer):
        """Serve DNS over UDP and TCP: every name has the address answer."""
        sock = netns.udp(address, 53)
        self.selector.register(sock, selectors.EVENT_READ, lambda: self._dns(sock, answer))
        listener = netns.listen(address, 53)
        self.selector.register(listener, selectors.EVENT_READ, lambda: self._dns_tcp(listener, answer))

    def forget(self, sock):
        """Stop serving on a socket and close it."""
        self.selector.unregister(sock)
        sock.close()

    def _accept(self, listener, label):
        sock, peer = listener.accept()
        self.received[label].append((peer[0], b""))
        sock.setblocking(True)
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(f"{label} {peer[0]} {peer[1]}\n".encode())
        self.selector.register(sock, selectors.EVENT_READ, lambda: self._echo(sock))

    def _echo(self, sock):
        try:
            data = sock.recv(1 << 16)
            if data:
                sock.sendall(data)
                return
        except OSError:
            pass
        self.forget(sock)

    def _datagram(self, sock, label):
        data, peer = sock.recvfrom(1 << 16)
        self.received[label].append((peer[0], data))
        sock.sendto(f"{label} {peer[0]} {peer[1]}\n".encode() + data, peer)

    @staticmethod
    def _dns(sock, answer):
        query, peer = sock.recvfrom(4096)
        sock.sendto(wire.dns_answer(query, answer), peer)

    @staticmethod
    def _dns_tcp(listener, answer):
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(TIMEOUT)
            query = sock.recv(4096)[2:]
            reply = wire.dns_answer(query, answer)
            sock.sendall(struct.pack("!H", len(reply)) + reply)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                try:
                    key.data()
                except OSError:
                    pass  # the peer's end went away, or an ICMP error was told

    def stop(self):
        """End the thread and close what it served."""
        self.wake.send(b"x")
        self.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        self.wake.close()


class NetCase(unittest.TestCase):
    """A test with a lab. WORKERS: what its workers are like; UP: arguments of `up`."""

    WORKERS = (lablib.WorkerSpec(),)
    OUTSIDE_MTU = 1500
    UP = ("--slots", "2")
    lab = None

    @classmethod
    def setUpClass(cls):
        if not os.access(lablib.program(), os.X_OK):
            reason = f"{lablib.program()} is not built"
            if os.environ.get("ACTORNET_MUST_WORK") == "1":
                raise RuntimeError(reason)
            raise unittest.SkipTest(reason)
        cls.lab = lablib.Lab(*cls.WORKERS, outside_mtu=cls.OUTSIDE_MTU)

    @classmethod
    def tearDownClass(cls):
        if cls.lab:
            cls.lab.close()
            cls.lab = None

    def setUp(self):
        cls = type(self)
        if cls.lab is None:  # a test before this one spoilt it
            cls.lab = lablib.Lab(*cls.WORKERS, outside_mtu=cls.OUTSIDE_MTU)
        self.worker, self.router = self.lab.worker, self.lab.router
        self.outside, self.client = self.lab.outside, self.lab.client
        self.actors, self.services = [], Services()
        self.before = inventory.take(self.lab)
        self.is_up = set()
        self.undo = []
        self.ipv6 = self.worker.address6 is not None

    def later(self, function, *arguments):
        """Undo a change of the test's own, before actornet goes down (cleanups would come too late)."""
        self.undo.append((function, arguments))

    def tearDown(self):
        for function, arguments in reversed(self.undo):
            function(*arguments)
        self.services.stop()
        for actor in self.actors:
            actor.close()
        self.lab.close_sockets()
        codes = {worker: worker.actornet("down") for worker in self.is_up}
        left = self.left_over()
        if left or any(result.code for result in codes.values()):
            self.lab.close()
            type(self).lab = None
        for worker, result in codes.items():
            self.assertEqual(result.code, 0, f"down of {worker.name}: {result}")
        self.assertEqual(left, [], "not as it was found")

    def left_over(self, before=None):
        """Differences to the inventory of before the test, once the kernel has had its time."""
        end = time.monotonic() + PATIENCE
        while True:
            left = inventory.difference(before or self.before, inventory.take(self.lab))
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.02)

    def families(self, worker=None):
        """The address families that the worker has."""
        worker = worker or self.worker
        found = [Family("ipv4", socket.AF_INET, worker.address, lablib.PUBLIC, lablib.SECOND, lablib.PRIVATE,
                        lablib.CLIENT, INNER, INNER_GW, "0.0.0.0")]
        if worker.address6:
            found.append(Family("ipv6", socket.AF_INET6, worker.address6, lablib.PUBLIC6, lablib.SECOND6,
                                lablib.PRIVATE6, lablib.CLIENT6, INNER6, INNER_GW6, "::"))
        return found

    # The program

    def up(self, *arguments, worker=None, code=0):
        """`actornet up` on a worker."""
        worker = worker or self.worker
        self.is_up.add(worker)
        result = worker.actornet("up", *(arguments or self.UP))
        self.assertEqual(result.code, code, f"up: {result}")
        return result

    def activate(self, name, *arguments, worker=None):
        """`actornet activate`; the actor."""
        worker = worker or self.worker
        if worker not in self.is_up:
            self.up(worker=worker)
        result = worker.actornet("activate", name, *arguments)
        self.assertEqual(result.code, 0, f"activate {name}: {result}")
        actor = Actor(result.json)
        self.actors.append(actor)
        return actor

    def release(self, actor, worker=None):
        """`actornet release`."""
        result = (worker or self.worker).actornet("release", actor.actor)
        self.assertEqual(result.code, 0, f"release: {result}")
        return result

    def refused(self, code, *arguments, naming=(), worker=None):
        """The command is refused with this code, and its error names these words."""
        result = (worker or self.worker).actornet(*arguments)
        self.assertEqual(result.code, code, f"{arguments}: {result}")
        words = " ".join(str(result.error.get(key, "")) for key in ("object", "message", "remedy"))
        for word in naming:
            self.assertIn(str(word), words)
        return result

    def show(self, actor, worker=None):
        """`actornet show`."""
        result = (worker or self.worker).actornet("show", actor.actor)
        self.assertEqual(result.code, 0, f"show: {result}")
        return result.json

    def drops(self, actor, worker=None):
        """Denied packets by reason, as `show` counts them."""
        shown = self.show(actor, worker)
        counts = shown.get("drops", shown.get("denied"))
        self.assertIsInstance(counts, dict, f"show has no counters: {shown}")
        return collections.Counter(counts)

    # Services and questions

    def serve(self, netns, label, *ports, protocols=("tcp", "udp"), addresses=None):
        """Serve ports in a namespace, on each of addresses (default: any)."""
        if addresses is None:
            addresses = ("0.0.0.0", "::") if self.ipv6 else ("0.0.0.0",)
        for address in addresses:
            for port in ports:
                for protocol in protocols:
                    getattr(self.services, protocol)(netns, label, address, port)

    def serve_outside(self, *ports, protocols=("tcp", "udp")):
        """Serve ports on every address of the outside; the label is the address."""
        for address in (lablib.PUBLIC, lablib.SECOND, lablib.PRIVATE, lablib.RESOLVER, lablib.METADATA,
                        lablib.PUBLIC6, lablib.SECOND6, lablib.PRIVATE6, lablib.RESOLVER6):
            self.serve(self.outside, address, *ports, protocols=protocols, addresses=(address,))

    def session(self, netns, address, port, source=("", 0), timeout=TIMEOUT):
        """Connect by TCP and read who answers: (socket, Answer)."""
        sock = netns.connect(address, port, source, timeout)
        netns.own(sock)
        line = b""
        while not line.endswith(b"\n"):
            piece = sock.recv(1)
            self.assertTrue(piece, f"{address}:{port} closed")
            line += piece
        return sock, self._answer(line)

    @staticmethod
    def _answer(line):
        label, host, port = line.split(b"\n")[0].decode().split(" ")
        return Answer(label, host, int(port))

    def ask(self, netns, address, port, protocol="tcp", source=("", 0)):
        """Who answers at address and port, and whom it sees."""
        if protocol == "tcp":
            sock, answer = self.session(netns, address, port, source)
            sock.close()
            return answer
        with netns.connect_udp(address, port, source) as sock:
            sock.send(b"question")
            return self._answer(sock.recv(4096))

    def exchange(self, sock, data):
        """Send data to an echo, and have it back unchanged."""
        sock.sendall(data)
        back = b""
        while len(back) < len(data):
            piece = sock.recv(1 << 16)
            self.assertTrue(piece, "closed")
            back += piece
        self.assertEqual(back, data)

    def assertAnswers(self, netns, address, port, label, protocol="tcp"):
        """The service called label answers at address and port."""
        try:
            answer = self.ask(netns, address, port, protocol)
        except OSError as error:
            self.fail(f"{netns.name}: {address}:{port}/{protocol}, expected {label}: {error!r}")
        self.assertEqual(answer.label, label)
        return answer

    def failure(self, netns, address, port, protocol="tcp", timeout=1.0):
        """(errno, seconds) of an attempt that must fail."""
        start = time.monotonic()
        try:
            if protocol == "tcp":
                netns.connect(address, port, timeout=timeout).close()
            else:
                with netns.connect_udp(address, port) as sock:
                    sock.settimeout(timeout)
                    sock.send(b"question")
                    sock.recv(4096)
        except socket.timeout:
            return errno.ETIMEDOUT, time.monotonic() - start
        except OSError as error:
            return error.errno, time.monotonic() - start
        self.fail(f"{netns.name}: {address}:{port}/{protocol} answers")
        return None

    def assertDenied(self, netns, address, port, protocol="tcp", errors=None):
        """Denied at once and visibly: TCP by reset, UDP as administratively prohibited (best of three in time)."""
        if errors is None:
            errors = (errno.ECONNREFUSED,) if protocol == "tcp" else (errno.EHOSTUNREACH, errno.EACCES)
        times = []
        for _ in range(3):
            error, seconds = self.failure(netns, address, port, protocol)
            self.assertIn(error, errors, f"{address}:{port}/{protocol}: {errno.errorcode.get(error)}")
            times.append(seconds)
            if seconds < PROMPT:
                break
        self.assertLess(min(times), PROMPT, f"{address}:{port}/{protocol}: denial took {times}")

    def assertSilent(self, netns, address, port, protocol="tcp", timeout=0.3):
        """Nothing comes back, or an error does: in no case an answer."""
        return self.failure(netns, address, port, protocol, timeout)

    def ping(self, netns, address, payload=b"ping", timeout=TIMEOUT):
        """The reply to one echo request: a Packet of type 0 or 129, an ICMP error about it, or None."""
        family = family_of(address)
        ident, seq = random.getrandbits(16), random.getrandbits(16)
        with netns.icmp(family) as sock:
            request = wire.echo("::" if family == socket.AF_INET6 else "0.0.0.0", "::", ident, seq, payload)
            sock.sendto(request, (address, 0))
            return self._pong(sock, family, ident, seq, timeout)

    @staticmethod
    def _pong(sock, family, ident, seq, timeout):
        rest, end = struct.pack("!HH", ident, seq), time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            data, peer = sock.recvfrom(1 << 16)
            if family == socket.AF_INET6:  # the kernel keeps the header to itself
                data = wire.ipv6(data, peer[0].split("%")[0], "::", wire.ICMP6)
            packet = wire.read_ip(data)
            if packet.kind in (0, 129) and packet.rest == rest:
                return packet
            if packet.inner is not None and packet.inner.rest == rest:
                return packet
        return None

    def assertPings(self, netns, address, payload=b"ping"):
        """The address answers an echo request with its payload unchanged."""
        reply = self.ping(netns, address, payload)
        self.assertIsNotNone(reply, f"{address} does not answer")
        self.assertIn(reply.kind, (0, 129), repr(reply))
        self.assertEqual(reply.payload, payload)

    # Transfers and captures

    def tcp_pair(self, netns, address, port, server, at):
        """A TCP connection to address and port, and its other end, at (address, port) of server."""
        listener = server.listen(*at)
        left = netns.own(netns.connect(address, port))
        right, _ = listener.accept()
        listener.close()
        return left, server.own(right)

    def transfer(self, source, target, blocks, seconds=30):
        """Send so many blocks of 64 KiB, different ones, and compare every byte."""
        base = random.Random(blocks).randbytes(1 << 16)
        source.setblocking(False)
        target.setblocking(False)
        out, want, sent, got, end = b"", b"", 0, 0, time.monotonic() + seconds
        while got < blocks:
            self.assertLess(time.monotonic(), end, f"stuck after {got} of {blocks} blocks")
            readable, writable, _ = select.select([target], [source] if out or sent < blocks else [], [], 1)
            if writable:
                if not out:
                    out, sent = memoryview(base[sent % 4093:] + base[:sent % 4093]), sent + 1
                out = out[source.send(out):]
            if readable:
                data = target.recv(1 << 16)
                self.assertTrue(data, "closed")
                want, got = self._compare(base, want + data, got)

    def _compare(self, base, data, got):
        while len(data) >= 1 << 16:
            self.assertTrue(data.startswith(base[got % 4093:] + base[:got % 4093]), f"block {got} differs")
            data, got = data[1 << 16:], got + 1
        return data, got

    def barrier(self, capture, worker=None):
        """What capture (on the router's end of the worker's link) has seen until a packet that the worker sends now."""
        mark = b"barrier-%d" % random.getrandbits(48)
        worker = worker or self.worker
        with worker.udp() as sock:
            sock.sendto(mark, (lablib.PUBLIC, 9))
        seen = capture.until(lambda packet: packet.payload == mark)
        self.assertIsNotNone(seen, "the worker's own packet does not arrive")
        return seen[:-1]

    def on_wire(self):
        """Capture what leaves the worker by its uplink."""
        return self.router.capture(self.worker.link)


def main():
    """Run the file's tests."""
    unittest.main(verbosity=2)

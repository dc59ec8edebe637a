# SPDX-License-Identifier: Apache-2.0
"""Network namespaces from inside one process: sockets, programs and sysctls of any of them.

A namespace belongs to a thread: setns(2), open the socket, setns back. The socket stays where it was opened, so
tests need no child processes for their traffic and no waiting for them.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import time

import wire

CLONE_NEWNET = 0x40000000
TIMEOUT = 3.0  # seconds, of every socket unless set otherwise
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32
IP_TTL, IP_HDRINCL, IP_MTU_DISCOVER, IP_RECVERR = 2, 3, 10, 11
IPV6_MTU_DISCOVER, IPV6_HDRINCL = 23, 36
PMTUDISC_DONT, PMTUDISC_DO, PMTUDISC_PROBE = 0, 2, 3
PACKET_OUTGOING, ETH_P_ALL = 4, 3
_libc = ctypes.CDLL(None, use_errno=True)


def setns(fd):
    """Move the calling thread to the network namespace behind fd."""
    if _libc.setns(fd, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def family_of(address):
    """AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Namespace:
    """A network namespace by path; keeps it open until close()."""

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self.fd).st_ino
        self._sockets = []

    def __repr__(self):
        return f"<netns {self.name}>"

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace, and back where it was afterwards."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self.fd)
            yield self
        finally:
            setns(home)
            os.close(home)

    def close_sockets(self):
        """Close every socket opened here; an open one keeps a released namespace alive."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    def close(self):
        """Close sockets and the namespace's descriptor."""
        self.close_sockets()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def own(self, sock):
        """Have sock closed with this namespace."""
        self._sockets.append(sock)
        return sock

    # Programs and files

    def run(self, *command, text=None, check=True):
        """Run a short program in the namespace; returns its standard output."""
        with self.entered():
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: {done.stderr.strip()}\n{text or ''}")
        return done.stdout

    def ip(self, arguments):
        """One ip(8) command, or several, one a line."""
        return self.run("ip", "-batch", "-", text=arguments + "\n")

    def ip_json(self, *arguments):
        """What ip(8) -json says."""
        return json.loads(self.run("ip", "-json", *arguments) or "[]")

    def await_addresses(self):
        """Wait until the kernel has looked at every IPv6 address: it does so in its own time, also without DAD."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and any(
                address.get("tentative") for link in self.ip_json("-6", "address", "show") for address in link["addr_info"]):
            time.sleep(0.01)

    def nft(self, text):
        """Load nft text."""
        return self.run("nft", "-f", "-", text=text + "\n")

    def sysctl(self, name, value=None):
        """Read a sysctl below net, or write it; name with slashes."""
        with self.entered():
            with open(f"/proc/sys/net/{name}", "r" if value is None else "w", encoding="ascii") as file:
                if value is None:
                    return file.read().strip()
                file.write(str(value))
        return str(value)

    def sysctl_exists(self, name):
        """Does this kernel have it, for this link?"""
        with self.entered():
            return os.path.exists(f"/proc/sys/net/{name}")

    # Sockets

    def open_socket(self, family, kind, protocol=0):
        """Any socket, with the usual time-out."""
        with self.entered():
            sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        if family != socket.AF_PACKET:
            sock.settimeout(TIMEOUT)
        return self.own(sock)

    def _bound(self, kind, address, port, family=None):
        sock = self.open_socket(family or family_of(address), kind)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address or port:
            sock.bind((address, port))
        return sock

    def listen(self, address, port, backlog=64):
        """A listening TCP socket."""
        sock = self._bound(socket.SOCK_STREAM, address, port)
        sock.listen(backlog)
        return sock

    def udp(self, address="", port=0, family=None, df=False):
        """A UDP socket; df: don't fragment, and refuse what is over the MTU."""
        sock = self._bound(socket.SOCK_DGRAM, address, port, family)
        if df:
            dont_fragment(sock)
        return sock

    def connect(self, address, port, source=("", 0), timeout=TIMEOUT):
        """A connected TCP socket."""
        sock = self._bound(socket.SOCK_STREAM, source[0], source[1], family_of(address))
        sock.settimeout(timeout)
        try:
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def connect_udp(self, address, port, source=("", 0)):
        """A connected UDP socket: errors about its flow are told by send() and recv()."""
        sock = self.udp(source[0], source[1], family_of(address))
        sock.connect((address, port))
        return sock

    def icmp(self, family=socket.AF_INET):
        """A raw ICMP socket (IPv4: reads include the IP header)."""
        return self.open_socket(family, socket.SOCK_RAW, wire.ICMP if family == socket.AF_INET else wire.ICMP6)

    def send_ip(self, *packets):
        """Send whole IP packets of one's own making by the namespace's routes."""
        for version, family, level, option in ((4, socket.AF_INET, socket.IPPROTO_IP, IP_HDRINCL),
                                               (6, socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_HDRINCL)):
            mine = [packet for packet in packets if packet[0] >> 4 == version]
            if not mine:
                continue
            with self.entered():
                sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
            with sock:
                sock.setsockopt(level, option, 1)
                for packet in mine:
                    sock.sendto(packet, (wire.read_ip(packet).target, 0))

    def packet(self, link):
        """An AF_PACKET socket on a link, for whole Ethernet frames out."""
        with self.entered():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            sock.bind((link, 0))
        sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 23)
        return self.own(sock)

    def capture(self, link, outgoing=False):
        """Start to capture what comes in on a link, and what goes out where asked."""
        return Capture(self, link, outgoing)


def dont_fragment(sock, how=PMTUDISC_DO):
    """Set the don't-fragment policy of a socket."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, how)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, how)


class Capture:
    """Frames seen on a link since it was made. Never sleeps: it waits for a packet one knows will come."""

    def __init__(self, netns, link, outgoing=False):
        self.outgoing = outgoing
        with netns.entered():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL))
            self.sock.bind((link, ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.sock.setblocking(False)
        netns.own(self.sock)

    def _one(self):
        try:
            frame, where = self.sock.recvfrom(1 << 17)
        except BlockingIOError:
            return None
        if where[2] == PACKET_OUTGOING and not self.outgoing:
            return False
        return wire.read(frame)

    def drain(self):
        """What has been seen up to now."""
        seen = []
        while (packet := self._one()) is not None:
            if packet:
                seen.append(packet)
        return seen

    def until(self, wanted, timeout=TIMEOUT):
        """What has been seen up to and with the packet that wanted(packet) is true for; None after timeout."""
        seen, end = [], time.monotonic() + timeout
        while True:
            packet = self._one()
            if packet is None:
                left = end - time.monotonic()
                if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                    return None
            elif packet:
                seen.append(packet)
                if wanted(packet):
                    return seen

    def dropped(self):
        """Frames that this capture missed since last asked (buffer full)."""
        return struct.unpack("II", self.sock.getsockopt(263, 6, 8))[1]

    def close(self):
        """Stop."""
        self.sock.close()

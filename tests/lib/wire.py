# SPDX-License-Identifier: Apache-2.0
"""Packets by hand: builders that return bytes with right checksums, and one reader for what was captured.

Builders nest from the inside out: ``ether(ipv4(udp(...)))``. Addresses are text, ports numbers. Whatever a test
wants to forge (checksum, length, options, a header chain that makes no sense) has its own parameter.
"""

import ipaddress
import socket
import struct

ETH_IP4, ETH_IP6, ETH_ARP = 0x0800, 0x86DD, 0x0806
ICMP, IGMP, TCP, UDP, GRE, ICMP6, SCTP = 1, 2, 6, 17, 47, 58, 132
HOPOPTS, ROUTING, FRAGMENT, NONE, DSTOPTS = 0, 43, 44, 59, 60
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

# ICMP errors, the types whose payload is a packet (RFC 792, RFC 4443).
ERRORS4, ERRORS6 = (3, 5, 11, 12), (1, 2, 3, 4)


def packed(address):
    """The bytes of an address."""
    return ipaddress.ip_address(address).packed


def mac_bytes(mac):
    """The bytes of a MAC address."""
    return bytes.fromhex(mac.replace(":", ""))


def checksum(data, start=0):
    """Internet checksum (RFC 1071) of data; start is added before folding."""
    if len(data) % 2:
        data += b"\0"
    total = start + sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, target, protocol, length):
    """Sum of the pseudo header, for checksum()."""
    data = packed(source) + packed(target) + struct.pack("!II", length, protocol)
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def ether(payload, source, target, kind=None):
    """An Ethernet frame; the type is read off the payload's IP version unless given."""
    if kind is None:
        kind = ETH_IP6 if payload[0] >> 4 == 6 else ETH_IP4
    return mac_bytes(target) + mac_bytes(source) + struct.pack("!H", kind) + payload


def ipv4(payload, source, target, protocol, *, ttl=64, ident=0, df=False, more=False, offset=0, options=b"", tos=0):
    """An IPv4 packet; offset in bytes, options padded to words."""
    options += b"\0" * (-len(options) % 4)
    flags = (0x4000 if df else 0) | (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, tos, 20 + len(options) + len(payload), ident, flags,
                       ttl, protocol, 0, packed(source), packed(target)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(payload, source, target, protocol, *, hops=64, extensions=(), traffic_class=0):
    """An IPv6 packet; extensions: (protocol number, body without its next-header byte), outermost first."""
    chain = b""
    kinds = [kind for kind, _ in extensions] + [protocol]
    for (_, body), following in zip(extensions, kinds[1:]):
        chain += bytes([following]) + body
    return struct.pack("!IHBB16s16s", 0x60000000 | traffic_class << 20, len(chain) + len(payload), kinds[0], hops,
                       packed(source), packed(target)) + chain + payload


def ip(payload, source, target, protocol, **more):
    """ipv4() or ipv6() by the family of source."""
    build = ipv6 if ":" in source else ipv4
    return build(payload, source, target, protocol, **more)


def udp(payload, source, target, sport, dport, bad=False):
    """A UDP header and its payload; bad: with a wrong checksum."""
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    value = checksum(head + payload, pseudo(source, target, UDP, 8 + len(payload))) or 0xFFFF
    return head[:6] + struct.pack("!H", value ^ 0x5555 if bad else value) + payload


def tcp(payload, source, target, sport, dport, *, seq=0, ack=0, flags=SYN, window=65535, options=b""):
    """A TCP segment."""
    options += b"\0" * (-len(options) % 4)
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
    value = checksum(head + payload, pseudo(source, target, TCP, len(head) + len(payload)))
    return head[:16] + struct.pack("!H", value) + head[18:] + payload


def icmp(kind, code, rest, payload=b""):
    """An ICMPv4 message; rest: the four bytes after the checksum."""
    head = struct.pack("!BBH", kind, code, 0) + rest
    return head[:2] + struct.pack("!H", checksum(head + payload)) + rest + payload


def icmp6(kind, code, rest, payload, source, target):
    """An ICMPv6 message; rest: the four bytes after the checksum."""
    body = struct.pack("!BBH", kind, code, 0) + rest + payload
    return body[:2] + struct.pack("!H", checksum(body, pseudo(source, target, ICMP6, len(body)))) + body[4:]


def echo(source, target, ident, seq, payload=b"", reply=False):
    """An echo request or reply of the family of source, without IP header."""
    rest = struct.pack("!HH", ident, seq)
    if ":" in source:
        return icmp6(129 if reply else 128, 0, rest, payload, source, target)
    return icmp(0 if reply else 8, 0, rest, payload)


def fragments(payload, source, target, protocol, *, ident, size=1448):
    """The packets of one datagram cut into pieces of size bytes (a multiple of 8)."""
    result = []
    for at in range(0, len(payload), size):
        piece, more = payload[at:at + size], at + size < len(payload)
        if ":" in source:
            head = struct.pack("!BHI", 0, at | more, ident)
            result.append(ipv6(piece, source, target, protocol, extensions=[(FRAGMENT, head)]))
        else:
            result.append(ipv4(piece, source, target, protocol, ident=ident, more=more, offset=at))
    return result


def routing_header(segment, kind=0):
    """Body of an IPv6 routing extension header with one address still to visit."""
    return struct.pack("!BBBI", 2, kind, 1, 0) + packed(segment)


def router_advert(source, target="ff02::1", *, lifetime=1800, prefix=None, mac=None):
    """A router advertisement (RFC 4861), without IP header."""
    options = b""
    if mac:
        options += b"\x01\x01" + mac_bytes(mac)
    if prefix:
        net = ipaddress.ip_network(prefix)
        options += struct.pack("!BBBBIII16s", 3, 4, net.prefixlen, 0xC0, 7200, 3600, 0, net.network_address.packed)
    return icmp6(134, 0, struct.pack("!BBH", 64, 0, lifetime), struct.pack("!II", 0, 0) + options, source, target)


def neighbour_solicit(source, wanted, mac, target=None):
    """A neighbour solicitation, without IP header."""
    return icmp6(135, 0, b"\0" * 4, packed(wanted) + b"\x01\x01" + mac_bytes(mac), source, target or wanted)


def neighbour_advert(source, owner, mac, target):
    """An overriding neighbour advertisement, without IP header."""
    return icmp6(136, 0, b"\x60\0\0\0", packed(owner) + b"\x02\x01" + mac_bytes(mac), source, target)


def redirect6(source, target, better, destination):
    """An ICMPv6 redirect, without IP header."""
    return icmp6(137, 0, b"\0" * 4, packed(better) + packed(destination), source, target)


def arp(operation, sender_mac, sender, target_mac, target):
    """An ARP packet, without Ethernet header."""
    return struct.pack("!HHBBH", 1, ETH_IP4, 6, 4, operation) + mac_bytes(sender_mac) + packed(sender) \
        + mac_bytes(target_mac) + packed(target)


def crc32c(data):
    """CRC-32C, as SCTP wants it (RFC 9260)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_init(sport, dport, tag=0x1234):
    """An SCTP packet with an INIT chunk."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, tag, 65536, 1, 1, 1)
    head = struct.pack("!HHI", sport, dport, 0)
    return head + struct.pack("<I", crc32c(head + b"\0" * 4 + chunk)) + chunk


def igmp_report(group):
    """An IGMPv2 membership report."""
    body = struct.pack("!BBH", 0x16, 0, 0) + packed(group)
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def gre(payload):
    """A GRE header around an IPv4 packet."""
    return struct.pack("!HH", 0, ETH_IP4) + payload


def dns_query(name, ident=0x1234):
    """A DNS query for an A record."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def dns_answer(query, address):
    """The answer to dns_query()."""
    answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + packed(address)
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + query[12:] + answer


class Packet:
    """What a captured packet says; attributes that do not apply are None, payload is never None.

    link, source_mac, target_mac; version, source, target, ttl, tos, ident, offset, more, df, options, extensions;
    protocol, sport, dport, flags, seq, ack, kind, code, rest; payload; inner (of an ICMP error: the packet in it);
    head_ok (IPv4 header checksum), sum_ok (transport checksum, None where the packet is cut or a fragment).
    """

    def __init__(self):
        self.link = self.source_mac = self.target_mac = None
        self.version = self.source = self.target = self.ttl = self.tos = self.ident = None
        self.offset, self.more, self.df, self.options, self.extensions = 0, False, False, b"", ()
        self.protocol = self.sport = self.dport = self.flags = self.seq = self.ack = None
        self.kind = self.code = self.rest = self.inner = self.head_ok = self.sum_ok = None
        self.payload, self.raw = b"", b""

    def __repr__(self):
        names = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmp6"}
        text = f"<{self.source}:{self.sport} > {self.target}:{self.dport} {names.get(self.protocol, self.protocol)}"
        if self.kind is not None:
            text += f" type {self.kind} code {self.code}"
        if self.offset or self.more:
            text += f" fragment {self.offset}{'+' if self.more else ''}"
        if self.inner:
            text += f" about {self.inner!r}"
        return text + f" {self.payload[:24]!r}>"

    @property
    def flow(self):
        """(protocol, source, sport, target, dport)"""
        return self.protocol, self.source, self.sport, self.target, self.dport


def _read_transport(packet, data, whole):
    length = len(data)
    if packet.offset:
        packet.payload = data
        return
    if packet.protocol in (TCP, UDP) and length >= 8:
        packet.sport, packet.dport = struct.unpack_from("!HH", data)
        packet.payload = data[8:]
        if packet.protocol == TCP and length >= 20:
            packet.seq, packet.ack, words, packet.flags = struct.unpack_from("!IIBB", data, 4)
            packet.payload = data[(words >> 4) * 4:]
        if whole:
            packet.sum_ok = checksum(data, pseudo(packet.source, packet.target, packet.protocol, length)) == 0
    elif packet.protocol in (ICMP, ICMP6) and length >= 8:
        packet.kind, packet.code = data[0], data[1]
        packet.rest, packet.payload = data[4:8], data[8:]
        if whole:
            start = pseudo(packet.source, packet.target, ICMP6, length) if packet.protocol == ICMP6 else 0
            packet.sum_ok = checksum(data, start) == 0
        if packet.kind in (ERRORS4 if packet.protocol == ICMP else ERRORS6):
            packet.inner = read_ip(packet.payload, cut=True)
    else:
        packet.payload = data


def _read_ip4(packet, data, cut):
    words, packet.tos, length, packet.ident, flags, packet.ttl, packet.protocol = struct.unpack_from("!BBHHHBB", data)
    head = (words & 15) * 4
    packet.offset, packet.more, packet.df = (flags & 0x1FFF) * 8, bool(flags & 0x2000), bool(flags & 0x4000)
    packet.source, packet.target = (socket.inet_ntoa(data[at:at + 4]) for at in (12, 16))
    packet.options, packet.head_ok = data[20:head], checksum(data[:head]) == 0
    whole = not cut and length <= len(data) and not packet.offset and not packet.more
    _read_transport(packet, data[head:length] if length else data[head:], whole)


def _read_ip6(packet, data, cut):
    first, length, kind, packet.ttl = struct.unpack_from("!IHBB", data)
    packet.tos = first >> 20 & 0xFF
    packet.source, packet.target = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (8, 24))
    at, end, chain = 40, min(len(data), 40 + length) if length else len(data), []
    while kind in (HOPOPTS, ROUTING, DSTOPTS, FRAGMENT) and at + 8 <= end:
        chain.append(kind)
        if kind == FRAGMENT:
            offset, packet.ident = struct.unpack_from("!HI", data, at + 2)
            packet.offset, packet.more = offset & 0xFFF8, bool(offset & 1)
        size = 8 if kind == FRAGMENT else (data[at + 1] + 1) * 8
        kind, at = data[at], at + size
        if packet.offset:
            break
    packet.protocol, packet.extensions = kind, tuple(chain)
    whole = not cut and 40 + length <= len(data) and not packet.offset and not packet.more
    _read_transport(packet, data[at:end], whole)


def read_ip(data, cut=False):
    """Read an IP packet; cut: it may be shorter than it says (as in an ICMP error). None where it is none."""
    packet = Packet()
    packet.raw = data
    if not data:
        return None
    packet.version = data[0] >> 4
    if packet.version == 4 and len(data) >= 20:
        _read_ip4(packet, data, cut)
    elif packet.version == 6 and len(data) >= 40:
        _read_ip6(packet, data, cut)
    else:
        return None
    return packet


def read(frame):
    """Read an Ethernet frame; what is not IP has only link, MACs and payload."""
    kind, = struct.unpack_from("!H", frame, 12)
    packet = read_ip(frame[14:]) if kind in (ETH_IP4, ETH_IP6) else None
    if packet is None:
        packet = Packet()
        packet.payload = frame[14:]
    packet.link, packet.raw = kind, frame
    packet.target_mac, packet.source_mac = frame[:6].hex(":"), frame[6:12].hex(":")
    return packet

# SPDX-License-Identifier: Apache-2.0
"""What a lab's kernel objects are, so that a test can show that it left them as it found them.

take(lab) gives {what: thing}; difference(before, after) gives readable lines, none where both are equal. Left out is
what moves by itself: counters, lifetimes, neighbours that were learnt.
"""

import json
import os

import lab as lablib
from netns import Namespace

_VOLATILE = {"tentative", "packets", "bytes", "expires", "valid_life_time", "preferred_life_time", "stats", "stats64", "used",
             "cache", "linkmode"}
_SYSCTLS = ("ipv4", "ipv4/conf/*", "ipv6", "ipv6/conf/*", "netfilter")
_SYSCTLS_LEFT_OUT = {"nf_conntrack_count", "stable_secret", "flush", "tcp_fastopen_key"}


def _steady(value):
    """value without what moves by itself."""
    if isinstance(value, dict):
        return {key: _steady(inner) for key, inner in value.items() if key not in _VOLATILE}
    if isinstance(value, list):
        return [_steady(inner) for inner in value]
    return value


def _text(value):
    return json.dumps(_steady(value), sort_keys=True)


def links(netns):
    """Links with their addresses and attributes, by name."""
    return {f"link {link['ifname']}": _text(link) for link in netns.ip_json("-details", "address", "show")}


def routes(netns):
    """Routes of all tables, rules, permanent neighbours."""
    found = {}
    for family in ("-4", "-6"):
        for route in netns.ip_json(family, "route", "show", "table", "all"):
            found[f"route {family} {_text(route)}"] = ""
        for rule in netns.ip_json(family, "rule", "show"):
            found[f"rule {family} {_text(rule)}"] = ""
        for neighbour in netns.ip_json(family, "neigh", "show", "nud", "permanent"):
            found[f"neighbour {_text(neighbour)}"] = ""
    return found


def ruleset(netns):
    """Every nftables object with its elements and handle, counters left out."""
    text = netns.run("nft", "--json", "--handle", "list", "ruleset")
    found = {}
    for item in json.loads(text)["nftables"] if text.strip() else []:
        if "metainfo" not in item:
            found[f"nft {_text(item)}"] = ""
    return found


def sysctls(netns):
    """The sysctls of the protocols, of each link, and of netfilter."""
    found = {}
    with netns.entered():
        for pattern in _SYSCTLS:
            top = f"/proc/sys/net/{pattern.rstrip('/*')}"
            if not os.path.isdir(top):
                continue
            folders = [f"{top}/{name}" for name in os.listdir(top)] if pattern.endswith("*") else [top]
            for folder in folders:
                found.update(_sysctls_in(folder))
    return found


def _sysctls_in(folder):
    found = {}
    try:
        names = os.listdir(folder)
    except FileNotFoundError:  # a link that has just gone
        return found
    for name in names:
        path = f"{folder}/{name}"
        if name in _SYSCTLS_LEFT_OUT or os.path.isdir(path):
            continue
        try:
            with open(path, encoding="ascii") as file:
                found[f"sysctl {path[14:]}"] = file.read().strip()
        except OSError:
            pass
    return found


def namespace(netns):
    """All of one namespace."""
    return {f"{netns.name}: {key}": value
            for part in (links, routes, ruleset, sysctls) for key, value in part(netns).items()}


def _ours(lab):
    """Names that tell what belongs to this lab's workers."""
    return {ident for worker in lab.workers for ident in worker.ids}


def _orphans(lab):
    """Gateways that a failed `up` left behind: they have no link to any worker."""
    found = set()
    for name in {name for worker in lab.workers for name in worker.suspects}:
        try:
            netns = Namespace(f"{lablib.RUN_NETNS}/{name}")
        except OSError:
            continue
        if not any(link["ifname"] == "up0" for link in netns.ip_json("link", "show")):
            found.add(name)
        netns.close()
    return found


def host(lab):
    """Named namespaces, mounts, files and processes that belong to this lab's workers."""
    found, ids, inodes = {}, _ours(lab), {netns.inode for netns in lab.namespaces}
    if os.path.isdir(lablib.RUN_NETNS):
        for name in os.listdir(lablib.RUN_NETNS):
            if any(name.startswith(f"actornet-{ident}") for ident in ids):
                found[f"netns {name}"] = ""
                inodes.add(os.stat(f"{lablib.RUN_NETNS}/{name}").st_ino)
    found.update({f"netns {name}": "orphan" for name in _orphans(lab)})
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            target = line.split()[4]
            if any(ident in target for ident in ids):
                found[f"mount {target}"] = ""
    if os.path.isdir("/run/actornet"):
        for name in os.listdir("/run/actornet"):
            if any(str(worker.inode) in name for worker in lab.workers) or any(ident in name for ident in ids):
                found[f"file /run/actornet/{name}"] = ""
    found.update(_processes(inodes))
    return found


def _processes(inodes):
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}/ns/net").st_ino in inodes:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    found[f"process {pid} {file.read().decode(errors='replace')}"] = ""
        except OSError:
            pass
    return found


def take(lab):
    """Everything of a lab's workers."""
    found = host(lab)
    for worker in lab.workers:
        found.update(namespace(worker))
    return found


def difference(before, after):
    """What is there too much (+), missing (-) and changed (!), one line each."""
    lines = [f"+ {key} {after[key]}" for key in after.keys() - before.keys()]
    lines += [f"- {key} {before[key]}" for key in before.keys() - after.keys()]
    lines += [f"! {key}: {before[key]} -> {after[key]}" for key in before.keys() & after.keys()
              if before[key] != after[key]]
    return sorted(lines)

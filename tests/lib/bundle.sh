#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/lib/bundle.sh HTTPD DIR [ARG...]: makes an OCI bundle in DIR whose whole root file system is the static program
# HTTPD (tests/lib/httpd.c, built to there if missing), run with these arguments. Capabilities and limits are those that
# Agent Substrate's bundles have. NAME= is what the server calls itself.
set -eu

httpd=$1 dir=$2
shift 2
if [ ! -x "$httpd" ]; then
	"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -static -pthread -o "$httpd" "$(dirname "$0")/httpd.c" -lresolv
fi
mkdir -p "$dir/rootfs/etc" "$dir/rootfs/proc"
cp "$httpd" "$dir/rootfs/httpd"
chmod 755 "$dir/rootfs/httpd"
args='"/httpd"'
for arg; do
	args="$args, \"$arg\""
done
capabilities='["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]'
cat >"$dir/config.json" <<EOF
{
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false,
    "user": { "uid": 0, "gid": 0 },
    "args": [$args],
    "env": ["PATH=/", "NAME=${NAME:-actor}"],
    "cwd": "/",
    "capabilities": {
      "bounding": $capabilities,
      "effective": $capabilities,
      "permitted": $capabilities
    },
    "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
    "noNewPrivileges": true
  },
  "root": { "path": "rootfs", "readonly": true },
  "hostname": "runsc",
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
  "linux": {
    "namespaces": [
      { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }
    ]
  }
}
EOF

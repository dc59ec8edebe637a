#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run, checkpoint, restore and kill on real gVisor: a web server in a sandbox, fetched through the worker's address, and
# what becomes of each step that fails. Workers and client are namespaces of this file's own.

# shellcheck disable=SC2030,SC2031 # a test is a subshell, but \$output is set and used in the same one

bats_require_minimum_version 1.5.0

setup_file() {
	[ "$(id -u)" -eq 0 ] || {
		echo "# needs root" >&3
		return 1
	}
	export TOP=${ACTORNET_SOURCE:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	export ACTORNET=${ACTORNET:-$TOP/build/actornet}
	export CLIENT=agv-$$-client WORKER=agv-$$-w1 SECOND=agv-$$-w2 DIR=$BATS_FILE_TMPDIR
	RUNSC=$("$TOP/tools/get-runsc") || {
		[ "${ACTORNET_MUST_WORK:-0}" = 1 ] && return 1
		RUNSC=
	}
	export RUNSC
	[ -n "$RUNSC" ] || return 0
	ip netns add "$CLIENT"
	ip -n "$CLIENT" link set lo up
	add_worker "$WORKER" 1
	add_worker "$SECOND" 2
	start_outside
	bundle web 80
	bundle other 80
	bundle exits exit
	bundle elsewhere 81
	bundle slow 80
	"$ACTORNET" --worker "$WORKER" --quiet up --slots 3
	"$ACTORNET" --worker "$SECOND" --quiet up --slots 2
}

# NAME K: a worker pod 10.96.K.2, fd96:K::2, its router the client.
add_worker() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip -n "$1" link add eth0 type veth peer name "w$2" netns "$CLIENT"
	ip -n "$CLIENT" address add "10.96.$2.1/24" dev "w$2"
	ip -n "$CLIENT" address add "fd96:$2::1/64" dev "w$2" nodad
	ip -n "$CLIENT" link set "w$2" up
	ip -n "$1" address add "10.96.$2.2/24" dev eth0
	ip -n "$1" address add "fd96:$2::2/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
	ip -n "$1" route add default via "10.96.$2.1"
	ip -n "$1" -6 route add default via "fd96:$2::1"
	mkdir -p "/etc/netns/$1" # where ip-netns(8) has them
	echo "nameserver 10.96.$2.1" >"/etc/netns/$1/resolv.conf"
}

# What actors fetch: a web server on public and private addresses, and a resolver that knows one name.
start_outside() {
	ip -n "$CLIENT" address add 203.0.113.10/32 dev lo
	ip -n "$CLIENT" address add 192.168.77.10/32 dev lo
	ip -n "$CLIENT" address add 2001:db8:f::10/128 dev lo nodad
	"$TOP/tests/lib/bundle.sh" "$DIR/httpd" "$DIR/outside" 80
	NAME=outside nsenter --net="/run/netns/$CLIENT" "$DIR/httpd" 80 >"$DIR/outside.log" 2>&1 3>&- &
	echo $! >"$DIR/outside.pid"
	nsenter --net="/run/netns/$CLIENT" python3 -c '
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 53))
while True:
    query, peer = sock.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    known = query[12:end - 4] == b"\x07outside\x04test\0" and query[end - 4:end - 2] == b"\0\1"
    head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + (b"\0\1" if known else b"\0\0") + b"\0" * 4
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([203, 0, 113, 10]) if known else b""
    sock.sendto(head + query[12:end] + answer, peer)
' >"$DIR/resolver.log" 2>&1 3>&- &
	echo $! >"$DIR/resolver.pid"
}

teardown_file() {
	[ -n "$RUNSC" ] || return 0
	for worker in "$WORKER" "$SECOND"; do
		for actor in $("$ACTORNET" --worker "$worker" list -q); do
			"$ACTORNET" --worker "$worker" kill "$actor" >&2 || true
		done
		"$ACTORNET" --worker "$worker" --quiet down >&2 || true
		ip netns del "$worker" || true
		rm -rf "/etc/netns/$worker"
	done
	for pid in "$DIR"/*.pid; do
		kill "$(cat "$pid")" || true
	done
	ip netns del "$CLIENT" || true
}

setup() {
	[ -n "$RUNSC" ] || skip "no runsc, and no Go to build it with"
	CLEAN=$(state)
}

# Whatever the test did, it left nothing.
teardown() {
	[ -n "$RUNSC" ] || return 0
	local left
	for _ in {1..100}; do
		left=$(diff <(echo "$CLEAN") <(state)) && return 0
		sleep 0.05
	done
	echo "left behind:"
	echo "$left"
	return 1
}

# -- Helpers -----------------------------------------------------------------------------------------------------

w() {
	"$ACTORNET" --worker "$WORKER" "$@"
}

# NAME ARG...: a bundle of the web server.
bundle() {
	local name=$1
	shift
	NAME=$name "$TOP/tests/lib/bundle.sh" "$DIR/httpd" "$DIR/$name" "$@"
}

# ACTOR [ARG...]: run the web server, ready.
run_web() {
	local actor=$1
	shift
	w --json run "$actor" --runsc "$RUNSC" --bundle "$DIR/web" --ready http://:80/readyz "$@"
}

# Fetch from the client.
fetch() {
	nsenter --net="/run/netns/$CLIENT" curl --silent --show-error --globoff --max-time 5 "$@"
}

inode() {
	stat -Lc %i "/run/netns/$1"
}

# Processes of our sandboxes: sandbox, file server, and the keeper, which has the arguments of its command.
processes() {
	grep -lazsE "/run/actornet/sandbox/($(inode "$WORKER")|$(inode "$SECOND"))/|^($WORKER|$SECOND)$" \
		/proc/[0-9]*/cmdline || true
}

# All that a sandbox may leave: directories, processes, mounts, control groups, actors, files in a root file system.
state() {
	find "/run/actornet/sandbox/$(inode "$WORKER")" "/run/actornet/sandbox/$(inode "$SECOND")" 2>/dev/null || true
	processes
	grep -c "/run/netns/actornet-$(printf %08x "$(inode "$WORKER")")" /proc/self/mounts || true
	find /sys/fs/cgroup -name "actornet-$(printf %08x "$(inode "$WORKER")")*" 2>/dev/null || true
	find "$DIR"/*/rootfs -name ".gvisor*"
	w list -q
	"$ACTORNET" --worker "$SECOND" list -q
}

# JSON KEY: a value of a JSON object.
key() {
	python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"
}

# -- The main job ------------------------------------------------------------------------------------------------

@test "a sandbox is run and fetched through the worker's address, IPv4 and IPv6" {
	cp "$DIR/web/config.json" "$DIR/before.json"
	answer=$(run_web web --port 8080:80)
	[ "$(fetch http://10.96.1.2:8080/)" = "web 1" ]
	[ "$(fetch 'http://[fd96:1::2]:8080/')" = "web 2" ]
	# A port that was not asked for is refused.
	run fetch http://10.96.1.2:8081/
	[ "$status" -eq 7 ]
	cmp "$DIR/web/config.json" "$DIR/before.json"
	[ "$(key "$answer" actor)" = web ]
	[ "$(key "$answer" sandbox_us)" -gt 1000 ]
	kill -0 "$(key "$answer" pid)"
	w kill web
}

@test "what the container prints is tagged and logged, and the log is private" {
	log=$(key "$(run_web web --port 8080:80)" log)
	fetch "http://10.96.1.2:8080/print?hello"
	for _ in {1..50}; do
		! grep -qx "web: hello" "$log" || break
		sleep 0.02
	done
	grep -x "web: httpd: serving" "$log"
	grep -x "web: hello" "$log"
	[ "$(stat -c %a "$log")" = 600 ]
	w kill web
}

@test "the actor fetches from outside, by name and address, and a denied connection is refused at once" {
	run_web web --port 8080:80
	f="http://10.96.1.2:8080/fetch?url="
	[[ "$(fetch "${f}http://203.0.113.10/readyz")" == *ready ]]
	[[ "$(fetch "${f}http://[2001:db8:f::10]/readyz")" == *ready ]]
	[[ "$(fetch "${f}http://outside.test/readyz")" == *ready ]]
	[[ "$(fetch "${f}http://unknown.test/readyz")" == resolve* ]]
	# The same server at a private address.
	denied=$(fetch "${f}http://192.168.77.10/readyz")
	[[ $denied == "connect to 192.168.77.10: Connection refused after "* ]]
	milliseconds=${denied##*after }
	[ "${milliseconds% ms}" -lt 100 ]
	w kill web
}

@test "two actors of one bundle serve side by side" {
	one=$(run_web one --port 8081:80)
	two=$(run_web two --port 8082:80)
	[ "$(key "$one" address)" = "$(key "$two" address)" ]
	[ "$(key "$one" outer)" != "$(key "$two" outer)" ]
	[ "$(fetch http://10.96.1.2:8081/)" = "web 1" ]
	[ "$(fetch http://10.96.1.2:8081/)" = "web 2" ]
	[ "$(fetch http://10.96.1.2:8082/)" = "web 1" ]
	w kill one
	# The neighbour doesn't notice.
	[ "$(fetch http://10.96.1.2:8082/)" = "web 2" ]
	w kill two
}

@test "a snapshot is restored in another slot, under another name, and on another worker" {
	first=$(run_web web --port 8080:80)
	[ "$(fetch http://10.96.1.2:8080/)" = "web 1" ]
	w checkpoint web --image "$DIR/image"
	[ "$(stat -c %a "$DIR/image")" = 700 ]
	run fetch http://10.96.1.2:8080/
	[ "$status" -ne 0 ]
	second=$(w --json restore again --runsc "$RUNSC" --bundle "$DIR/web" --image "$DIR/image" --port 8080:80 \
		--ready http://:80/readyz)
	[ "$(key "$first" netns)" != "$(key "$second" netns)" ]
	cp -r "$DIR/web" "$DIR/copy"
	"$ACTORNET" --worker "$SECOND" restore web --runsc "$RUNSC" --bundle "$DIR/copy" --image "$DIR/image" \
		--port 8080:80 --ready http://:80/readyz
	# Both go on from the same count, each on its own.
	[ "$(fetch http://10.96.1.2:8080/)" = "web 2" ]
	[ "$(fetch http://10.96.2.2:8080/)" = "web 2" ]
	[ "$(fetch "http://[fd96:2::2]:8080/")" = "web 3" ]
	[[ "$(fetch "http://10.96.2.2:8080/fetch?url=http://outside.test/readyz")" == *ready ]]
	w kill again
	"$ACTORNET" --worker "$SECOND" kill web
}

@test "twenty cycles of checkpoint and restore keep the count and leak nothing" {
	run_web web --port 8080:80
	for i in {1..20}; do
		[ "$(fetch http://10.96.1.2:8080/)" = "web $i" ]
		saved=$(w --json checkpoint web --image "$DIR/cycle-$i")
		restored=$(w --json restore web --runsc "$RUNSC" --bundle "$DIR/web" --image "$DIR/cycle-$i" \
			--port 8080:80 --ready http://:80/readyz)
		echo "$(key "$saved" sandbox_us) $(key "$saved" elapsed_us) $(key "$restored" sandbox_us) $(key "$restored" elapsed_us)"
	done >"$DIR/times"
	[ "$(fetch http://10.96.1.2:8080/)" = "web 21" ]
	w kill web
	rm -rf "$DIR"/cycle-*
	for column in 1 2 3 4; do
		cut -d' ' -f$column "$DIR/times" | sort -n | sed -n 10p
	done | paste -sd' ' | sed 's/^/# median us: checkpoint and release, restore and activate: /' >&3
}

@test "a bundle that names a control group runs, in that group where one can be made" {
	cp -r "$DIR/web" "$DIR/grouped"
	sed -i 's|"linux": {|"linux": { "cgroupsPath": "/actornet-test",|' "$DIR/grouped/config.json"
	run --separate-stderr w --json run web --runsc "$RUNSC" --bundle "$DIR/grouped" --ready http://:80/readyz
	[ "$status" -eq 0 ]
	if grep -q actornet-test "/proc/$(key "$output" pid)/cgroup"; then
		[ -z "$stderr" ]
	else
		[[ $stderr == *"control group /actornet-test of the bundle is ignored"* ]]
	fi
	w kill web
	[ -z "$(find /sys/fs/cgroup -name actornet-test)" ]
	# Where none can be: as in a pod, where they are not mounted.
	run --separate-stderr unshare --mount --propagation unchanged sh -c \
		'mount --make-rprivate /sys && umount -R /sys/fs/cgroup && exec "$@"' - \
		"$ACTORNET" --worker "$WORKER" --json run web --runsc "$RUNSC" --bundle "$DIR/grouped" --ready http://:80/readyz
	[ "$status" -eq 0 ]
	[[ $stderr == *"control group /actornet-test of the bundle is ignored"* ]]
	w kill web
}

# -- One sandbox a slot -------------------------------------------------------------------------------------------

@test "an actor has one sandbox: a second run is refused and the first goes on" {
	run_web web --port 8080:80
	run run_web web --port 8080:80
	[ "$status" -eq 4 ]
	[[ $output == *"has a sandbox already"* ]]
	run w restore web --runsc "$RUNSC" --bundle "$DIR/web" --image "$DIR/web" --port 8080:80
	[ "$status" -eq 2 ]
	[ "$(fetch http://10.96.1.2:8080/)" = "web 1" ]
	w kill web
}

@test "of two runs at the same time one wins" {
	for i in 1 2; do
		(code=0 && run_web web --port 8080:80 >"$DIR/race-$i" 2>&1 || code=$? && echo $code >"$DIR/code-$i") 3>&- &
	done
	wait
	[ "$(sort "$DIR/code-1" "$DIR/code-2" | paste -sd' ')" = "0 4" ]
	[ "$(fetch http://10.96.1.2:8080/)" = "web 1" ]
	w kill web
}

@test "a namespace that something else reads is refused, and left as it is" {
	netns=$(key "$(w --json activate web --sandboxed)" netns)
	nsenter --net="$netns" python3 -c 'import socket, time
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)
print("open", flush=True)
time.sleep(60)' >"$DIR/packet.log" 3>&- &
	pid=$!
	for _ in {1..100}; do
		! grep -q open "$DIR/packet.log" || break
		sleep 0.02
	done
	run run_web web
	[ "$status" -eq 4 ]
	[[ $output == *"something uses the link of its namespace already"* ]]
	kill $pid
	wait $pid || true
	[ "$(w list -q)" = web ]
	# Positive control: without it the same actor runs.
	run_web web
	w kill web
}

# -- Steps that fail ----------------------------------------------------------------------------------------------

# MESSAGE ARG...: `run web` fails with it, exit code 1, and everything is undone (teardown looks at the rest).
fails() {
	local message=$1
	shift
	run w run web --runsc "$RUNSC" "$@"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"$message"* ]]
	[ -z "$(w list -q)" ]
}

@test "a container that ends at once: its last words are the error" {
	fails "the container ended at once: httpd: told to exit" --bundle "$DIR/exits" --ready http://:80/
}

@test "a program that isn't there: runsc's words are the error" {
	cp -r "$DIR/web" "$DIR/empty"
	rm "$DIR/empty/rootfs/httpd"
	fails "runsc start: exit status 128: " --bundle "$DIR/empty"
	[[ $output == *"no such file or directory"* ]]
}

@test "a mount that isn't there: the failed create is undone" {
	cp -r "$DIR/web" "$DIR/mountless"
	sed -i 's|"mounts": \[|"mounts": [{ "destination": "/data", "type": "bind", "source": "/nonexistent" }, |' \
		"$DIR/mountless/config.json"
	fails "runsc create: exit status 128: " --bundle "$DIR/mountless"
}

@test "a server that is never ready: the bound holds, and what was seen is said" {
	fails "was not ready within 1000 ms: Connection refused" --bundle "$DIR/elsewhere" --ready http://:80/ \
		--ready-timeout 1
	fails "was not ready within 1000 ms: the answer is 503, not 200" --bundle "$DIR/slow" --ready http://:80/slow \
		--ready-timeout 1
	# Positive control: it is, given the time.
	w run web --runsc "$RUNSC" --bundle "$DIR/slow" --ready http://:80/slow --ready-timeout 10
	w kill web
}

@test "a snapshot that is damaged or another's: undone, and a good one works after it" {
	run_web web
	w checkpoint web --image "$DIR/good"
	cp -r "$DIR/good" "$DIR/bad"
	truncate -s 1000 "$DIR/bad/checkpoint.img"
	for arguments in "web --image $DIR/bad" "exits --image $DIR/good"; do
		# shellcheck disable=SC2086 # words on purpose
		run w restore web --runsc "$RUNSC" --bundle "$DIR/"$arguments
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"runsc restore: exit status 128: "* ]]
		[ -z "$(w list -q)" ]
	done
	w restore web --runsc "$RUNSC" --bundle "$DIR/web" --image "$DIR/good" --ready http://:80/readyz
	w kill web
}

@test "a sandbox that started without its network is found out" {
	# A runsc that takes the link down first: gVisor then starts with a loopback only and reports success.
	cat >"$DIR/saboteur" <<-EOF
		#!/bin/sh
		case " \$* " in
		*" start "*) for netns in /run/netns/actornet-$(printf %08x "$(inode "$WORKER")")-*; do
			ip -n "\$(basename "\$netns")" link set eth0 down
		done ;;
		esac
		exec $RUNSC "\$@"
	EOF
	chmod +x "$DIR/saboteur"
	run w run web --runsc "$DIR/saboteur" --bundle "$DIR/web"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"started without its network"* ]]
	[ -z "$(w list -q)" ]
	w --quiet down
	w --quiet up --slots 3
}

@test "a run that is cancelled is undone" {
	"$ACTORNET" --worker "$WORKER" run web --runsc "$RUNSC" --bundle "$DIR/elsewhere" --ready http://:80/ \
		>"$DIR/cancelled" 2>&1 3>&- &
	pid=$!
	for _ in {1..200}; do
		[ -z "$(w list -q)" ] || break
		sleep 0.02
	done
	[ "$(w list -q)" = web ]
	kill -INT $pid || kill $pid
	kill $pid 2>/dev/null || true
	wait $pid || true
	for _ in {1..200}; do
		[ -n "$(w list -q)" ] || break
		sleep 0.02
	done
	[ -z "$(w list -q)" ]
}

@test "a checkpoint that can't be written leaves the actor running or says that it is gone" {
	run_web web --port 8080:80
	[ "$(fetch http://10.96.1.2:8080/)" = "web 1" ]
	run w checkpoint web --image "$DIR/web"
	[ "$status" -eq 4 ]
	[[ $output == *"not empty"* ]]
	[ "$(fetch http://10.96.1.2:8080/)" = "web 2" ]
	mkdir "$DIR/full"
	mount -t tmpfs -o size=64k tmpfs "$DIR/full"
	run w checkpoint web --image "$DIR/full/image"
	umount --lazy "$DIR/full" # a sandbox that goes on holds its descriptors
	echo "$output"
	[ "$status" -eq 1 ]
	if [[ $output == *"the actor runs on"* ]]; then
		[ "$(fetch http://10.96.1.2:8080/)" = "web 3" ]
		w kill web
	else
		[[ $output == *"the actor is released"* ]]
		[ -z "$(w list -q)" ]
	fi
	# And the next run works.
	run_web web
	w kill web
}

# -- What others do to a sandbox -----------------------------------------------------------------------------------

@test "a sandbox that died is cleared away by kill, and by the next run" {
	for way in kill run; do
		pid=$(key "$(run_web web --port 8080:80)" pid)
		kill -KILL "$pid"
		run w checkpoint web --image "$DIR/late"
		if [ "$status" -ne 0 ]; then
			[[ $output == *"has ended"* || $output == *"runsc checkpoint"* ]]
		fi
		[ "$way" = kill ] || run_web web --port 8080:80
		w kill web
	done
}

@test "a sandbox whose keeper or network was taken away is cleared away by kill" {
	answer=$(run_web web)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$(key "$answer" pid)/status")
	[ "$(cat "/proc/$keeper/comm")" = actornet-keeper ]
	kill -KILL "$keeper"
	w kill web
	run_web web
	w release web
	w kill web
	run w kill web
	[ "$status" -eq 3 ]
}

@test "a runsc that is none is refused by name" {
	for path in relative /nonexistent /etc /etc/passwd; do
		run w run web --runsc "$path" --bundle "$DIR/web"
		[ "$status" -eq 2 ]
		[[ $output == *"$path"* ]]
	done
	run w run web --runsc /bin/true --bundle "$DIR/web"
	[ "$status" -eq 1 ]
	[[ $output == *"does not answer as runsc does"* ]]
	PATH=/nonexistent run w run web --bundle "$DIR/web"
	[ "$status" -eq 1 ]
	[[ $output == *"not found on PATH"* ]]
	for arguments in "--bundle /nonexistent" "--bundle $DIR/httpd" "" "--bundle $DIR/web --ready :80"; do
		# shellcheck disable=SC2086 # words on purpose
		run w run web --runsc "$RUNSC" $arguments
		[ "$status" -eq 2 ]
	done
	[ -z "$(w list -q)" ]
}

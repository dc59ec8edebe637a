#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line of actornet(8): what it refuses and in which words, exit codes, JSON, help, and that nothing is
# changed by what is refused. The worker is a namespace of this file's own, behind a router of its own.

bats_require_minimum_version 1.5.0

COMMANDS="up activate release list show exec port run checkpoint restore kill bench down help version"

setup_file() {
	export TOP=${ACTORNET_SOURCE:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
	export ACTORNET=${ACTORNET:-$TOP/build/actornet}
	export WORKER=acli-$$-worker ROUTER=acli-$$-router
	[ "$(id -u)" -eq 0 ] || {
		echo "# needs root" >&3
		return 1
	}
	ip netns add "$WORKER"
	ip netns add "$ROUTER"
	ID=$(printf %08x "$(stat -Lc %i "/run/netns/$WORKER")")
	export ID
	ip -n "$ROUTER" link set lo up
	ip -n "$WORKER" link set lo up
	ip -n "$WORKER" link add eth0 type veth peer name w0 netns "$ROUTER"
	ip -n "$ROUTER" address add 10.97.0.1/24 dev w0
	ip -n "$ROUTER" address add fd97::1/64 dev w0 nodad
	ip -n "$ROUTER" link set w0 up
	ip -n "$WORKER" address add 10.97.0.2/24 dev eth0
	ip -n "$WORKER" address add fd97::2/64 dev eth0 nodad
	ip -n "$WORKER" link set eth0 addrgenmode none up
	for _ in {1..100}; do
		[ "$(ip netns exec "$WORKER" cat /sys/class/net/eth0/operstate)" != up ] || break
		sleep 0.05
	done
	ip -n "$WORKER" route add default via 10.97.0.1
	ip -n "$WORKER" -6 route add default via fd97::1
	mkdir -p "/etc/netns/$WORKER"
	echo "nameserver 10.97.0.1" >"/etc/netns/$WORKER/resolv.conf"
}

teardown_file() {
	"$ACTORNET" --worker "$WORKER" down >&2 || true
	ip netns del "$WORKER" || true
	ip netns del "$ROUTER" || true
	rm -rf "/etc/netns/$WORKER"
}

# Each test starts on a worker without actornet and ends on one.
setup() {
	CLEAN=$(state)
}

teardown() {
	w down >/dev/null
	unchanged "$CLEAN"
}

# -- Helpers -----------------------------------------------------------------------------------------------------

w() {
	"$ACTORNET" --worker "$WORKER" "$@"
}

# All that a command could have changed.
state() {
	for path in "/run/netns/actornet-$ID"* "/run/actornet/$ID"*; do
		[ ! -e "$path" ] || echo "$path"
	done
	grep -oE " /(sys|mnt|etc/resolv.conf) .*|[^ ]*actornet-${ID}[^ ]*" /proc/self/mountinfo || true
	# The carrier is found out about in the kernel's own time.
	ip -n "$WORKER" -details address show | sed '/valid_lft/d; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//'
	for family in -4 -6; do
		ip -n "$WORKER" "$family" rule show
		ip -n "$WORKER" "$family" route show table all
		ip -n "$WORKER" "$family" neigh show nud permanent
	done
	ip netns exec "$WORKER" nft --stateless list ruleset
	ip netns exec "$WORKER" sh -c 'cd /proc/sys/net && grep -r . ipv?/conf/*/*forwarding ipv4/ip_forward'
}

# unchanged BEFORE [AFTER]: the state is what it was.
unchanged() {
	diff <(echo "$1") <(if [ $# -gt 1 ]; then echo "$2"; else state; fi)
}

# The tests of denials run the program by `run`: status, output, stderr.
actornet() {
	run --separate-stderr "$ACTORNET" --worker "$WORKER" "$@"
}

# refused STATUS OBJECT MESSAGE: the last run said so, and nothing else.
# shellcheck disable=SC2154 # status, output, stderr are those of `run`
refused() {
	if [ "$status" -ne "$1" ] || [ -n "$output" ] || [ "$(wc -l <<<"$stderr")" -ne 1 ] ||
		[[ $stderr != "actornet: $2: "*"$3"* ]]; then
		printf '%s\n' "expected $1 of '$2': '$3'" "status $status" "stdout $output" "stderr $stderr"
		return 1
	fi
}

# failed STATUS PATTERN: the last run failed so, and its error is like the pattern.
failed() {
	# shellcheck disable=SC2053 # a pattern is meant
	if [ "$status" -ne "$1" ] || [ -n "$output" ] || [[ $stderr != "actornet: "$2 ]]; then
		printf '%s\n' "expected $1 like '$2'" "status $status" "stdout $output" "stderr $stderr"
		return 1
	fi
}

# The last run succeeded.
succeeded() {
	[ "$status" -eq 0 ] || {
		printf '%s\n' "status $status" "stdout $output" "stderr $stderr"
		return 1
	}
}

# keys JSON: the keys of an object, or of the first in an array, in their order.
keys() {
	python3 -c 'import json, sys
value = json.loads(sys.argv[1])
print(*(value[0] if isinstance(value, list) else value))' "$1"
}

# field JSON EXPRESSION: python's view of a JSON value, called v.
field() {
	python3 -c 'import json, sys
v = json.loads(sys.argv[1])
print(eval(sys.argv[2]))' "$1" "$2"
}

# await WORD FILE: until a helper in the background has written it, five seconds at most.
await() {
	for _ in {1..50}; do
		! grep -qs "$1" "$2" || return 0
		sleep 0.1
	done
	echo "no '$1' in $2"
	return 1
}

# -- Help --------------------------------------------------------------------------------------------------------

@test "help of the program names every command" {
	run -0 "$ACTORNET" --help
	for command in $COMMANDS; do
		[[ $output =~ (^|$'\n')"  $command " ]] || {
			echo "$command is missing"
			false
		}
	done
	[ "$output" = "$("$ACTORNET" help)" ]
	[ "$output" = "$("$ACTORNET" -h)" ]
}

@test "every command has help with usage, options, exit codes and an example" {
	for command in $COMMANDS; do
		run -0 "$ACTORNET" "$command" --help
		for part in "Usage: actornet $command" "Exit codes:" "  0  done" "  2  " "Example:" "--worker NETNS"; do
			[[ $output == *"$part"* ]] || {
				echo "$command: no '$part'"
				false
			}
		done
		[ "$output" = "$("$ACTORNET" help "$command")" ]
		[ "$output" = "$("$ACTORNET" "$command" -h --no-such-option)" ]
	done
}

@test "no line of help is wider than 110 columns" {
	for command in $COMMANDS; do
		run -0 "$ACTORNET" "$command" --help
		[ "$(awk 'length > 110' <<<"$output")" = "" ]
	done
}

@test "the man page and --help name the same options" {
	helped=$(for command in $COMMANDS; do "$ACTORNET" help "$command"; done |
		grep -oE '^  (-[a-z], )?--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+' | sort -u)
	manual=$(grep -oE 'Fl -[a-z][a-z0-9-]*' "$TOP/man/actornet.8" | sed 's/Fl -/--/' | sort -u)
	diff <(echo "$helped") <(echo "$manual")
}

# completed WORD...: what the shell offers for the last of them; `actornet` tells what it was asked.
completed() {
	# shellcheck source=/dev/null disable=SC2317 # the completion calls it
	(
		source "$TOP/completions/actornet.bash"
		actornet() { echo "asked:$(IFS=,; echo "$*")"; }
		COMP_WORDS=(actornet "$@")
		COMP_CWORD=$#
		_actornet
		echo "${COMPREPLY[*]}"
	)
}

@test "completion: commands, options, values; what an option takes is no word of the command" {
	[ "$(completed rel)" = release ]
	[ "$(completed --json rel)" = release ]
	[ "$(completed --worker pod7 rel)" = release ]
	[ "$(completed --worker = pod7 rel)" = release ]
	[ "$(completed up --sl)" = --slots ]
	[ "$(completed activate web --egress i)" = internet ]
	[ "$(completed activate web --egress = no)" = none ]
	[ "$(completed activate web --egress =)" = "internet all none" ]
	[ "$(completed port l)" = list ]
	[ "$(completed port list '')" = asked:list,-q ]
	[ "$(completed release '')" = asked:list,-q ]
	[ "$(completed --worker pod7 release '')" = asked:--worker,pod7,list,-q ]
	[ "$(completed --worker = pod7 release '')" = asked:--worker,pod7,list,-q ]
	[ "$(completed --worker pod7 port list '')" = asked:--worker,pod7,list,-q ]
	# The command is the first word, whatever options with values stand before it; there is no other actor to offer.
	[ "$(completed checkpoint --image dir '')" = asked:list,-q ]
	[ "$(completed release web '')" = "" ]
	# Every option of the help is offered.
	for command in $COMMANDS; do
		offered=" $(completed "$command" --) "
		for option in $("$ACTORNET" help "$command" | grep -oE -e '^  (-[a-z], )?--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+'); do
			[[ $option == --version || $offered == *" $option "* ]] || {
				echo "$command: $option is not offered"
				false
			}
		done
	done
}

@test "the version is told" {
	run -0 "$ACTORNET" --version
	[[ $output =~ ^actornet\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[ "$output" = "$("$ACTORNET" version)" ]
	[ "$(keys "$("$ACTORNET" version --json)")" = "schema version" ]
}

# -- Usage errors ------------------------------------------------------------------------------------------------

@test "an unknown command or option is named, and the nearest one" {
	actornet activat web
	refused 2 "'activat'" "unknown command (did you mean activate?)"
	actornet up --slot 3
	refused 2 --slot "unknown option (did you mean --slots?)"
	actornet help shwo
	refused 2 "'shwo'" "unknown command (did you mean show?)"
	actornet list -x
	refused 2 -x "unknown option"
	actornet port lst web
	refused 2 ACTION "did you mean list?"
	actornet up $'--\033[31m'
	refused 2 "--?[31m" "unknown option"
}

@test "what up is given must be right, else nothing is changed" {
	long=$(printf 'x%.0s' {1..5000})
	while IFS='|' read -r object message arguments; do
		# shellcheck disable=SC2086 # several words
		actornet up $arguments
		refused 2 "$object" "$message"
	done <<-EOF_CASES
		--slots|'-1' is not a number|--slots -1
		--slots|'1x' is not a number|--slots 1x
		--slots|'60001' is more than 60000|--slots 60001
		--slots|'99999999999999999999' is more than 60000|--slots 99999999999999999999
		--slots|has no value|--slots
		--slots|has no value|--slots --dry-run
		--slots|more than once (give it once)|--slots 3 --slots=3
		--slots 4|more than --max|--slots 4 --max 3
		--max|'0' is less than 1|--max 0
		--uplink|too long|--uplink interface-of-17-
		--uplink|too long|--uplink $long
		--uplink|can't be the name|--uplink a/b
		--inner|is not IPv4|--inner fd00::2/126
		--inner|prefix of 32 bits|--inner 169.254.17.2
		--inner|prefix of 31 bits|--inner 169.254.17.2/31
		--inner|not an address|--inner 169.254.17.256/30
		--inner|not an address|--inner $long
		--inner6|is not IPv6|--inner6 169.254.17.2/30
		--inner6|prefix of 127 bits|--inner6 fd00::2/127
		--range|prefix of 8 bits|--range 100.0.0.0/8
		--range|is not IPv4|--range fd00::/64
		--range6|prefix of 48 bits|--range6 fd00::/48
		--range6|is not IPv6|--range6 100.64.0.0/16
		--nat-ports|is not a range|--nat-ports 20000
		--nat-ports|ends before it starts|--nat-ports 30000-20000
		--nat-ports|is more than 65535|--nat-ports 60000-70000
		--nat-ports|is less than 1024|--nat-ports 0-70
		--inner|is not IPv4 (give it as --inner6)|--inner fd00::2/126
		--inner6|is not IPv6 (give it as --inner)|--inner6 169.254.17.2/30
		--range|is not IPv4 (give it as --range6)|--range fd00::/64
		--range6|is not IPv6 (give it as --range)|--range6 100.64.0.0/16
		--inner|prefix of 15 bits|--inner 10.0.0.2/15
		--inner6|prefix of 64 bits|--inner6 fd00::2/64
		--range 224.0.0.0/16|is not a unicast prefix (for example|--range 224.0.0.0/16
		--range 0.0.0.0/16|is not a unicast prefix|--range 0.0.0.0/16
		--range 127.0.0.0/16|is not a unicast prefix|--range 127.0.0.0/16
		--range 255.255.255.0/24|is not a unicast prefix|--range 255.255.255.0/24
		--range 169.254.0.0/16|is link-local|--range 169.254.0.0/16
		--range6 ff02::/64|is not a unicast prefix|--range6 ff02::/64
		--range6 fe80::/64|is not a unicast prefix|--range6 fe80::/64
		--range6 ::/64|is not a unicast prefix|--range6 ::/64
		--inner 224.0.0.2/30|is not a unicast prefix|--inner 224.0.0.2/30
		--inner 0.0.0.2/30|is not a unicast prefix|--inner 0.0.0.2/30
		--inner 127.0.0.2/30|is not a unicast prefix|--inner 127.0.0.2/30
		--inner6 ff02::2/126|is not a unicast prefix|--inner6 ff02::2/126 --dry-run
		--dry-run|takes no value|--dry-run=yes
		--no-such|unknown option|--no-such
		'more'|unexpected argument|more
		--quiet|contradicts --verbose|--quiet --verbose
		--worker|more than once|--worker other
	EOF_CASES
	for option in slots uplink inner inner6 range range6 nat-ports; do
		actornet up "--$option" ""
		refused 2 "--$option" "the value is empty"
	done
	unchanged "$CLEAN"
	# The control: right values are taken by the same command.
	actornet up --slots 1 --max 3 --uplink eth0 --inner 169.254.17.2/30 --range 100.70.0.0/16 \
		--range6 fd12:3456::/64 --nat-ports 20000-29999
	succeeded
	[ "$(state)" != "$CLEAN" ]
}

@test "values that only the worker can judge are refused as well, and nothing is changed" {
	actornet up --uplink nosuch0
	failed 2 '*nosuch0*'
	actornet up --range 10.97.0.0/16
	failed 4 '*10.97.0.0*'
	actornet up --inner 10.97.0.2/30
	failed 4 '*10.97.0.2*'
	# The widest route is named, not the broadcast address in it, and the option that is at fault.
	actornet up --range 10.97.0.0/16
	refused 4 "--range 10.97.0.0/16" "overlaps the worker's route to 10.97.0.0/24 ("
	actornet up --range6 fd00:169:254::/64
	refused 2 "--range6 fd00:169:254::/64" "overlaps the inner network"
	unchanged "$CLEAN"
}

@test "what activate is given must be right, else nothing is changed" {
	w up --slots 1 >/dev/null
	before=$(state)
	while IFS='|' read -r object message arguments; do
		# shellcheck disable=SC2086 # several words
		actornet activate $arguments
		refused 2 "$object" "$message"
	done <<-EOF_CASES
		ACTOR|missing|
		ACTOR|longer than 128|$(printf 'x%.0s' {1..129})
		ACTOR|character|a/b
		ACTOR|character|actör
		ACTOR|starts with|.web
		'more'|unexpected argument|web more
		--port|'0'|web --port 0
		--port|'65536'|web --port 65536
		--port|'80-79'|web --port 80-79
		--port|'80/sctp'|web --port 80/sctp
		--port|'80/TCP'|web --port 80/TCP
		--port|'080'|web --port 080
		--port|'80:'|web --port 80:
		--port|'http'|web --port http
		--port|65535|web --port 80-89:65530
		--port|'fd97::2:80'|web --port fd97::2:80
		--port|'10.97.0.300:80'|web --port 10.97.0.300:80
		--port|'[10.97.0.2]:80'|web --port [10.97.0.2]:80
		--port|'[fd97::2]80'|web --port [fd97::2]80
		--port|too long|web --port $(printf '1%.0s' {1..200})
		--port|overlaps with '80/tcp'|web --port 80 --port 80
		--port|overlaps with '80-90:8080/tcp'|web --port 80-90:8080 --port 90-95
		--port|overlaps with '80/tcp'|web --port 80 --port 10.97.0.2:80
		--egress|'some'|web --egress some
		--egress|more than once|web --egress none --egress all
		--all-ports|more than once|web --all-ports --all-ports
		--policy|policies come with a later version|web --policy file
		--audit|policies come with a later version|web --audit
	EOF_CASES
	actornet activate ""
	refused 2 ACTOR "empty"
	actornet activate web --port ""
	refused 2 --port "the value is empty"
	actornet activate -- -web
	refused 2 ACTOR "starts with"
	[ "$(w list -q)" = "" ]
	unchanged "$before"
	# The control.
	actornet activate web --port 80 --port 80/udp --egress none
	succeeded
	[ "$(w list -q)" = web ]
}

@test "more ports than an actor may have are refused" {
	w up --slots 1 >/dev/null
	arguments=()
	for port in {1000..1064}; do arguments+=(--port "$port"); done
	actornet activate web "${arguments[@]}"
	refused 2 --port "one too many"
	actornet activate web "${arguments[@]:2}"
	succeeded
}

@test "a port at an address that no packet for an actor comes to is refused" {
	w up --slots 1 >/dev/null
	before=$(state)
	for address in 127.0.0.1 0.0.0.9 224.0.0.1 255.255.255.255 10.97.0.255 169.254.17.2 100.64.0.1 \
		'[::1]' '[ff02::1]' '[fd00:169:254::2]'; do
		actornet activate web --port "$address:80"
		refused 2 "port $address:80/tcp" "is none that the worker is reached at (give an address of the worker"
	done
	unchanged "$before"
	# The control; an address that the worker does not have yet is no mistake.
	for address in 10.97.0.2 '[fd97::2]' 10.97.0.77; do
		actornet activate "web" --port "$address:80"
		succeeded
		w release web >/dev/null
	done
}

@test "arguments of the other commands are checked" {
	w up --slots 1 >/dev/null
	before=$(state)
	for command in release show; do
		actornet "$command"
		refused 2 ACTOR missing
		actornet "$command" "a b"
		refused 2 ACTOR character
		actornet "$command" a b
		refused 2 "'b'" "unexpected argument"
	done
	actornet list web
	refused 2 "'web'" "unexpected argument"
	actornet down now
	refused 2 "'now'" "unexpected argument"
	actornet exec web
	refused 2 COMMAND "missing (give it behind --)"
	actornet exec web true
	refused 2 "'true'" "unexpected argument"
	actornet exec -- true
	refused 2 ACTOR missing
	actornet port
	refused 2 ACTION missing
	actornet port add web
	refused 2 SPEC missing
	actornet port list web 80
	refused 2 SPEC "list takes none"
	actornet port add web 80 80
	refused 2 SPEC "overlaps"
	unchanged "$before"
	# The control: the same commands with what they take.
	w activate web >/dev/null
	for arguments in list "show web" "exec web -- true" "port add web 80" "port list web" "port del web 80" \
		"release web" down; do
		# shellcheck disable=SC2086 # several words
		actornet $arguments
		succeeded
	done
}

@test "--worker must name a network namespace" {
	run --separate-stderr "$ACTORNET" --worker "" list
	refused 2 --worker "empty"
	run --separate-stderr "$ACTORNET" --worker acli-no-such list
	failed 1 "*'acli-no-such'*\(*\)"
	run --separate-stderr "$ACTORNET" --worker /etc/passwd up
	failed 1 '*/etc/passwd*no network namespace \(give the path of one*'
	[[ $stderr != *remove* ]]
	# What a pin leaves that lost its mount may be removed.
	touch "/run/netns/acli-$$-stale"
	run --separate-stderr "$ACTORNET" --worker "acli-$$-stale" up
	rm "/run/netns/acli-$$-stale"
	failed 1 "*no network namespace \(remove /run/netns/acli-$$-stale if it is a left-over\)"
	run --separate-stderr "$ACTORNET" --worker "$(printf 'x%.0s' {1..5000})" list
	[ "$status" -eq 2 ]
	# The control: a path is as good as a name.
	w up --slots 0 >/dev/null
	run -0 "$ACTORNET" --worker "/run/netns/$WORKER" list
}

# -- Errors of the worker ------------------------------------------------------------------------------------------

@test "a worker that is not prepared: exit 6 with the command that prepares it" {
	for command in list "activate web" "release web" "show web" "exec web -- true" "port list web"; do
		# shellcheck disable=SC2086 # several words
		actornet $command
		failed 6 "*\(actornet --worker $WORKER up\)"
	done
	actornet
	refused 6 "worker $WORKER" "has no actornet"
	run --separate-stderr ip netns exec "$WORKER" "$ACTORNET" list
	failed 6 '*\(actornet up\)'
	unchanged "$CLEAN"
}

@test "an actor that is not there: exit 3, and 0 with --ignore-missing" {
	w up --slots 1 >/dev/null
	before=$(state)
	for command in "release web" "show web" "exec web -- true" "port list web" "port add web 80"; do
		# shellcheck disable=SC2086 # several words
		actornet $command
		failed 3 '*web*'
	done
	actornet release web --ignore-missing
	succeeded
	unchanged "$before"
}

@test "conflicts: exit 4 naming the other" {
	w up --slots 2 >/dev/null
	w activate web --port 80 >/dev/null
	before=$(state)
	actornet activate web --port 81
	failed 4 '*web*'
	actornet activate other --port 80
	failed 4 '*80*web*'
	unchanged "$before"
	ip netns exec "$WORKER" python3 -c 'import socket, time
s = socket.create_server(("", 81))
print("ready", flush=True)
time.sleep(30)' >"$BATS_TEST_TMPDIR/ready" 3>&- &
	listener=$!
	await ready "$BATS_TEST_TMPDIR/ready"
	actornet activate other --port 81
	kill "$listener"
	failed 4 '*81*python3*'
	unchanged "$before"
	# The control: the same settings are no conflict, a free port neither.
	actornet activate web --port 80
	succeeded
	[[ $output == *"was active"* ]]
	actornet activate other --port 82
	succeeded
}

@test "no slot: exit 5" {
	w up --slots 1 --max 1 >/dev/null
	w activate one >/dev/null
	actornet activate two
	failed 5 '*\(*\)'
	w release one >/dev/null
	actornet activate two
	succeeded
}

@test "without a default route, or an uplink to choose: a clear error, nothing changed" {
	ip -n "$WORKER" route del default
	ip -n "$WORKER" -6 route del default
	before=$(state)
	actornet up
	after=$(state)
	ip -n "$WORKER" route add default via 10.97.0.1
	ip -n "$WORKER" -6 route add default via fd97::1
	failed 1 '*default route*\(*\)'
	unchanged "$before" "$after"
}

@test "without root or a capability: it is named" {
	# Where anybody may run it from.
	copy=$(mktemp -d)
	chmod 755 "$copy"
	cp "$ACTORNET" "$copy/actornet"
	for command in up down list "activate web" "release web"; do
		# shellcheck disable=SC2086 # several words
		run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$copy/actornet" --worker "$WORKER" $command
		refused 1 CAP_NET_ADMIN "lacks the capability (run it as root"
	done
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$copy/actornet" activate .x
	refused 2 ACTOR "starts with"
	rm -r "$copy"
	run --separate-stderr setpriv --bounding-set -sys_admin "$ACTORNET" --worker "$WORKER" up
	refused 1 CAP_SYS_ADMIN "lacks the capability"
	unchanged "$CLEAN"
	# The control.
	run -0 setpriv --bounding-set -sys_boot "$ACTORNET" --worker "$WORKER" up --slots 0
}

@test "a read-only /proc/sys is coped with, and stays so" {
	# All in one mount namespace, which the names of the slots are then in as well.
	# shellcheck disable=SC2016 # the inner shell's
	run -0 unshare --mount sh -ec '
		mount --bind /proc/sys /proc/sys
		mount -o remount,bind,ro /proc/sys
		"$1" --worker "$2" --quiet up --slots 1
		"$1" --worker "$2" --quiet activate web
		grep " /proc/sys " /proc/self/mountinfo | tail -n 1
		"$1" --worker "$2" --quiet down
	' sh "$ACTORNET" "$WORKER"
	[[ $output =~ " /proc/sys ro" ]]
}

@test "a table of the way it was done before is a conflict" {
	ip netns exec "$WORKER" nft add table ip ateom_actor
	before=$(state)
	actornet up
	after=$(state)
	ip netns exec "$WORKER" nft delete table ip ateom_actor
	failed 4 '*ateom_actor*\(*\)'
	unchanged "$before" "$after"
}

@test "a newer actornet's state is left alone" {
	w up --slots 1 >/dev/null
	alias=$(cat_alias)
	ip -n "$WORKER" link set actornet0 alias "actornet 999${alias#actornet 1}"
	before=$(state)
	for command in list "activate web" up; do
		# shellcheck disable=SC2086 # several words
		actornet $command
		failed 4 '*newer*\(*\)'
	done
	after=$(state)
	ip -n "$WORKER" link set actornet0 alias "$alias"
	unchanged "$before" "$after"
	w activate web >/dev/null
}

cat_alias() {
	ip -n "$WORKER" -json link show actornet0 | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["ifalias"])'
}

@test "a lock that is held is waited for, not for ever, and its holder is named" {
	w up --slots 1 >/dev/null
	lock=/run/actornet/$ID.lock
	[ -e "$lock" ]
	before=$(state)
	python3 -c 'import fcntl, sys, time
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)' "$lock" >"$BATS_TEST_TMPDIR/held" 3>&- &
	holder=$!
	await held "$BATS_TEST_TMPDIR/held"
	start=$SECONDS
	actornet activate web
	took=$((SECONDS - start))
	kill "$holder"
	failed 1 "*$holder*python3*"
	[ "$took" -ge 1 ]
	[ "$took" -le 15 ]
	unchanged "$before"
	w activate web >/dev/null
}

# -- What others did, and what is not ours --------------------------------------------------------------------------

@test "up under ip netns exec is refused: what it names would go with the command" {
	run --separate-stderr ip netns exec "$WORKER" "$ACTORNET" up --slots 1
	refused 2 "mount namespace" "use actornet --worker $WORKER, or nsenter --net=/run/netns/$WORKER instead"
	run --separate-stderr ip netns exec "$WORKER" "$ACTORNET" up --dry-run
	[ "$status" -eq 2 ]
	# In its shell all the same, and for another worker, too.
	run --separate-stderr ip netns exec "$ROUTER" sh -c '"$@"' - "$ACTORNET" --worker "$WORKER" up
	[ "$status" -eq 2 ]
	unchanged "$CLEAN"
	# The controls: entered by nsenter; in a container's mount namespace, which hears of the others' mounts as well.
	run -0 nsenter --net="/run/netns/$WORKER" "$ACTORNET" --quiet up --slots 1
	w list
	w down >/dev/null
	run -0 unshare --mount --propagation slave "$ACTORNET" --worker "$WORKER" --quiet up --slots 0 --dry-run
	# What makes no names goes on there; what is put off and would, is left to the next command.
	w up --slots 1 >/dev/null
	run -0 ip netns exec "$WORKER" "$ACTORNET" list
	run --separate-stderr ip netns exec "$WORKER" "$ACTORNET" activate web
	succeeded
	[[ $stderr == "actornet: warning: mount namespace: done, but what was put off could not be: "*"ip netns exec"* ]]
	run --separate-stderr ip netns exec "$WORKER" "$ACTORNET" activate other
	refused 2 "mount namespace" "use actornet --worker"
	# No slot whose namespace is gone counts as idle.
	w activate third >/dev/null
	w exec third -- true
}

@test "a table of our name that another owner made is a conflict, and left alone" {
	ip netns exec "$WORKER" nft 'add table inet actornet; add chain inet actornet mine'
	before=$(state)
	actornet up --dry-run
	said=$status$stderr
	actornet up
	said+=$status$stderr
	actornet down
	after=$(state)
	ip netns exec "$WORKER" nft delete table inet actornet
	[ "$said" = "$status$stderr$status$stderr" ]
	failed 4 'table inet actornet: *not made by actornet \(*nft delete table inet actornet\)'
	unchanged "$before" "$after"
	actornet up --slots 0
	succeeded
}

@test "a link of our name that another owner made is a conflict, and left alone" {
	ip -n "$WORKER" link add actornet0 type veth peer name other0
	before=$(state)
	actornet up
	said=$status$stderr
	actornet down
	after=$(state)
	ip -n "$WORKER" link del actornet0
	[ "$said" = "$status$stderr" ]
	failed 4 'link actornet0: *not made by actornet*\(*ip link del actornet0\)'
	unchanged "$before" "$after"
	actornet up --slots 0
	succeeded
}

@test "down says so where every record of how the worker was is lost" {
	w up --slots 1 >/dev/null
	ip netns exec "$WORKER" nft flush ruleset
	ip netns del "actornet-$ID"
	for _ in {1..50}; do
		ip -n "$WORKER" link show actornet0 >/dev/null 2>&1 || break
		sleep 0.1
	done
	actornet down
	failed 7 'uplink eth0: *every record*was lost*\(*net.ipv4.conf.eth0.forwarding*\)'
	actornet down
	succeeded
	ip netns exec "$WORKER" sh -c '
		echo 0 >/proc/sys/net/ipv4/conf/eth0/forwarding
		echo 0 >/proc/sys/net/ipv6/conf/eth0/force_forwarding 2>/dev/null || echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
	unchanged "$CLEAN"
}

@test "numbers that the worker's own contradict are refused; more slots in use than there may be are told" {
	w up --slots 2 --max 4 >/dev/null
	before=$(state)
	actornet up --slots 5
	refused 2 "--slots 5" "is more than the worker's --max ("
	actornet up --max 1
	refused 2 "--max 1" "is less than the idle slots that the worker keeps ready (give a smaller --slots"
	unchanged "$before"
	for actor in a b; do w activate "$actor" >/dev/null; done
	actornet up --slots 1 --max 1
	succeeded
	[[ $output == *notice*"2 slots are in use, more than --max 1"* ]]
	actornet up --slots 3 --max 5
	succeeded
	[[ $output != *notice* ]]
}

@test "an MTU that changed since is told" {
	w up --slots 0 >/dev/null
	ip -n "$WORKER" link set eth0 mtu 1400
	actornet up
	ip -n "$WORKER" link set eth0 mtu 1500
	succeeded
	[[ $output == *notice*"the MTU of eth0 is 1400 now, and 1500 for the actors: actornet down, then"* ]]
	actornet up
	[[ $output != *notice* ]]
}

@test "a range of IPv6 for a worker without IPv6 has no effect, which is told" {
	ip -n "$WORKER" address del fd97::2/64 dev eth0
	run --separate-stderr "$ACTORNET" --worker "$WORKER" up --slots 0 --range6 fd12:3456::/64
	run --separate-stderr "$ACTORNET" --worker "$WORKER" up --range6 fd12:3456::/64 --json
	notice=$(field "$output" 'v["notice"]')
	run "$ACTORNET" --worker "$WORKER" up
	plain=$output
	w down >/dev/null
	ip -n "$WORKER" address add fd97::2/64 dev eth0 nodad
	[[ $notice == "--range6 has no effect, IPv6 is off: eth0 had no global IPv6 address"* ]]
	[[ $plain == *ipv6*no* && $plain != *notice* ]]
	# The control.
	actornet up --slots 0 --range6 fd12:3456::/64
	succeeded
	[[ $output != *notice* && $output != *"ipv6 "* ]]
}

# -- Answers -------------------------------------------------------------------------------------------------------

@test "JSON: each answer has its keys, in their order, and schema 1" {
	actor="actor state generation slot netns interface address address6 gateway gateway6 outer outer6 mac mtu ports"
	actor+=" all_ports egress sandboxed"
	counters="since rx_packets rx_bytes tx_packets tx_bytes drops"

	actornet up --slots 2 --json
	succeeded
	[ "$(keys "$output")" = "schema worker uplink uplink_addresses gateway_netns inner inner6 range range6 mtu \
ipv6 fast_lane slots idle idle_target max notice elapsed_us" ]
	[ "$(field "$output" '[v["schema"], v["uplink"], v["idle"], v["uplink_addresses"][0]]')" = \
		"[1, 'eth0', 2, '10.97.0.2/24']" ]
	[ -e "$(field "$output" 'v["gateway_netns"]')" ]

	actornet activate web --port 80-81:8080 --port 53/udp --json
	succeeded
	[ "$(keys "$output")" = "schema $actor elapsed_us" ]
	[ "$(field "$output" '[v["actor"], v["state"], v["interface"], v["egress"], v["address"], v["mac"]]')" = \
		"['web', 'active', 'eth0', 'internet', '169.254.17.2/30', '02:a8:1e:00:00:02']" ]
	[ "$(field "$output" '[(p["protocol"], p["address"], p["port"], p["end_port"], p["actor_port"]) for p in v["ports"]]')" = \
		"[('tcp', None, 80, 81, 8080), ('udp', None, 53, 53, 53)]" ]
	[ -e "$(field "$output" 'v["netns"]')" ]

	actornet list --json
	[ "$(keys "$output")" = "schema $actor $counters" ]
	[ "$(field "$output" 'len(v)')" = 1 ]
	actornet list -q --json
	[ "$output" = '[{"schema":1,"actor":"web"}]' ]
	actornet show web --json
	[ "$(keys "$output")" = "schema $actor $counters" ]
	actornet port list web --json
	[ "$(keys "$output")" = "schema actor ports" ]
	actornet release web --json
	[ "$(keys "$output")" = "schema actor slot elapsed_us" ]
	actornet release web --ignore-missing --json
	[ "$(field "$output" 'v["slot"]')" = None ]
	actornet list --json
	[ "$output" = "[]" ]
	actornet down --json
	[ "$(keys "$output")" = "schema removed" ]
	[ "$(field "$output" 'v["removed"] >= 2')" = True ]
}

@test "JSON: errors have kind, object, message and remedy, wherever --json stands" {
	for arguments in "--json activat" "activate web --port 0 --json" "list --json"; do
		# shellcheck disable=SC2086 # several words
		actornet $arguments
		[ -z "$output" ]
		[ "$status" -ne 0 ]
		[ "$(field "$stderr" '[*v["error"]]')" = "['kind', 'object', 'message', 'remedy']" ]
	done
	[ "$(field "$stderr" 'v["error"]["kind"]')" = not-prepared ]
	actornet --json $'a\xff'
	[ "$(field "$stderr" 'v["error"]["object"]')" = "'a?'" ]
}

@test "list: ordered by name, names only with -q, a line when there are none" {
	w up --slots 3 >/dev/null
	[ "$(w)" = "No actor is active." ]
	for actor in zebra ape monkey; do w activate "$actor" >/dev/null; done
	[ "$(w list -q | xargs)" = "ape monkey zebra" ]
	[ "$(w list --names | xargs)" = "ape monkey zebra" ]
	[ "$(w | awk '{ print $1 }' | xargs)" = "ACTOR ape monkey zebra" ]
	# Columns are aligned: each state starts where the heading does.
	[ "$(w list | awk '{ print index($0, NR == 1 ? "STATE" : "active") }' | sort -u | wc -l)" -eq 1 ]
}

@test "--quiet: what changes something says nothing; --verbose: up says more" {
	actornet up --slots 1 --quiet
	[ "$status$output$stderr" = 0 ]
	actornet --quiet activate web
	[ "$status$output$stderr" = 0 ]
	actornet --quiet list -q
	[ "$output" = web ]
	actornet --quiet release web
	[ "$status$output$stderr" = 0 ]
	short=$(w up | wc -l)
	[ "$(w up --verbose | wc -l)" -gt "$short" ]
	actornet --quiet down
	[ "$status$output$stderr" = 0 ]
}

@test "up tells what there is and what comes next, and may be repeated" {
	actornet up --slots 2
	succeeded
	[[ $output == *eth0*10.97.0.2*"next: actornet --worker $WORKER activate "* ]]
	before=$(state)
	actornet up --slots 2
	succeeded
	unchanged "$before"
}

@test "up --dry-run changes nothing" {
	actornet up --dry-run
	succeeded
	[[ $output == *"nothing was changed"* ]]
	# A range that will be chosen at random is not told: it would be another.
	actornet up --dry-run --json
	[ "$(field "$output" '[v["range"], v["range6"], v["ipv6"]]')" = "['100.64.0.0/16', None, True]" ]
	actornet up --dry-run --json --range6 fd12:3456::/64
	[ "$(field "$output" 'v["range6"]')" = fd12:3456::/64 ]
	unchanged "$CLEAN"
}

@test "down on a worker without actornet is no error" {
	actornet down
	succeeded
	[[ $output == *nothing* ]]
	actornet down --json
	[ "$output" = '{"schema":1,"removed":0}' ]
}

@test "the pool is filled up again before activate and release end" {
	w up --slots 2 >/dev/null
	# `up` would fill it up itself: the namespaces are counted.
	slots() { find /run/netns -name "actornet-$ID-*" | wc -l; }
	[ "$(slots)" = 2 ]
	w activate web >/dev/null
	[ "$(slots)" = 3 ]
	w release web >/dev/null
	[ "$(slots)" = 2 ]
}

@test "colours on a terminal only, and not with NO_COLOR" {
	w up --slots 1 >/dev/null
	w activate web >/dev/null
	terminal() { script -qec "$*" /dev/null </dev/null; }
	plain=$(w list)
	[[ $plain != *$'\033'* ]]
	[[ $(TERM=xterm terminal "$ACTORNET" --worker "$WORKER" list) == *$'\033'* ]]
	[[ $(TERM=xterm NO_COLOR=1 terminal "$ACTORNET" --worker "$WORKER" list) != *$'\033'* ]]
	[[ $(TERM=dumb terminal "$ACTORNET" --worker "$WORKER" list) != *$'\033'* ]]
}

# -- Broken outputs ------------------------------------------------------------------------------------------------

@test "an answer that can't be written is an error" {
	w up --slots 2 >/dev/null
	w activate web --port 80 >/dev/null
	for command in list "list -q" "show web" help "port list web"; do
		# shellcheck disable=SC2016,SC2086 # the inner shell's; several words
		run --separate-stderr bash -c '"$@" >/dev/full' - "$ACTORNET" --worker "$WORKER" $command
		refused 1 "standard output" "no space left"
		# shellcheck disable=SC2016,SC2086
		run --separate-stderr bash -c '"$@" >&-' - "$ACTORNET" --worker "$WORKER" $command
		refused 1 "standard output" "bad file descriptor"
	done
}

@test "results of the bench that can't be written are an error" {
	# It traces its own calls, and a program that is traced can't look for leaks.
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	# shellcheck disable=SC2016 # the inner shell's
	for format in --json --verbose; do
		run --separate-stderr bash -c '"$@" >/dev/full' - "$ACTORNET" bench --quick --only cli "$format"
		[ "$status" -eq 1 ]
		[[ $stderr == *"standard output"*"the results can't be written"* ]]
	done
}

@test "a change whose answer can't be written says that it was made" {
	w up --slots 2 >/dev/null
	for arguments in "activate web" "port add web 80" "up --slots 1" "release web" down; do
		# shellcheck disable=SC2016,SC2086 # the inner shell's; several words
		run --separate-stderr bash -c '"$@" >/dev/full' - "$ACTORNET" --worker "$WORKER" $arguments
		refused 1 "standard output" "it was done, but the answer can't be written: no space left"
	done
	unchanged "$CLEAN"
}

@test "a lock in a read-only directory: what to do is told" {
	mkdir -p /run/actornet
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr unshare --mount sh -c 'mount -t tmpfs -o ro none /run/actornet && exec "$@"' - \
		"$ACTORNET" --worker "$WORKER" up
	failed 1 '*read-only file system \(*tmpfs*\)'
}

@test "too few descriptors are no usage error" {
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr bash -c 'ulimit -n 6; exec "$@"' - "$ACTORNET" --worker "$WORKER" list
	failed 1 '*too many open files*'
}

@test "a reader that went away stops nothing" {
	w up --slots 2 >/dev/null
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr bash -c '"$@" | true; exit "${PIPESTATUS[0]}"' - \
		"$ACTORNET" --worker "$WORKER" activate web
	# Its answer was written before `true` ended, or not: both end well for the actor.
	[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	# shellcheck disable=SC2016
	run --separate-stderr bash -c 'exec 4<>"$1"; exec 5>"$1" 4>&-; shift; exec "$@" >&5' - \
		"$BATS_TEST_TMPDIR/pipe" "$ACTORNET" --worker "$WORKER" activate other
	refused 1 "standard output" "broken pipe"
	[ "$(w list -q | xargs)" = "other web" ]
	[ "$(field "$(w up --json)" 'v["idle"]')" = 2 ]
}

@test "closed standard descriptors do no harm" {
	w up --slots 1 >/dev/null
	# shellcheck disable=SC2016 # the inner shell's
	run bash -c '"$@" <&- >&- 2>&-' - "$ACTORNET" --worker "$WORKER" activate web
	[ "$status" -eq 1 ]
	[ "$(w list -q)" = web ]
	# A program that is started has them, too.
	# shellcheck disable=SC2016
	run -0 --separate-stderr bash -c '"$@" <&- >&-' - "$ACTORNET" --worker "$WORKER" \
		exec web -- sh -c 'found=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo "$found" >&2'
	[ "$stderr" = $'/dev/null\n/dev/null' ]
}

# -- exec and port -------------------------------------------------------------------------------------------------

@test "exec: the actor's network, /sys and resolver; the program's exit status; nothing left behind" {
	w up --slots 2 >/dev/null
	w activate web >/dev/null
	before=$(state)
	[ "$(w exec web -- cat /etc/resolv.conf)" = "nameserver 169.254.17.1" ]
	[ "$(w exec web -- ls /sys/class/net | xargs)" = "eth0 lo" ]
	[[ $(w exec web -- ip -4 -o address show dev eth0) == *169.254.17.2/30* ]]
	[ "$(echo in | w exec web -- cat)" = in ]
	# Options behind the dashes are the program's, and so is its exit status.
	[ "$(w exec web -- printf '%s ' --json --help --)" = "--json --help -- " ]
	actornet exec web -- sh -c 'exit 9'
	[ "$status" -eq 9 ]
	run -127 --separate-stderr "$ACTORNET" --worker "$WORKER" exec web -- no-such-program
	refused 127 no-such-program "can't be run"
	actornet exec web -- /etc/passwd
	refused 126 /etc/passwd "can't be run"
	# SIGPIPE is as it was for the program.
	[ "$(w exec web -- grep SigIgn /proc/self/status)" = "$(grep SigIgn /proc/self/status)" ]
	unchanged "$before"
}

@test "exec sees the caller's files, and its mounts are its own" {
	w up --slots 1 >/dev/null
	w activate web >/dev/null
	echo here >"$BATS_TEST_TMPDIR/file"
	[ "$(w exec web -- cat "$BATS_TEST_TMPDIR/file")" = here ]
	w exec web -- mount -t tmpfs none /mnt
	run ! mountpoint -q /mnt
	# A strict umask of the caller hides the resolver from nobody.
	run -0 sh -c 'umask 077; "$@"' - "$ACTORNET" --worker "$WORKER" exec web -- stat -c %a /etc/resolv.conf
	[ "$output" = 644 ]
}

@test "port: list, add and del" {
	w up --slots 1 >/dev/null
	w activate web --port 80:8080 >/dev/null
	w activate other --port 90 >/dev/null
	actornet port add web 443 '[fd97::2]:7000-7009/udp'
	succeeded
	[ "$(w port list web | xargs)" = "80:8080/tcp 443/tcp [fd97::2]:7000-7009/udp" ]
	# What is there already is no error.
	actornet port add web 443
	succeeded
	actornet port add web 443:4443
	failed 4 '*443/tcp*'
	actornet port add web 91 90
	failed 4 '*90*other*'
	actornet port del web 80 91
	failed 1 'port 91/tcp: *actornet port list web*'
	# All of a command or nothing.
	[ "$(w port list web | xargs)" = "80:8080/tcp 443/tcp [fd97::2]:7000-7009/udp" ]
	actornet port del web 80 '[fd97::2]:7000-7009/udp'
	succeeded
	[ "$(w port list web)" = "443/tcp" ]
	actornet port del web 443
	[ "$status$output" = 0 ]
}

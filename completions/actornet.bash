# SPDX-License-Identifier: Apache-2.0
# bash completion for actornet(8)

# The command's own options, and those of all commands.
_actornet_options() {
	local network="--port --all-ports --egress"
	local sandbox="--bundle --runsc --ready --ready-timeout $network"
	local globals="--worker --json --quiet --verbose --help"

	case $1 in
	up)
		echo "--slots --max --uplink --inner --inner6 --range --range6 --nat-ports --allow-forward --dry-run $globals"
		;;
	activate) echo "$network --sandboxed $globals" ;;
	release) echo "--ignore-missing $globals" ;;
	list) echo "-q --names $globals" ;;
	bench) echo "--only --output --quick $globals" ;;
	run) echo "$sandbox $globals" ;;
	restore) echo "--image $sandbox $globals" ;;
	checkpoint) echo "--image $globals" ;;
	'') echo "$globals --version" ;;
	*) echo "$globals" ;;
	esac
}

# Words of one of the answers of actornet itself, asked for the worker that the line names.
_actornet_actors() {
	actornet ${worker:+--worker "$worker"} list -q 2>/dev/null
}

_actornet_netns() {
	local path
	for path in /run/netns/*; do
		[[ -e $path ]] && echo "${path##*/}"
	done
}

# What follows an option that takes a value: fills in COMPREPLY, or fails where the option takes none.
_actornet_value() {
	case $1 in
	--worker) mapfile -t COMPREPLY < <(compgen -W "$(_actornet_netns)" -- "$2") ;;
	--egress) mapfile -t COMPREPLY < <(compgen -W "internet all none" -- "$2") ;;
	--uplink) mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net)" -- "$2") ;;
	--bundle | --image) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	--only) mapfile -t COMPREPLY < <(compgen -W "activation packets cli" -- "$2") ;;
	--runsc | --output) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	--slots | --max | --inner | --inner6 | --range | --range6 | --nat-ports | --port | --ready | --ready-timeout)
		COMPREPLY=()
		;;
	*) return 1 ;;
	esac
}

# Is the word an option with a value behind it?
_actornet_takes_value() {
	[[ $1 == --* && $1 != *=* ]] && _actornet_value "$1" ''
}

_actornet() {
	local commands="up activate release list show exec port run checkpoint restore kill bench down help version"
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' worker='' i word words=()

	# The shell takes "--name=value" for three words.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--) # the rest is another program's line
			compopt -o default
			return
			;;
		-*)
			_actornet_takes_value "$word" || continue
			[[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
			((i++))
			[[ $word != --worker ]] || worker=${COMP_WORDS[i]}
			;;
		*)
			words+=("$word")
			;;
		esac
	done
	command=${words[0]:-}
	COMPREPLY=()

	_actornet_value "$previous" "$cur" && return
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_actornet_options "$command")" -- "$cur")
		return
	fi
	case $command:${#words[@]} in
	:0 | help:1) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	port:1) mapfile -t COMPREPLY < <(compgen -W "list add del" -- "$cur") ;;
	port:2) mapfile -t COMPREPLY < <(compgen -W "$(_actornet_actors)" -- "$cur") ;;
	release:1 | show:1 | exec:1 | checkpoint:1 | kill:1)
		mapfile -t COMPREPLY < <(compgen -W "$(_actornet_actors)" -- "$cur")
		;;
	esac
}

complete -F _actornet actornet

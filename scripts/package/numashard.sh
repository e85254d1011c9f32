#!/bin/sh
# SPDX-License-Identifier: MIT
# numashard as archives have it: finds this machine's Node.js and hands over to it.
needed='numashard needs Node.js 20 or newer'
hint='hint: the distribution may have it as "nodejs", https://nodejs.org has it for every system; put its bin folder on PATH'

fail() {
  printf 'error: %s\n%s\n' "$1" "$hint" >&2
  # Where a command of the user's was to run: out of the way of its exit codes, as env(1) has it.
  case ${2-} in run) exit 125 ;; *) exit 4 ;; esac
}

node=$(command -v node || command -v nodejs) || fail "no node on PATH, $needed" "${1-}"
version=$("$node" --version) || fail "$node cannot be run, $needed" "${1-}"
case $version in
  v[0-9].* | v1[0-9].*) fail "$node is ${version#v}, $needed" "${1-}" ;;
esac
here=$(dirname "$(readlink -f "$0")")
exec "$node" "$here/numashard.mjs" "$@"

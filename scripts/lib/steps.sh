# shellcheck shell=bash
# Sourced by the scripts of this folder: where we are, how to say a step with its duration, and which Swift is used.

set -euo pipefail

script=$(realpath "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

note() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# What a script says for --help: the comment at its head.
usage() { sed -n '2,${/^# shellcheck/q;/^#/!q;s/^# \{0,1\}//p}' "$script"; }

# takes_nothing "$@": for scripts without options.
takes_nothing() {
  case ${1:-} in
    '') ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1; scripts/$(basename "$0") takes none" ;;
  esac
}

# step NAME COMMAND...: runs the command under a heading and says how long it took; a failure ends the script.
step() {
  local name=$1 begun=$SECONDS code=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || code=$?
  if [ "$code" -ne 0 ]; then
    printf '== %s: failed with exit code %s after %s s\n' "$name" "$code" "$((SECONDS - begun))" >&2
    exit "$code"
  fi
  printf '== %s: %s s\n' "$name" "$((SECONDS - begun))"
}

# Makes `swift` callable where the toolchain was unpacked but not put on the PATH.
find_swift() {
  command -v swift >/dev/null 2>&1 && return 0
  local place
  for place in /opt/swift/usr/bin /usr/local/swift/usr/bin "${HOME:-/root}/.local/share/swiftly/bin"; do
    if [ -x "$place/swift" ]; then
      export PATH="$place:$PATH"
      return 0
    fi
  done
  return 1
}

require_swift() {
  local version major minor
  if ! find_swift; then
    fail "Swift is not installed, or not on the PATH. TunnelEdge is built with Swift 6.3 or newer.
Install the toolchain for your system from the Swift project's download page, put its usr/bin on the PATH,
and run this script again."
  fi
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  if [ "${major:-0}" -lt 6 ] || { [ "$major" -eq 6 ] && [ "${minor:-0}" -lt 3 ]; }; then
    fail "Swift 6.3 or newer is needed; $(command -v swift) is ${version:-of an unknown version}."
  fi
}

# The program as it is shipped: without need of a Swift installation, and without the run-time checks of exclusive access,
# which the tests' debug builds have; they cost about a tenth of the CPU of a request.
release_flags=(-c release --product tunnel-edge --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked)

release_binary() { printf '%s/tunnel-edge\n' "$(swift build "${release_flags[@]}" --show-bin-path)"; }

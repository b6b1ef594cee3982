# shellcheck shell=bash
# Sourced by the scripts: where the repository is, and how they speak. Progress goes to standard error.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The help text of a script is the comment block under its first line.
help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

# Prints the absolute path of Swift 6.3, or says how to get it. The compiler is pinned because 6.3 and 6.4 disagree about
# which `unsafe` marks are needed, and our warnings are errors.
find_swift() {
    local candidate version seen=()
    for candidate in "${SWIFT:-}" "$(command -v swift || true)" /usr/local/bin/swift /usr/local/swift*/usr/bin/swift \
        /usr/libexec/swift/bin/swift /usr/libexec/swift/6.3*/usr/bin/swift /usr/libexec/swift/6.3*/bin/swift \
        "${HOME:-/root}/.local/share/swiftly/bin/swift"; do
        if [ -z "$candidate" ] || [ ! -x "$candidate" ]; then continue; fi
        version=$("$candidate" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
        case $version in
            6.3 | 6.3.*) printf '%s\n' "$candidate" && return 0 ;;
        esac
        seen+=("$candidate is ${version:-not a working compiler}")
    done
    printf 'Ferry needs Swift 6.3.x; ' >&2
    if [ ${#seen[@]} -eq 0 ]; then
        printf 'no swift was found on PATH or in the usual places.\n' >&2
    else
        printf 'found only: %s\n' "${seen[*]}" >&2
    fi
    printf 'Get it from https://www.swift.org/install/linux/ and put it on PATH, or set SWIFT=/path/to/swift.\n' >&2
    return 1
}

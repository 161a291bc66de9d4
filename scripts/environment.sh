# Sourced by the scripts beside it: find a Python, keep a virtual environment up to date, fail with a sentence that helps.
# Everything is said on standard error; standard output belongs to what the script runs.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
needs_mib=700 # free space that an environment without torch needs, with what pip unpacks on the way

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "${script:-exclaim}: $*"
    exit 1
}

# A name on PATH may be a shim that runs nothing, so each candidate is tried, not only looked up.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; }

find_python() {
    local candidate without_venv=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        fits "$candidate" || continue
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s' "$candidate"
            return
        fi
        without_venv="$candidate"
    done
    if [ -n "$without_venv" ]; then
        fail "$without_venv has no venv module; install it (on Debian and Ubuntu: the package python3-venv)"
    fi
    candidate="$(python3 --version 2>/dev/null || echo 'no working python3')"
    fail "Python 3.11, 3.12 or 3.13 is needed and was not found ($candidate); install one, or set PYTHON to it"
}

check_space() { # FOLDER MIB
    local free
    free="$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')"
    if [ "${free:-0}" -lt "$2" ]; then
        fail "no disk: $1 has $free MiB free, $2 are needed for the packages; make room"
    fi
}

run_pip() { # VENV ARGUMENT...
    local venv="$1" log="$1/pip.log"
    shift
    if "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --no-compile "$@" 2>&1 |
        tee "$log" | { grep -E --line-buffered '^(Collecting|Installing|ERROR)' || true; } >&2; then
        return
    fi
    if grep -qi 'no space left' "$log"; then
        fail "no disk: the packages do not fit; make room (the whole output is in $log)"
    elif grep -qiE 'resolution|resolve|connection|timed out|unreachable|no matching distribution|proxy' "$log"; then
        fail "no network: the packages could not be fetched; connect and run this again (the whole output is in $log)"
    fi
    fail "the packages could not be installed; the whole output is in $log"
}

environment() { # VENV EXTRAS MIB [REQUIREMENT...]: make it, or leave it as it is where nothing changed
    local venv="$root/$1" extras="$2" mib="$3" python wanted
    shift 3
    wanted="$(cksum <"$root/pyproject.toml") $extras $*"
    if fits "$venv/bin/python" && [ "$(cat "$venv/stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    python="$(find_python)" || exit 1
    [ -w "$root" ] || fail "$root cannot be written; clone to a folder of your own"
    fits "$venv/bin/python" || rm -rf "$venv"
    check_space "$root" "$mib"
    say "${script:-exclaim}: setting up ${venv##*/} (once) ..."
    [ -x "$venv/bin/pip" ] || "$python" -m venv --clear "$venv" >&2 || fail "$python cannot make $venv"
    local requirement
    for requirement in "$@"; do
        run_pip "$venv" "$requirement"
    done
    run_pip "$venv" --editable "$root[$extras]"
    printf '%s' "$wanted" >"$venv/stamp"
}

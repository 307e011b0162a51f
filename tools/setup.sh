#!/usr/bin/env bash
# Prepares a checkout: Python packages in .venv, the Solidity compiler, devnet and linter in node_modules, and the links
# through which ape finds them. Needs Python 3.10-3.12 with venv and Node.js 20+; everything else comes from PyPI and npm,
# at the versions and hashes of the two lock files. A second call does nothing until a lock file changes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# What an installed folder was made from. The path is part of it because the commands in .venv/bin contain it.
stamp_of() { { printf '%s\n' "$root" && cksum "$@"; } 2>/dev/null; }
is_current() { [[ -f $1 && $(<"$1") == "$(stamp_of "${@:2}")" ]]; }

find_python() {
  local candidate version without_venv=
  # Each is run, not only looked up: version managers leave commands on the PATH that refuse to start.
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.10 python3; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in 3.10 | 3.11 | 3.12) ;; *) continue ;; esac
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
      python=$candidate
      return
    fi
    without_venv=${without_venv:-$version}
  done
  if [[ -n $without_venv ]]; then
    die "Python $without_venv cannot create virtual environments." \
      "On Debian and Ubuntu: sudo apt install python$without_venv-venv"
  fi
  die "no Python 3.10, 3.11 or 3.12 found (numpy 1.26 and pyrevm have no wheels for other versions)." \
    "Install one with its venv module (where Debian or Ubuntu has it: sudo apt install python3.11 python3.11-venv)," \
    "or name one that is not on the PATH: PYTHON=/path/to/python3.11 make setup"
}

check_node() {
  local version
  version=$(node -p 'process.versions.node' 2>/dev/null) && [[ $version =~ ^[0-9]+\. ]] ||
    die "Node.js is missing; version 20 or newer runs the Solidity compiler. Install it from https://nodejs.org"
  ((${version%%.*} >= 20)) ||
    die "Node.js $version is too old; version 20 or newer is needed. Install it from https://nodejs.org"
  npm --version >/dev/null 2>&1 || die "npm is missing. On Debian and Ubuntu: sudo apt install npm"
}

install_python_packages() {
  local python
  [[ ! -L .venv ]] || die ".venv is a link to another checkout's environment, which setup would empty: remove the link."
  find_python
  say "Python packages into .venv, with $("$python" --version) (a minute or two the first time)"
  "$python" -m venv --clear .venv
  # --no-deps: the lock is complete, so there is nothing to resolve. --use-pep517: three small packages come as source, and
  # the older pip of some distributions would build them in a way since withdrawn.
  .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
    --no-deps --use-pep517 --require-hashes --requirement requirements.lock
  stamp_of requirements.lock >.venv/stamp
}

install_node_packages() {
  say "Solidity compiler, devnet and linter into node_modules"
  npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
  stamp_of package-lock.json >node_modules/.stamp
}

# Links rather than copies, and relative ones, renewed at every call: they cost nothing.
link_tools() {
  local native=(node_modules/@foundry-rs/anvil-*/bin/anvil)
  # The native program where npm had one for this platform, otherwise the wrapper that looks for it.
  [[ -x ${native[0]} ]] || native=(node_modules/.bin/anvil)
  ln -sfn "../../${native[0]}" .venv/bin/anvil
  mkdir -p .solcx
  ln -sfn ../tools/solc .solcx/solc-v0.8.30
  cp tools/breakwater.pth .venv/lib/python3.*/site-packages/
}

python_is_current=no node_is_current=no
is_current .venv/stamp requirements.lock && .venv/bin/python -c '' 2>/dev/null && python_is_current=yes
is_current node_modules/.stamp package-lock.json && node_is_current=yes
# What is missing is reported before the minute that the Python packages take.
[[ $node_is_current == yes ]] || check_node
[[ $python_is_current == yes ]] || install_python_packages
[[ $node_is_current == yes ]] || install_node_packages
link_tools
[[ $python_is_current$node_is_current == yesyes ]] || say "done"

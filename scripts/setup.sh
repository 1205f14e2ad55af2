#!/usr/bin/env bash
# Make the virtual environment, installing the few Debian packages it takes. $1: python, $2: run|test
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 purpose=$2

install() { # Debian packages, only those that are missing
  local missing=()
  for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "needs these Debian packages: ${missing[*]}; run: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "installing Debian packages: ${missing[*]}"
  apt-get update -qq || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

if ! command -v "$python" >/dev/null; then install python3; python=python3; fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "Python 3.11 or newer is needed; $python is $("$python" --version 2>&1)" >&2; exit 1; }
"$python" -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
for tool in gpg openssl; do
  command -v "$tool" >/dev/null || install "$([ "$tool" = gpg ] && echo gnupg || echo openssl)"
done

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
cat >.venv/bin/countersign <<EOF
#!$PWD/.venv/bin/python
import sys
sys.path.insert(0, "$PWD")
from app import main
sys.exit(main())
EOF
chmod +x .venv/bin/countersign

if [ "$purpose" = test ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
  install docker-registry postgresql chromium apt-utils dpkg-dev gnupg openssl git openssh-client \
    minisign signify-openbsd osslsigncode rpm sqv
  command -v jarsigner >/dev/null || install default-jdk-headless
fi

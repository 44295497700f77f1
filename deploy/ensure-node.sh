#!/bin/sh
# Makes sure that node and npm are there, for the tests that try the bank with programs of others. Only as root on a Debian-like
# system without them does it install anything, and says so.
set -eu

if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then exit 0; fi

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "passbook: no node and npm found; installing the distribution's packages (apt-get, as root)" >&2
    apt-get -q update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends nodejs npm >&2
    exit 0
fi
echo "passbook: node and npm are needed: install Node.js 18 or newer" >&2
exit 1

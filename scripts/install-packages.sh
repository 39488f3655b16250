#!/usr/bin/env bash
# Installs the packages that building and running Sidegate needs and that are missing, and says why each is needed. Needs root or
# sudo only if something is missing. With `python` also what `make api-test` needs, with `bench` what `make bench` needs, with
# `faults` what `make test` and `make faults` need, with `paths` what `make test` and `make paths` need.
set -euo pipefail

case "${1:-}" in
    "" | python | bench | faults | paths) ;;
    *) echo "usage: $0 [python | bench | faults | paths]" >&2; exit 2 ;;
esac

missing=() # Debian packages
reasons=()

need() { # need PACKAGE WHY CHECK...
    local package=$1 why=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        missing+=("$package")
        reasons+=("$package: $why")
    fi
}

has_postgres() {
    local dir
    for dir in "$(dirname "$(command -v postgres || echo /nowhere/x)")" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        "$(pg_config --bindir 2>/dev/null || echo /nowhere)"; do
        [[ -x $dir/postgres && -x $dir/initdb ]] && return 0
    done
    return 1
}

has_redis() {
    command -v redis-server || command -v valkey-server
}

# The tests try the same two: another Python can be before the system's one, which has the package, in the PATH.
has_aiosmtpd() {
    python3 -c 'import aiosmtpd' || /usr/bin/python3 -c 'import aiosmtpd'
}

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2
    exit 1
fi
need gcc "the C compiler; parts of ring, zlib-ng and zstd are C" command -v cc
need libc6-dev "the C library's headers, for the same" test -e /usr/include/stdlib.h
need make "builds those" command -v make
need cmake "configures the build of zlib-ng, which Pingora compresses with" command -v cmake
need postgresql "the database; 'sidegate dev' and the tests start a private one" has_postgres
need redis-server "the store for short-lived data; started the same way" has_redis
need python3-aiosmtpd "the mail server of the tests" has_aiosmtpd
need curl "runs the commands that 'sidegate dev' prints" command -v curl
if [[ ${1:-} == faults ]]; then
    need faketime "steps the wall clock of a process in the fault table" compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1'
fi
if [[ ${1:-} == paths ]]; then
    # Real servers, to which a target has to mean what it means to Sidegate.
    need openjdk-17-jdk-headless "compiles and runs Tomcat and Jetty for the tests of paths" command -v javac
    need libtomcat10-embed-java "Tomcat, for the tests of paths" test -e /usr/share/java/tomcat10-embed-core.jar
    need libtomcat10-java "annotations that Tomcat needs" test -e /usr/share/java/tomcat10-annotations-api.jar
    need libspring-web-java "Spring's way to find a path, in Jetty" test -e /usr/share/java/spring3-web.jar
    need libjetty9-java "Jetty, for the tests of paths" test -e /usr/share/java/jetty9-servlet.jar
    need nginx "nginx, for the tests of paths" command -v nginx
    need gunicorn "a server of Python applications (WSGI), for the tests of paths" command -v gunicorn
    need puma "a server of Ruby applications (Rack), for the tests of paths" command -v puma
    need php-cli "PHP's own server, for the tests of paths" command -v php
    need nodejs "Node, for the tests of paths" command -v node
    need npm "installs Express and Fastify for the tests of paths into .tools" command -v npm
fi
if [[ ${1:-} == bench ]]; then
    need wrk "generates the load of 'make bench'" command -v wrk
    need valgrind "counts instructions for 'make bench', more exactly than a clock" command -v valgrind
    need nginx "plain nginx, for comparison in the same run" command -v nginx
fi

if [[ ${1:-} == python ]]; then
    # Debian's python3 does not include venv.
    need python3-venv "Python environments, for 'make api-test'" python3 -c "import ensurepip, venv"
fi

if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

echo "Missing on this machine:"
printf '  %s\n' "${reasons[@]}"

if ! command -v apt-get >/dev/null; then
    cat >&2 <<'HELP'
This script knows only Debian and Ubuntu. With another system's package manager install: a C compiler, make, cmake,
PostgreSQL (server programs, release 14 or later), Redis 6.2 or later (or Valkey), curl, Python 3 with aiosmtpd (for the
tests); to measure also wrk, valgrind, nginx. Then run this again.
  Fedora:  dnf install gcc make cmake postgresql-server redis curl
  Arch:    pacman -S base-devel cmake postgresql valkey curl
  macOS:   brew install cmake postgresql redis
HELP
    exit 1
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "Installing needs root: run 'apt-get install ${missing[*]}' as root, then run this again." >&2
        exit 1
    fi
    as_root=(sudo)
fi

# Some packages start a server when they are installed, and Debian's postgresql also creates a cluster. Both are prevented, for this
# installation only.
put_back=()
cleanup() {
    if [[ ${#put_back[@]} -gt 0 ]]; then
        "${as_root[@]}" rm -f "${put_back[@]}"
    fi
}
trap cleanup EXIT
if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    put_back+=(/usr/sbin/policy-rc.d)
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee /usr/sbin/policy-rc.d >/dev/null
    "${as_root[@]}" chmod 755 /usr/sbin/policy-rc.d
fi
no_cluster=/etc/postgresql-common/createcluster.d/sidegate.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $no_cluster ]]; then
    put_back+=("$no_cluster")
    "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
fi

echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"

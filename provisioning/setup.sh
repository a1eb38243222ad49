#!/bin/sh
# Brings a fresh Debian or Raspberry Pi OS with Node and npm to where Sala runs. Installs only what is missing, says
# each thing it does, and is quick when there is nothing to do.
#
#   setup.sh packages   npm packages, among them Node 24
#   setup.sh start      and what the demonstration and a kit need from Debian
#   setup.sh test       and what the tests need
set -eu

mode=${1:-start}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

# Under `npm run`, node_modules/.bin comes first: the Node in there must not run the npm that replaces it.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v 'node_modules/\.bin$' | tr '\n' ':')
PATH=${PATH%:}
export PATH

say() { printf 'set-up: %s\n' "$*" >&2; }
stop() {
  say "$@"
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# ------------------------------------------------------------------------------------------------- packages of Debian

# Adds package $1 to what is missing, unless Debian's package manager has it installed.
need() {
  case "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" in
    installed) ;;
    *) missing="$missing $1" ;;
  esac
}

# Adds package $1 to what is missing, unless one of the commands after it is there.
need_command() {
  package=$1
  shift
  for each in "$@"; do has "$each" && return; done
  missing="$missing $package"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2; }

# Installs what $missing names; fails, with the reason said, where that cannot be done.
install_missing() {
  if [ -z "$missing" ]; then return 0; fi
  if ! has apt-get; then
    say "this system has no apt-get; please install what Debian calls:$missing"
    return 1
  fi
  if [ "$(id -u)" != 0 ] && ! has sudo; then
    say "neither root nor sudo; please run as root: apt-get install$missing"
    return 1
  fi
  say "installing from Debian:$missing"
  apt update || say 'the package lists could not be renewed; trying with the old ones'
  # Unquoted: a list of package names.
  if ! apt install --yes --no-install-recommends $missing; then
    say "apt-get could not install:$missing"
    return 1
  fi
}

# The browser of the tests: without the window that nobody sees, where the archive has it.
browser() {
  case "$(apt-cache policy chromium-headless-shell 2>/dev/null)" in
    *'Candidate: '[0-9]*) echo chromium-headless-shell ;;
    *) echo chromium ;;
  esac
}

# A machine that has another one already gets it, too: half of the tests' time is the browser's.
prefer_browser() {
  if has chromium-headless-shell || [ "$(browser)" = chromium ]; then return 0; fi
  missing=' chromium-headless-shell'
  install_missing || say 'going on with chromium, which is slower'
}

# Where servers are that the tests start themselves: installed, Debian would start them at once, on ports of the user's.
unpacked=.cache/debian

# Unpacks package and command $1 there, unless this machine has it. Needs no root.
unpack_server() {
  if has "$1" || [ -x "/usr/sbin/$1" ] || [ -x "$unpacked/usr/bin/$1" ] || [ -x "$unpacked/usr/sbin/$1" ]; then return 0; fi
  say "unpacking Debian's $1 to $unpacked"
  rm -rf "$unpacked/$1"
  mkdir -p "$unpacked/$1"
  if ! (cd "$unpacked/$1" && apt-get -qq download "$1" >/dev/null 2>&1); then
    apt update || return 1
    (cd "$unpacked/$1" && apt-get -qq download "$1" >&2) || return 1
  fi
  for each in "$unpacked/$1"/*.deb; do dpkg -x "$each" "$unpacked" || return 1; done
  rm -rf "${unpacked:?}/$1"
}

# Unpacks packages there, below $1, with all they need that this machine lacks. Needs no root.
unpack_whole() {
  folder=$unpacked/$1
  shift
  if [ -e "$folder/complete" ]; then return 0; fi
  say "unpacking Debian's $* to $folder"
  rm -rf "${folder:?}"
  mkdir -p "$folder/packages"
  if ! download_whole "$@"; then
    apt update && download_whole "$@" || return 1
  fi
  for each in "$folder"/packages/*.deb; do dpkg -x "$each" "$folder" || return 1; done
  rm -rf "${folder:?}/packages"
  : >"$folder/complete"
}

download_whole() {
  plan=$(apt-get -s -qq --no-install-recommends install "$@" 2>/dev/null) || return 1
  packages=$(printf '%s' "$plan" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  # Unquoted: a list of package names.
  (cd "$folder/packages" && apt-get -qq download $packages >/dev/null 2>&1)
}

# What the tests read a kit's seed with, as the kit does. Installed, they would take over its names and networks.
unpack_seed_readers() {
  if has cloud-init && has nmcli; then return 0; fi
  unpack_whole seed cloud-init network-manager
}

# The database that the tests send talks to. Debian 12 is the last one that has it; elsewhere its tests say that they are
# left out.
unpack_clickhouse() {
  if is_in_archive clickhouse-server; then unpack_whole clickhouse clickhouse-server; fi
}

is_in_archive() {
  case "$(apt-cache policy "$1" 2>/dev/null)" in
    *'Candidate: '[0-9]*) return 0 ;;
    *) return 1 ;;
  esac
}

install_system() {
  missing=''
  need libpocketsphinx3
  need pocketsphinx-en-us
  need libportaudio2
  # Recordings of talks.
  need_command flac flac
  if [ "$mode" = test ]; then
    need libasound2-plugins
    need_command "$(browser)" chromium-headless-shell chromium chromium-browser
    need_command pulseaudio pulseaudio
    need_command pulseaudio-utils pactl
    need_command alsa-utils arecord
    need_command ffmpeg ffmpeg
    need_command jq jq
    need_command openssl openssl
    need_command python3 python3
    # What cards are written with.
    need_command mtools mcopy
    need_command fdisk sfdisk /usr/sbin/sfdisk
    need_command e2fsprogs mke2fs /usr/sbin/mke2fs
    need_command xz-utils xz
    # A small archive of packages is signed, for apt to check.
    need_command gnupg gpg
    need_command zstd zstd
    need_command dosfstools mkfs.vfat /usr/sbin/mkfs.vfat /sbin/mkfs.vfat
    # A FAT that is mounted where the kernel has none: what a kit erases on its boot partition is looked for in its bytes.
    need_command fusefat fusefat
    # What pages are looked at with: Arabic, Hebrew and many more scripts, Japanese.
    need fonts-noto-core
    need fonts-ipafont-gothic
  fi
  if install_missing; then
    if [ "$mode" = test ]; then
      prefer_browser
      for each in nginx caddy; do unpack_server "$each" || stop "the tests need Debian's $each"; done
      unpack_seed_readers || stop "the tests need Debian's cloud-init and network-manager"
      unpack_clickhouse || stop "the tests need Debian's clickhouse-server"
    fi
    return 0
  fi
  if [ "$mode" = test ]; then stop 'the tests need these packages'; fi
  say 'going on without: PocketSphinx and sound cards may be missing'
}

# ---------------------------------------------------------------------------------------------------- packages of npm

check_node() {
  has node && has npm || stop 'Node and npm are missing; on Debian: sudo apt install nodejs npm'
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || stop "Node $(node --version) is too old; Node 20 or later is needed to begin"
}

quiet_npm() {
  # What npm says is shown only when it fails.
  if output=$(npm "$@" --loglevel=error --no-audit --no-fund --no-update-notifier 2>&1 </dev/null); then return 0; fi
  printf '%s\n' "$output" >&2
  return 1
}

node_works() { node_modules/.bin/node --version >/dev/null 2>&1; }

install_packages() {
  if ! node provisioning/installed.js; then
    say 'installing the npm packages'
    # Install scripts run one by one below: npm would remove an optional package whose own script fails, naudiodon.
    quiet_npm ci --ignore-scripts --include=dev --include=optional || stop 'npm ci failed; its message is above'
  fi
  if node_works; then return 0; fi
  say 'installing Node 24 beside the packages'
  quiet_npm rebuild node || stop 'Node 24 could not be installed; the message is above'
  node_works || stop 'Node 24 was installed and does not run on this machine'
}

# --------------------------------------------------------------------------------- naudiodon, which reads the sound card

naudiodon=node_modules/naudiodon
tried=$naudiodon/.set-up-failed

naudiodon_loads() { node_modules/.bin/node -e 'require("naudiodon")' >/dev/null 2>&1; }

# naudiodon brings PortAudio for x86-64 and 32-bit ARM, and links the former on 64-bit ARM: there Debian's takes its place.
place_portaudio() {
  [ "$(node -p process.arch)" = arm64 ] || return 0
  for each in /usr/lib/aarch64-linux-gnu/libportaudio.so.2 /usr/lib64/libportaudio.so.2; do
    if [ -e "$each" ]; then
      cp -L "$each" $naudiodon/portaudio/bin/libportaudio.so.2
      return 0
    fi
  done
  say 'libportaudio2 is not there'
  return 1
}

build_naudiodon() {
  missing=''
  need_command g++ g++
  need_command make make
  need_command python3 python3
  # A machine without sound needs no compiler: without the right to install one, none is asked for.
  if [ "$mode" = packages ]; then [ -z "$missing" ] || return 1; else install_missing || return 1; fi
  say 'compiling naudiodon, which reads the sound card'
  place_portaudio || return 1
  quiet_npm rebuild naudiodon && naudiodon_loads && return 0
  : >$tried
  return 1
}

install_sound() {
  if [ ! -d $naudiodon ] || [ -e $tried ] || naudiodon_loads; then return 0; fi
  if build_naudiodon; then return 0; fi
  say "naudiodon does not work here; only --source mixer:… needs it. To try again: rm $tried"
}

case $mode in
  packages | start | test) ;;
  *) stop "unknown mode $mode: packages, start or test" ;;
esac
if [ "$mode" != packages ]; then install_system; fi
check_node
install_packages
install_sound

#!/bin/sh
# Which release of Sala is in charge on this kit. Lies on the card's root as /usr/local/lib/sala/boot.sh, so that no
# release, however broken, can do away with the way back.
#
#   boot.sh boot     at each start: counts the start of a release on trial, puts its units in their places, starts them
#   boot.sh switch   after another release was put in charge: the same, in the running system
#   boot.sh guard    each minute: takes a release back that was on trial for 5 minutes
#
# A release is on trial while kit/update/pending is there, which its agent removes once all is well:
#   VERSION=1.2.0
#   PREVIOUS=1.1.0
# Why one was taken back stands in kit/update/rolled-back, for the agent to tell.
set -eu

root=${SALA_ROOT:-}
data=$root/var/lib/sala
software=$data/software
update=$data/kit/update
pending=$update/pending
run=$root/run
# How often a release on trial may start, and for how long it may be on trial.
max_starts=3
max_seconds=300

say() { echo "sala: $*"; }

value() { sed -n "s/^$1=//p" "$2" 2>/dev/null | head -n 1; }

# A version is a name in releases/, and nothing else.
is_version() {
  case $1 in
    '' | .* | *.part | *[!A-Za-z0-9._+-]*) return 1 ;;
  esac
}

# Whether release $1 is whole enough to be started: it is named so only once all of it is on the disk.
is_there() { is_version "$1" && [ -x "$software/releases/$1/bin/node" ]; }

in_charge() {
  target=$(readlink "$software/current" 2>/dev/null) || target=
  printf '%s' "${target##*/}"
}

# Replaces file $1 by standard input, as a whole or not at all.
replace() {
  cat >"$1.new"
  sync "$1.new"
  mv -f "$1.new" "$1"
  sync "$(dirname "$1")"
}

put_in_charge() {
  say "release $1 is in charge from now on"
  rm -f "$software/current.new"
  ln -s "releases/$1" "$software/current.new"
  mv -fT "$software/current.new" "$software/current"
  sync "$software"
}

# Leaves word for the agent: release $1 was taken back because of $2. With $3 it may be tried again.
tell() { printf 'VERSION=%s\nREASON=%s\n%s' "$1" "$2" "${3:+AGAIN=1
}" | replace "$update/rolled-back"; }

# Takes the release on trial back, because of $1.
roll_back() {
  version=$(value VERSION "$pending")
  previous=$(value PREVIOUS "$pending")
  if is_there "$previous"; then
    say "release $version is taken back: $1"
    [ "$(in_charge)" = "$previous" ] || put_in_charge "$previous"
    tell "$version" "$1"
  else
    say "release $version stays in charge although $1: there is no other"
  fi
  rm -f "$pending"
  sync "$update"
}

# Without a release in charge that can start, the one before it is, or else any that is whole.
find_release() {
  if is_there "$(in_charge)"; then return; fi
  say "release '$(in_charge)' cannot be started"
  for each in "$(value PREVIOUS "$pending")" $(ls -t "$software/releases" 2>/dev/null); do
    if is_there "$each"; then
      put_in_charge "$each"
      return
    fi
  done
  say 'there is no release on this card: flash it again'
  exit 1
}

# What a power cut left between two steps of a switch or of the way back: there is no trial.
tidy_trial() {
  if [ ! -e "$pending" ] || [ "$(in_charge)" = "$(value VERSION "$pending")" ]; then return; fi
  if [ ! -e "$update/rolled-back" ]; then
    version=$(value VERSION "$pending")
    if is_version "$version"; then tell "$version" 'power was cut while it was put in charge or taken back' again; fi
  fi
  rm -f "$pending" "$pending.starts"
  sync "$update"
}

count_start() {
  [ -e "$pending" ] || return 0
  starts=$(cat "$pending.starts" 2>/dev/null) || starts=0
  case $starts in '' | *[!0-9]*) starts=0 ;; esac
  if [ "$starts" -ge $max_starts ]; then
    roll_back "it did not get well in $starts starts"
    rm -f "$pending.starts"
    return 0
  fi
  echo $((starts + 1)) | replace "$pending.starts"
}

# Units and all that goes with them live in memory: another release brings its own, and takes nothing along.
place_units() {
  from=$software/current/systemd
  mkdir -p "$run/systemd/system" "$run/udev/rules.d" "$run/sysusers.d" "$run/sala-boot"
  rm -rf "$run/systemd/system"/sala-*
  for unit in "$from"/sala-*.service "$from"/sala-*.timer "$from"/sala-*.target; do
    [ "${unit##*/}" = sala-boot.service ] || cp "$unit" "$run/systemd/system/"
  done
  cp "$from"/*.rules "$run/udev/rules.d/"
  for each in "$from"/*.sysusers.conf; do
    name=${each##*/}
    cp "$each" "$run/sysusers.d/${name%.sysusers.conf}.conf"
  done
  # On a read-only root the users are there since the first start.
  systemd-sysusers "$run/sysusers.d"/sala-*.conf || say 'the users could not be made'
  udevadm control --reload && udevadm trigger --subsystem-match=sound --action=change || say 'the mixer keeps its own name'
  systemctl daemon-reload
}

kind() {
  kind=$(sed -n 's/^kind *= *"\([a-z]*\)".*/\1/p' "$root/etc/sala/kit.toml" | head -n 1)
  case $kind in
    device | display | solo) printf '%s' "$kind" ;;
    *)
      say "/etc/sala/kit.toml does not say what kind of kit this is: kind = \"device\", \"display\" or \"solo\"" >&2
      return 1
      ;;
  esac
}

units_of() {
  # Targets are not restarted by what they want.
  sed -n 's/^Wants=//p' "$software/current/systemd/sala-$1.target"
}

start() {
  place_units
  kind=$(kind)
  if [ "$1" = again ]; then systemctl restart --no-block $(units_of "$kind"); fi
  systemctl start --no-block "sala-$kind.target"
}

# How long the machine runs, in seconds: the wall clock may jump by decades.
uptime_seconds() { cut -d. -f1 "$root/proc/uptime"; }

guard() {
  mark=$run/sala-boot/trial
  if [ ! -e "$pending" ]; then
    rm -f "$mark"
    return
  fi
  mkdir -p "$run/sala-boot"
  version=$(value VERSION "$pending")
  read -r seen since 2>/dev/null <"$mark" || seen=
  if [ "$seen" != "$version" ]; then
    echo "$version $(uptime_seconds)" >"$mark"
    return
  fi
  if [ $(($(uptime_seconds) - since)) -lt $max_seconds ]; then return; fi
  roll_back "it was not well within $((max_seconds / 60)) minutes"
  rm -f "$pending.starts" "$mark"
  start again
}

mkdir -p "$update"
case ${1:-} in
  boot)
    tidy_trial
    find_release
    tidy_trial
    count_start
    start once
    ;;
  switch)
    tidy_trial
    find_release
    tidy_trial
    start again
    ;;
  guard) guard ;;
  *)
    say "usage: boot.sh boot|switch|guard" >&2
    exit 2
    ;;
esac

#!/bin/sh
# The first boot of a kit: from Raspberry Pi OS Lite and what the card holds to a kit that captions. Needs no network.
# Every step may be cut by a power failure and is done again by the next boot: it looks at what is there, writes beside
# and renames. Says what it does in plain words to the console, the journal and the boot partition.
#
# SALA_ROOT is the folder that stands for /, for tests.
set -eu
umask 022

root=${SALA_ROOT:-}
data=$root/var/lib/sala
release=$data/software/current
packages=$data/packages
boot=$root/boot/firmware
# On the card: apt's lists and caches are larger than what a small board has of memory to spare.
work=$data/kit/first-boot
step='beginning'

say() { printf 'Sala, first start: %s\n' "$*"; }

# One line for whoever puts the card into another computer. In place where the file is there: nothing is allocated, so a
# power failure cannot hurt the boot partition. Never a reason to stop.
breadcrumb() {
  file=$boot/sala/first-boot.log
  [ -d "$boot/sala" ] || return 0
  {
    [ ! -s "$file" ] || grep -v '^$' "$file" | tail -n 20
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
    yes '' | head -c 4096
  } 2>/dev/null | head -c 4096 >"$work/breadcrumb"
  dd if="$work/breadcrumb" of="$file" bs=4096 conv=notrunc,fsync 2>/dev/null || :
}

failed() {
  status=$?
  trap - EXIT
  [ "$status" != 0 ] || exit 0
  say "stopped while $step (status $status); it is tried again by itself"
  breadcrumb "stopped while $step (status $status)"
  exit "$status"
}

begin() {
  step=$1
  say "$1"
}

# Puts standard input to file $1 with mode $2: whole or not at all.
put() {
  mkdir -p "${1%/*}"
  cat >"$1.new"
  chmod "$2" "$1.new"
  sync "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# A symbolic link $2 to $1: at no moment is there none.
link() {
  mkdir -p "${2%/*}"
  ln -sfn "$1" "$2.new"
  mv -T "$2.new" "$2"
}

# The value of text setting $1 in kit.toml.
setting() {
  sed -n "s/^$1[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$root/etc/sala/kit.toml" | head -n 1
}

# ---------------------------------------------------------------------------------------------------------- the steps

# A Raspberry Pi without a clock of its own may believe it is 1970: then no signature would be valid yet. Never back.
set_clock() {
  begin 'looking at the clock'
  floor=$(date -u -d "$(setting not-before)" +%s 2>/dev/null) || floor=0
  for each in "$packages"/*/dists/*/InRelease; do
    [ -e "$each" ] || continue
    at=$(date -u -d "$(sed -n 's/^Date: //p' "$each" | head -n 1)" +%s) || at=0
    if [ "$at" -gt "$floor" ]; then floor=$at; fi
  done
  if [ "$(date +%s)" -lt "$floor" ]; then
    date -u -s "@$floor" >/dev/null
    say "the clock was behind and says $(date -u +%Y-%m-%d) now"
  fi
}

# What costs time at each boot, writes to the card at night or installs things by itself.
quieten() {
  begin 'switching off what a kit does not need'
  for each in apt-daily.timer apt-daily-upgrade.timer apt-listchanges.timer dpkg-db-backup.timer man-db.timer \
    e2scrub_all.timer e2scrub_reap.service systemd-networkd-wait-online.service NetworkManager-wait-online.service \
    systemd-time-wait-sync.service ModemManager.service udisks2.service rpi-eeprom-update.service; do
    link /dev/null "$root/etc/systemd/system/$each"
  done
}

# The data partition's file system was made as small as what it held; the system's grows up to it. cloud-init does the
# latter, too, where it can.
make_room() {
  begin 'using all of the card'
  resize2fs "$(findmnt -no SOURCE "$data")"
  system=$(findmnt -no SOURCE "$root/")
  if command -v growpart >/dev/null; then
    growpart "/dev/$(lsblk -dno PKNAME "$system")" "$(lsblk -dno PARTN "$system" | tr -d ' ')" || say 'the system has its size already'
  fi
  resize2fs "$system"
}

# apt that knows nothing but the card's own repository, and Debian's keys.
configure_apt() {
  rm -rf "$work"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/empty"
  for each in "$packages"/*/dists/*/InRelease; do
    [ -e "$each" ] || continue
    suite=$(basename "$(dirname "$each")")
    archive=${each%/dists/*}
    printf 'deb [arch=arm64 signed-by=%s] file:%s %s main\n' "$root/usr/share/keyrings/debian-archive-keyring.gpg" \
      "$archive" "$suite" >>"$work/sources"
  done
  cat >"$work/apt.conf" <<END
Dir::Etc::main "$work/empty/none";
Dir::Etc::parts "$work/empty";
Dir::Etc::sourcelist "$work/sources";
Dir::Etc::sourceparts "$work/empty";
Dir::Etc::preferences "$work/empty/none";
Dir::Etc::preferencesparts "$work/empty";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Acquire::Languages "none";
Acquire::By-Hash "no";
Acquire::PDiffs "false";
Acquire::GzipIndexes "true";
# The card may be older than the lists are valid for, and its clock wrong: what is signed stays what it was.
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
DPkg::Lock::Timeout "300";
DPkg::Options { "--force-confdef"; "--force-confold"; "--path-exclude=/usr/share/man/*"; };
END
}

installed() {
  for each in $1; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$each" 2>/dev/null)" = installed ] || return 1
  done
}

install_packages() {
  begin 'installing packages from the card'
  list=$packages/$kind.list
  wanted=$(grep -v '^#' "$list" | tr '\n' ' ')
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  # What a power failure left half done; what this cannot mend, apt installs once more.
  dpkg --force-confdef --force-confold --configure -a || say 'something was left half installed'
  if installed "$wanted" && [ -z "$(dpkg --audit)" ]; then return 0; fi
  configure_apt
  export APT_CONFIG="$work/apt.conf"
  apt-get -qq update
  # Unquoted: a list of package names.
  apt-get -qq --fix-broken install $wanted
  unset APT_CONFIG
}

make_users() {
  begin 'making users'
  for each in "$release"/systemd/*.sysusers.conf; do
    if [ -e "$each" ]; then systemd-sysusers "$each"; fi
  done
}

place_software() {
  begin 'putting Sala in its place'
  link /var/lib/sala/software "$root/opt/sala"
  put "$root/usr/local/lib/sala/boot.sh" 0755 <"$release/systemd/boot.sh"
  put "$root/etc/systemd/system/sala-boot.service" 0644 <"$release/systemd/sala-boot.service"
  # A kit that is not finished starts nothing: its agent would wipe the seed that the next boot needs.
  put "$root/etc/systemd/system/sala-boot.service.d/first-boot.conf" 0644 <<END
[Unit]
ConditionPathExists=/var/lib/sala/kit/first-boot.done
END
  put "$root/usr/local/lib/sala/seed.sh" 0755 <"$release/provisioning/kit/seed.sh"
  put "$root/etc/systemd/system/sala-seed.service" 0644 <"$release/provisioning/kit/sala-seed.service"
}

settle_system() {
  begin 'setting the watchdog and the journal'
  put "$root/etc/systemd/system.conf.d/sala.conf" 0644 <"$release/systemd/system.conf"
  put "$root/etc/systemd/journald.conf.d/sala.conf" 0644 <"$release/systemd/journald.conf"
}

# A screen has nothing to keep: from the next boot on its root is only read, and what the system's programs write goes
# to memory.
protect_root() {
  for each in /var/log /var/tmp /var/lib/NetworkManager /var/lib/systemd /var/lib/bluetooth; do
    [ ! -d "$root$each" ] || printf 'tmpfs %s tmpfs mode=0755,size=32m,nodev,nosuid,x-sala.volatile 0 0\n' "$each"
  done >"$work/volatile"
  awk '
    /x-sala.volatile/ { next }
    /^[[:space:]]*#/ || NF < 4 || $2 != "/" { print; next }
    { n = split($4, all, ","); to = "ro"
      for (i = 1; i <= n; i++) if (all[i] != "rw" && all[i] != "ro") to = to "," all[i]
      $4 = to; print; roots++ }
    END { exit roots != 1 }' "$root/etc/fstab" >"$work/fstab"
  link /run/NetworkManager/resolv.conf "$root/etc/resolv.conf"
  cat "$work/fstab" "$work/volatile" | put "$root/etc/fstab" 0644
}

finish() {
  begin 'finishing'
  rm -rf "$work/lists" "$work/cache"
  for each in sala-boot.service sala-seed.service; do
    link "/etc/systemd/system/$each" "$root/etc/systemd/system/multi-user.target.wants/$each"
  done
  # All of it is on the card before anything says so.
  sync
  if [ "$kind" = display ]; then protect_root; fi
  printf '%s\n' "$seed" | put "$root/etc/sala/seed-id" 0644
  : | put "$root/etc/cloud/cloud-init.disabled" 0644
  sync
  printf '%s\n' "$seed" | put "$data/kit/first-boot.done" 0600
  sync
}

mkdir -p "$data/kit"
chmod 0700 "$data/kit"
mkdir -p "$work"
trap failed EXIT
kind=$(setting kind)
name=$(setting name)
seed=$(sed -n 's/.*[;[:space:]]i=\([^;[:space:]]*\).*/\1/p' "$root/proc/cmdline")
case $kind in
  device | display | solo) ;;
  *)
    step="reading /etc/sala/kit.toml, which names no kind of kit"
    exit 78
    ;;
esac
say "this is $name, a $kind kit; do not worry if the power goes, it begins again"
breadcrumb "$name ($kind): begins"
# The power may have failed after a display kit's root was made read-only and before all was done.
step='making the system writable'
if ! [ -w "$root/etc" ]; then mount -o remount,rw "$root/"; fi
set_clock
quieten
make_room
install_packages
make_users
place_software
settle_system
finish
breadcrumb "$name ($kind): done"
rm -rf "$work"
say "$name is ready"
systemctl daemon-reload
systemctl daemon-reexec
systemctl --no-block start sala-boot.service
trap - EXIT

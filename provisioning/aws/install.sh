#!/bin/bash
# Makes a fresh Debian instance the relay of its stack: run as root by the template's user data, once the release with
# this file was unpacked to /opt/sala/current. May be run again: what is there stays.
set -Eeuo pipefail

# What the stack says: SALA_DOMAIN, SALA_ADDRESS_ID, SALA_VOLUME_ID, … and the instance's own id.
set -a
. /etc/sala/stack.env
set +a
instance=$(cat /var/lib/cloud/data/instance-id)
here=/opt/sala/current/provisioning/aws
data=/var/lib/sala
disk=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$(printf %s "$SALA_VOLUME_ID" | tr -d -)
patience=${SALA_PATIENCE:-5}

say() { echo "sala: $*"; }
stop() {
  say "$*"
  exit 1
}

# Runs a command up to 60 times, until it works.
insist() {
  for attempt in $(seq 60); do
    "$@" && return
    sleep "$patience"
  done
  stop "gave up after $attempt attempts: $*"
}

install_packages() {
  apt-get -qq install --yes --no-install-recommends caddy curl e2fsprogs flac jq unattended-upgrades
}

take_address() {
  aws ec2 associate-address --allocation-id "$SALA_ADDRESS_ID" --instance-id "$instance" --allow-reassociation
}

# The volume comes free once the instance before this one has ended.
attach_disk() {
  [ -e "$disk" ] && return
  aws ec2 attach-volume --volume-id "$SALA_VOLUME_ID" --instance-id "$instance" --device /dev/sdf || true
  [ -e "$disk" ]
}

# A new volume holds zeros alone. Whatever else is on one is never written over.
is_new() {
  local status=0
  blkid --probe "$disk" >/dev/null || status=$?
  [ $status = 2 ] && cmp --silent --bytes=1048576 "$disk" /dev/zero
}

mount_data() {
  if mountpoint --quiet $data; then return; fi
  if is_new; then
    say 'the volume is new: a file system is made on it'
    mkfs.ext4 -q -m 1 -L sala "$disk"
  fi
  mkdir -p $data
  # Without its disk the machine starts all the same, so that somebody can look; the relay does not.
  grep -q " $data " /etc/fstab ||
    echo "$disk $data ext4 defaults,noatime,nofail,x-systemd.device-timeout=60 0 2" >>/etc/fstab
  systemctl daemon-reload
  mount $data || stop 'the data volume cannot be mounted; nothing was written to it'
  resize2fs "$disk"
}

write_settings() {
  local bytes
  bytes=$(df --output=size --block-size=1 $data | tail -n 1)
  (
    umask 077
    aws secretsmanager get-secret-value --secret-id "$SALA_SECRET_ID" --query SecretString --output text \
      >/etc/sala/admin-token
  )
  {
    echo "AWS_REGION=$AWS_DEFAULT_REGION"
    echo SALA_LISTEN=127.0.0.1:8080
    echo SALA_ENGINE=transcribe
    echo "SALA_ORIGIN=https://$SALA_DOMAIN"
    echo SALA_TRUSTED_PROXY=127.0.0.1
    echo "SALA_LANGUAGE=$SALA_LANGUAGE"
    echo "SALA_MAX_ENGINE_SESSIONS=$SALA_MAX_ENGINE_SESSIONS"
    if [ -n "$SALA_MAX_COST_PER_DAY" ]; then echo "SALA_MAX_COST_PER_DAY=$SALA_MAX_COST_PER_DAY"; fi
    if [ -n "$SALA_RECORDING_BUCKET" ]; then
      echo "SALA_RECORDING_STORE=s3://$SALA_RECORDING_BUCKET"
      echo "SALA_RECORDING_REGION=$AWS_DEFAULT_REGION"
      echo "SALA_EVENT=$SALA_EVENT_NAME"
      echo "SALA_MAX_RECORDING_BACKLOG=$((bytes / 6))"
    fi
    # The rest is room for the database, its copies and certificates.
    echo "SALA_MAX_SPOOL_BYTES=$((bytes / 3 * 2))"
  } >/etc/sala/relay.env
  printf 'SALA_DOMAIN=%s\n' "$SALA_DOMAIN" >/etc/sala/caddy.env
}

install_units() {
  install -D -m 0644 /opt/sala/current/systemd/sala-relay.sysusers.conf /etc/sysusers.d/sala-relay.conf
  systemd-sysusers /etc/sysusers.d/sala-relay.conf
  install -m 0644 /opt/sala/current/systemd/sala-relay.service $here/sala-journal.service $here/sala-journal.timer \
    /etc/systemd/system/
  install -d -m 0700 -o caddy -g caddy $data/caddy
  install -m 0644 $here/Caddyfile /etc/caddy/Caddyfile
  install -d /etc/systemd/system/caddy.service.d
  printf '[Unit]\nRequiresMountsFor=%s\n[Service]\nEnvironmentFile=/etc/sala/caddy.env\n' $data \
    >/etc/systemd/system/caddy.service.d/sala.conf
  systemctl daemon-reload
  systemctl enable sala-relay.service sala-journal.timer caddy.service
  # Each tells when it works, and fails here when it does not.
  systemctl restart sala-relay.service caddy.service sala-journal.timer
}

# Session Manager's end on the machine, which Debian does not bring. Without it the relay works all the same.
install_agent() {
  if systemctl is-active --quiet amazon-ssm-agent; then return; fi
  local package=/opt/sala/amazon-ssm-agent.deb
  curl -fsSL --retry 3 --output $package \
    "https://s3.$AWS_DEFAULT_REGION.amazonaws.com/amazon-ssm-$AWS_DEFAULT_REGION/latest/debian_arm64/amazon-ssm-agent.deb" &&
    dpkg --install $package && systemctl enable --now amazon-ssm-agent
}

ready() { curl -fsS --max-time 5 --output /dev/null http://127.0.0.1:8080/readyz; }

install_packages
take_address
insist attach_disk
mount_data
write_settings
install_units
insist ready
install_agent || say 'Session Manager is not there: its agent could not be installed'
say 'the relay is ready'

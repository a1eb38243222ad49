#!/bin/sh
# Each boot, before anything of Sala starts: was the card given new settings (`sala-kit reseed`) since its first boot was
# done? Then cloud-init and the first boot have to run once more, on a root that can be written.
set -eu

root=${SALA_ROOT:-}
done=$root/var/lib/sala/kit/first-boot.done

[ -e "$done" ] || exit 0
seed=$(sed -n 's/.*[;[:space:]]i=\([^;[:space:]]*\).*/\1/p' "$root/proc/cmdline")
[ -n "$seed" ] || exit 0
[ "$seed" != "$(cat "$root/etc/sala/seed-id" 2>/dev/null)" ] || exit 0

echo 'Sala: this card has new settings; starting once more to take them over'
mount -o remount,rw "$root/"
awk '
  /x-sala.volatile/ { next }
  !/^[[:space:]]*#/ && $2 == "/" { sub(/^ro,/, "rw,", $4) }
  { print }' "$root/etc/fstab" >"$root/etc/fstab.new"
sync "$root/etc/fstab.new"
mv "$root/etc/fstab.new" "$root/etc/fstab"
# In this order: until both are gone, the next boot comes here again.
rm -f "$root/etc/cloud/cloud-init.disabled"
sync
rm -f "$done"
sync
systemctl --no-block reboot

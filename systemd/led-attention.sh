#!/bin/sh
# After the agent's end, however it came: the activity LED says that this kit needs attention. The kernel goes on blinking
# it, so it must be a pattern that is true without an agent; see agent/led.ts.
leds=${SALA_ROOT:-}/sys/class/leds
for name in ACT led0; do
  led=$leds/$name
  [ -d "$led" ] || continue
  if { echo timer >"$led/trigger" && echo 1000 >"$led/delay_on" && echo 1000 >"$led/delay_off"; } 2>/dev/null; then exit 0; fi
  cat "$led/max_brightness" >"$led/brightness"
  exit 0
done
exit 0

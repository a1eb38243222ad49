#!/bin/bash
# Sends what the relay and Caddy wrote since the last run to the stack's log group, and whether the relay is ready: run
# every minute by sala-journal.timer. What cannot be sent is sent the next time, from the journal.
set -Eeuo pipefail

instance=$(cat /var/lib/cloud/data/instance-id)
state=${STATE_DIRECTORY:?}

# One call takes 1 MiB; a line in the log is cut at 4,000 characters.
events_per_call=200

send() { # a file with a JSON array of events
  aws logs put-log-events --log-group-name "$SALA_LOG_GROUP" --log-stream-name "$instance" --log-events "file://$1" >/dev/null
}

if [ ! -e "$state/stream" ]; then
  aws logs create-log-stream --log-group-name "$SALA_LOG_GROUP" --log-stream-name "$instance" || true # it may be there
  : >"$state/stream"
fi

ready=0
curl -fsS --max-time 5 --output /dev/null http://127.0.0.1:8080/readyz && ready=1
jq --null-input --compact-output --argjson ready $ready \
  '[{timestamp: (now * 1000 | floor), message: ({ready: $ready} | tojson)}]' >"$state/events"
send "$state/events"

if [ -e "$state/cursor" ]; then cp "$state/cursor" "$state/cursor.new"; else rm -f "$state/cursor.new"; fi
journalctl --quiet --output=json --cursor-file="$state/cursor.new" --unit=sala-relay --unit=caddy --unit=cloud-final |
  jq --compact-output '{timestamp: (.__REALTIME_TIMESTAMP | tonumber / 1000 | floor), message: (.MESSAGE | tostring | .[:4000])}
    | select(.message != "")' >"$state/lines"
rm -f "$state"/part.*
split --lines=$events_per_call "$state/lines" "$state/part."
for part in "$state"/part.*; do
  [ -e "$part" ] || continue
  # Nor may a call span more than a day, as it would after a machine was stopped for long.
  jq --slurp --compact-output 'sort_by(.timestamp) | group_by(.timestamp / 86400000 | floor)[]' "$part" |
    while IFS= read -r day; do
      printf '%s\n' "$day" >"$state/events"
      send "$state/events"
    done
done
if [ -e "$state/cursor.new" ]; then mv "$state/cursor.new" "$state/cursor"; fi
rm -f "$state/lines" "$state"/part.*

#!/bin/sh
# What systems of a campus ask the hub, with curl. Start the demo first: npx cardhub demo
#   sh examples/clients/curl.sh [http://127.0.0.1:8080]
set -eu
URL=${1:-http://127.0.0.1:8080}
ask() { # path, body, further options of curl
  path=$1 body=$2
  shift 2
  echo "POST $path"
  curl -sS --fail-with-body --max-time 5 --retry 2 "$URL$path" -H 'content-type: application/json' "$@" -d "$body"
  echo
}

# A door: may this card enter, and why (AuthZEN).
ask /access/v1/evaluation '{
  "subject": {"type": "card", "id": "core:1000000220"},
  "action": {"name": "enter"},
  "resource": {"type": "door", "id": "gate:D-00000"},
  "options": {"reasons": true}}'

# What a reader sent, with the profile that says how it writes numbers.
ask /access/v1/evaluation '{
  "subject": {"type": "credential", "id": "037399A4", "properties": {"readerProfile": "uid-hex"}},
  "action": {"name": "enter"},
  "resource": {"type": "door", "id": "gate:D-00000"}}'

# Who may enter there: one page of ten.
ask /access/v1/search/subject '{
  "subject": {"type": "person"},
  "action": {"name": "enter"},
  "resource": {"type": "door", "id": "gate:D-00000"},
  "page": {"limit": 10}}'

# Is this card valid, and this person's.
ask /v1/identity/check '{"card": "core:1000000220", "schoolNumber": "00000022"}'

# A library desk: who is the reader, and lend a book. The key makes it safe to send again.
ask /v1/library/authenticate '{"card": "core:1000000220", "institution": "main"}'
KEY=loan-$(date +%s)-$$
LOAN='{"card": "core:1000000220", "institution": "main", "location": "lobby", "item": "0000000077"}'
ask /v1/library/checkout "$LOAN" -H "idempotency-key: $KEY"
ask /v1/library/checkout "$LOAN" -H "idempotency-key: $KEY"

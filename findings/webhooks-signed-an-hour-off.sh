#!/usr/bin/env bash
# Guess:    a webhook signed at an instant has one signature, in whatever zone the instant is told.
# Seen:     standardwebhooks and svix replace the zone instead of converting it: 13:00+01:00 is
#           signed as 13:00 UTC, and the receiver, given the right timestamp in the header, refuses
#           the signature. Signing in UTC works.
# Versions: standardwebhooks 1.1.0, svix 2.9.1
# Source:   standard-webhooks/standard-webhooks issue 251, open.
# Meets us: a server or a database session in local time sends webhooks that nobody accepts, and in
#           winter London's are accepted. Remedy: sign in UTC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet standardwebhooks==1.1.0 svix==2.9.1

"$work/venv/bin/python" - <<'PY'
import base64
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
utc = datetime.now(timezone.utc)
berlin = utc.astimezone(timezone(timedelta(hours=1)))
assert utc == berlin


def accepted(webhook, instant):
    headers = {
        "webhook-id": "msg_1", "webhook-timestamp": str(int(instant.timestamp())),
        "webhook-signature": webhook.sign("msg_1", instant, "{}"),
    }
    try:
        webhook.verify("{}", headers)
        return "accepted"
    except Exception as error:
        return str(error)


seen = {
    module.__name__: [accepted(module.Webhook(SECRET), instant) for instant in (utc, berlin)]
    for module in (standardwebhooks, svix)
}
for package, ends in seen.items():
    print(f"{package}: signed in UTC {ends[0]}; in +01:00 {ends[1]}")
assert seen == {
    package: ["accepted", "No matching signature found"] for package in ("standardwebhooks", "svix")
}
PY

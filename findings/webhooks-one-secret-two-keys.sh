#!/usr/bin/env bash
# Guess:    a secret that one language's library takes is taken by the other's, and means the same
#           key.
# Seen:     with a secret in the URL-safe alphabet (what Python's secrets.token_urlsafe makes) the
#           Python packages take it, leaving out each "-" and "_" as if they weren't there; Node's
#           refuse it. With standard base64 of the same bytes both sign alike.
# Versions: standardwebhooks 1.1.0 and svix 2.9.1 (Python), standardwebhooks 1.1.1 and svix 1.99.1
#           (npm)
# Source:   Standard Webhooks: secrets are base64, prefixed whsec_.
# Meets us: a secret handed to a shop works in the sender's tests and in none of the shop's
#           programs. Remedy: standard base64 of random bytes, tried with both languages.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet standardwebhooks==1.1.0 svix==2.9.1
cd "$work"
npm install --silent --no-fund --no-audit standardwebhooks@1.1.1 svix@1.99.1 >/dev/null

cat >sign.py <<'PY'
import base64
from datetime import datetime, timezone

import standardwebhooks
import svix

raw = bytes.fromhex("fbeffe" * 4 + "00010203" * 4)
for form in (base64.b64encode, base64.urlsafe_b64encode):
    for module in (standardwebhooks, svix):
        webhook = module.Webhook("whsec_" + form(raw).decode())
        print(form.__name__, webhook.sign("m", datetime.fromtimestamp(0, timezone.utc), "{}"))
PY
cat >sign.js <<'JS'
const raw = Buffer.from('fbeffe'.repeat(4) + '00010203'.repeat(4), 'hex');
const forms = { b64encode: raw.toString('base64'),
  urlsafe_b64encode: raw.toString('base64').replaceAll('+', '-').replaceAll('/', '_') };
for (const [form, text] of Object.entries(forms)) {
  for (const { Webhook } of [require('standardwebhooks'), require('svix')]) {
    try {
      console.log(form, new Webhook('whsec_' + text).sign('m', new Date(0), '{}'));
    } catch (error) {
      console.log(form, 'refused');
    }
  }
}
JS
venv/bin/python sign.py >python
node sign.js >node
head python node
diff <(grep ^b64 python) <(grep ^b64 node)
[ "$(grep -c 'urlsafe_b64encode v1,' python)" = 2 ]
[ "$(grep -c 'urlsafe_b64encode refused' node)" = 2 ]

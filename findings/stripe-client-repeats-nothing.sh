#!/usr/bin/env bash
# Guess:    Stripe's SDK repeats a request that the network or the server failed, twice, under one
#           idempotency key, as its module says: stripe.max_network_retries is 2.
# Seen:     that setting is for the module's own calls. A StripeClient, the form that is
#           recommended, sends once and raises, whatever the module is set to; it repeats only with
#           its own argument max_network_retries.
# Versions: stripe 16.1.0, against a server on loopback that answers 503
# Source:   run only.
# Meets us: moving to the client takes away the repeats, and a refund fails on the first hiccup.
#           Remedy: set them on purpose, and count the requests in a test.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet stripe==16.1.0

"$work/venv/bin/python" - <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe

requests = []


class Down(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        requests.append(self.headers["Idempotency-Key"])
        body = b'{"error": {"type": "api_error", "message": "down"}}'
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Down)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"


def count(refund):
    """How many requests a refund takes, and how many keys they bear."""
    requests.clear()
    try:
        refund()
    except stripe.APIError:
        return len(requests), len(set(requests))


as_set = stripe.max_network_retries
stripe.max_network_retries, stripe.api_key, stripe.api_base = 3, "sk_test_none", address
plain = stripe.StripeClient("sk_test_none", base_addresses={"api": address})
asked = stripe.StripeClient("sk_test_none", base_addresses={"api": address}, max_network_retries=2)
seen = {
    "the module, set to 3": count(lambda: stripe.Refund.create(charge="ch_1")),
    "a client": count(lambda: plain.v1.refunds.create({"charge": "ch_1"})),
    "a client asked for 2": count(lambda: asked.v1.refunds.create({"charge": "ch_1"})),
}
print("the module's own setting as it comes:", as_set)
for who, (sent, keys) in seen.items():
    print(f"{who}: {sent} requests, {keys} idempotency key")
assert as_set == 2
assert list(seen.values()) == [(4, 1), (1, 1), (3, 1)]
PY

#!/usr/bin/env bash
# Guess:    when an amount is shared out, the cents that are left over go to those who lost most by
#           rounding down, or to the first ones.
# Seen:     dinero.js gives them to the largest shares: of 101 in 1 : 2 : 3 (16.83, 33.67, 50.50)
#           it makes 16, 34, 51, so that the first is short by 0.83; the order in which the shares
#           are named matters only among equals.
# Versions: dinero.js 2.0.2 (npm)
# Source:   run only.
# Meets us: a shop's discount per line differs by a cent from one that is shared by remainders, and
#           an order with stated line amounts doesn't add up to its total. Remedy: say the rule, and
#           take the lines' amounts from whoever agreed them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit dinero.js@2.0.2 >/dev/null

cat >share.mjs <<'JS'
import assert from 'node:assert';
import { allocate, dinero, toSnapshot } from 'dinero.js';
const EUR = { code: 'EUR', base: 10, exponent: 2 };
const shares = (amount, ratios) =>
  allocate(dinero({ amount, currency: EUR }), ratios).map((part) => toSnapshot(part).amount);
for (const [amount, ratios, wanted] of [
  [101, [1, 2, 3], [16, 34, 51]],
  [101, [3, 2, 1], [51, 34, 16]],
  [10, [1, 6], [1, 9]],
  [100, [1, 1, 1], [34, 33, 33]],
]) {
  const found = shares(amount, ratios);
  const exact = ratios.map((r) => ((amount * r) / ratios.reduce((a, b) => a + b)).toFixed(2));
  console.log(`${amount} in ${ratios.join(' : ')}: ${found} (exactly ${exact.join(', ')})`);
  assert.deepEqual(found, wanted);
}
JS
node share.mjs

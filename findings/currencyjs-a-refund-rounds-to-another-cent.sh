#!/usr/bin/env bash
# Guess:    what is charged and what is given back for the same half cent are the same cent.
# Seen:     currency.js rounds halves towards plus infinity: 1.005 is 1.01 and -1.005 is -1.00, so a
#           charge and its refund leave a cent. The same when a price is multiplied or a discount
#           of a percentage taken.
# Versions: currency.js 2.0.4 (npm)
# Source:   run only; JavaScript's Math.round does the same.
# Meets us: credit notes and refunds computed in a shop's front end differ by a cent from what was
#           paid. Remedy: a refund repeats the amounts that were agreed, and rounds nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit currency.js@2.0.4 >/dev/null

node - <<'JS'
const assert = require('node:assert');
const currency = require('currency.js');
const charge = [currency('1.005'), currency('2.50').multiply(0.05), currency('0.45').divide(2)];
const refund = [currency('-1.005'), currency('-2.50').multiply(0.05), currency('-0.45').divide(2)];
console.log('charged', ...charge.map(String), '| given back', ...refund.map(String));
assert.deepEqual(charge.map(String), ['1.01', '0.13', '0.23']);
assert.deepEqual(refund.map(String), ['-1.00', '-0.12', '-0.22']);
JS

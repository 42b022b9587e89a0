const { test } = require('node:test');
const assert = require('node:assert');
const { isPrime, factors, gcd } = require('./solution.js');

test('prime', () => {
  assert.deepStrictEqual([0, 1, 2, 3, 4, 9, 11, 25, 29].map(isPrime), [false, false, true, true, false, false, true, false, true]);
});
test('factors', () => {
  assert.deepStrictEqual(factors(60), [2, 2, 3, 5]);
  assert.deepStrictEqual(factors(1), []);
  assert.deepStrictEqual(factors(13), [13]);
});
test('gcd', () => {
  assert.deepStrictEqual(gcd(12, 18), 6);
  assert.deepStrictEqual(gcd(7, 0), 7);
  assert.deepStrictEqual(gcd(5, 3), 1);
});

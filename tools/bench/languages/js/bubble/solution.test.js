const { test } = require('node:test');
const assert = require('node:assert');
const { sorted } = require('./solution.js');

test('orders', () => {
  assert.deepStrictEqual(sorted([3, 1, 2]), [1, 2, 3]);
  assert.deepStrictEqual(sorted([5, 4, 3, 2, 1]), [1, 2, 3, 4, 5]);
});
test('keeps', () => {
  assert.deepStrictEqual(sorted([]), []);
  assert.deepStrictEqual(sorted([1]), [1]);
  assert.deepStrictEqual(sorted([1, 2, 2, 3]), [1, 2, 2, 3]);
});
test('copies', () => {
  const given = [2, 1];
  sorted(given);
  assert.deepStrictEqual(given, [2, 1]);
});

const { test } = require('node:test');
const assert = require('node:assert');
const { search } = require('./solution.js');

test('finds', () => {
  assert.deepStrictEqual(search([1, 3, 5, 7, 9], 7), 3);
  assert.deepStrictEqual(search([1, 3, 5, 7, 9], 1), 0);
  assert.deepStrictEqual(search([1, 3, 5, 7, 9], 9), 4);
});
test('misses', () => {
  assert.deepStrictEqual(search([1, 3, 5, 7], 4), -1);
  assert.deepStrictEqual(search([], 4), -1);
  assert.deepStrictEqual(search([1, 3], 9), -1);
});
test('one', () => {
  assert.deepStrictEqual(search([2], 2), 0);
});

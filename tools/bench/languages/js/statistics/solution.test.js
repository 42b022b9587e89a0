const { test } = require('node:test');
const assert = require('node:assert');
const { mean, median, mode } = require('./solution.js');

test('mean', () => {
  assert.deepStrictEqual(mean([1, 2, 3, 6]), 3);
  assert.deepStrictEqual(mean([]), 0);
});
test('median', () => {
  assert.deepStrictEqual(median([10, 9, 2]), 9);
  assert.deepStrictEqual(median([4, 1, 3, 2]), 2.5);
});
test('mode', () => {
  assert.deepStrictEqual(mode([1, 2, 2, 3, 3]), 2);
  assert.deepStrictEqual(mode([5]), 5);
  assert.deepStrictEqual(mode([]), null);
});

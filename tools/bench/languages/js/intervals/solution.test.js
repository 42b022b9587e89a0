const { test } = require('node:test');
const assert = require('node:assert');
const { merge, covered, contains } = require('./solution.js');

test('merge', () => {
  assert.deepStrictEqual(merge([[5, 8], [1, 3], [2, 4]]), [[1, 4], [5, 8]]);
  assert.deepStrictEqual(merge([[1, 2], [2, 3]]), [[1, 3]]);
  assert.deepStrictEqual(merge([[1, 9], [2, 3]]), [[1, 9]]);
  assert.deepStrictEqual(merge([]), []);
});
test('covered', () => {
  assert.deepStrictEqual(covered([[1, 3], [2, 5]]), 4);
  assert.deepStrictEqual(covered([]), 0);
});
test('contains', () => {
  assert.deepStrictEqual(contains([[1, 3]], 1), true);
  assert.deepStrictEqual(contains([[1, 3]], 3), false);
  assert.deepStrictEqual(contains([[1, 3], [5, 6]], 5), true);
});

const { test } = require('node:test');
const assert = require('node:assert');
const { multiply, transpose, trace } = require('./solution.js');

test('multiply', () => {
  assert.deepStrictEqual(multiply([[1, 2], [3, 4]], [[5, 6], [7, 8]]), [[19, 22], [43, 50]]);
  assert.deepStrictEqual(multiply([[1, 2, 3]], [[1], [2], [3]]), [[14]]);
});
test('transpose', () => {
  assert.deepStrictEqual(transpose([[1, 2, 3], [4, 5, 6]]), [[1, 4], [2, 5], [3, 6]]);
});
test('trace', () => {
  assert.deepStrictEqual(trace([[1, 2], [3, 4]]), 5);
});

const { test } = require('node:test');
const assert = require('node:assert');
const { groupBy, chunk, unique, zip } = require('./solution.js');

test('groupBy', () => {
  assert.deepStrictEqual(groupBy([{ k: 'a', v: 1 }, { k: 'b', v: 2 }, { k: 'a', v: 3 }], 'k'), { a: [{ k: 'a', v: 1 }, { k: 'a', v: 3 }], b: [{ k: 'b', v: 2 }] });
});
test('chunk', () => {
  assert.deepStrictEqual(chunk([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepStrictEqual(chunk([], 2), []);
});
test('unique', () => {
  assert.deepStrictEqual(unique([1, 2, 1, 3, 2]), [1, 2, 3]);
});
test('zip', () => {
  assert.deepStrictEqual(zip([1, 2, 3], ['a', 'b']), [[1, 'a'], [2, 'b']]);
});

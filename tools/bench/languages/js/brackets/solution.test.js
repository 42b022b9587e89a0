const { test } = require('node:test');
const assert = require('node:assert');
const { balanced, depth } = require('./solution.js');

test('good', () => {
  assert.deepStrictEqual(balanced('a(b)[c]{d}'), true);
  assert.deepStrictEqual(balanced(''), true);
  assert.deepStrictEqual(balanced('([{}])'), true);
});
test('bad', () => {
  assert.deepStrictEqual(balanced('(]'), false);
  assert.deepStrictEqual(balanced('('), false);
  assert.deepStrictEqual(balanced(')'), false);
});
test('depth', () => {
  assert.deepStrictEqual(depth('(()())'), 2);
  assert.deepStrictEqual(depth('()()'), 1);
  assert.deepStrictEqual(depth(''), 0);
  assert.deepStrictEqual(depth('((()))'), 3);
});

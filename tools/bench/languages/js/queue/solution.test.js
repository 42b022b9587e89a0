const { test } = require('node:test');
const assert = require('node:assert');
const { Queue } = require('./solution.js');

test('order', () => {
  const q = new Queue(4);
  q.add('a'); q.add('b', 2); q.add('c', 1); q.add('d', 2);
  assert.deepStrictEqual([q.take(), q.take(), q.take(), q.take(), q.take()], ['b', 'd', 'c', 'a', null]);
});
test('limit', () => {
  const q = new Queue(2);
  assert.deepStrictEqual([q.add('a'), q.add('b'), q.add('c')], [true, true, false]);
  assert.deepStrictEqual([q.size, q.dropped], [2, 1]);
});
test('empty', () => {
  assert.deepStrictEqual(new Queue().take(), null);
  assert.deepStrictEqual(new Queue().size, 0);
  assert.deepStrictEqual(new Queue().limit, 3);
});

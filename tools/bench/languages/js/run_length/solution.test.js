const { test } = require('node:test');
const assert = require('node:assert');
const { encode, decode } = require('./solution.js');

test('encode', () => {
  assert.deepStrictEqual(encode('aaabccd'), '3ab2cd');
  assert.deepStrictEqual(encode(''), '');
  assert.deepStrictEqual(encode('aa'), '2a');
});
test('decode', () => {
  assert.deepStrictEqual(decode('3ab2cd'), 'aaabccd');
  assert.deepStrictEqual(decode('12x'), 'xxxxxxxxxxxx');
  assert.deepStrictEqual(decode('a9b0c'), 'abbbbbbbbb');
});

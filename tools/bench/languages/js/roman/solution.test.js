const { test } = require('node:test');
const assert = require('node:assert');
const { toRoman, fromRoman } = require('./solution.js');

test('to', () => {
  assert.deepStrictEqual(toRoman(1994), 'MCMXCIV');
  assert.deepStrictEqual(toRoman(4), 'IV');
  assert.deepStrictEqual(toRoman(38), 'XXXVIII');
});
test('from', () => {
  assert.deepStrictEqual(fromRoman('MCMXCIV'), 1994);
  assert.deepStrictEqual(fromRoman('VI'), 6);
  assert.deepStrictEqual(fromRoman('IX'), 9);
});
test('nothing', () => {
  assert.deepStrictEqual(toRoman(0), '');
  assert.deepStrictEqual(fromRoman(''), 0);
});

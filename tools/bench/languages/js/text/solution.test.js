const { test } = require('node:test');
const assert = require('node:assert');
const { capitalize, isPalindrome, truncate, count } = require('./solution.js');

test('capitalize', () => {
  assert.deepStrictEqual(capitalize('hello big WORLD'), 'Hello Big World');
});
test('palindrome', () => {
  assert.deepStrictEqual(isPalindrome('A man, a plan'), false);
  assert.deepStrictEqual(isPalindrome('Was it a car?'), false);
  assert.deepStrictEqual(isPalindrome('Never odd or even'), true);
  assert.deepStrictEqual(isPalindrome('abca'), false);
});
test('truncate', () => {
  assert.deepStrictEqual(truncate('abcdef', 4), 'abc…');
  assert.deepStrictEqual(truncate('abcd', 4), 'abcd');
});
test('count', () => {
  assert.deepStrictEqual(count('abcabcab', 'abc'), 2);
  assert.deepStrictEqual(count('aaa', 'aa'), 1);
  assert.deepStrictEqual(count('x', 'y'), 0);
});

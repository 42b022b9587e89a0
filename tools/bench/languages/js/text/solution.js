function capitalize(text) {
  return text.split(' ').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join(' ');
}

function isPalindrome(text) {
  const letters = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  let i = 0;
  let j = letters.length - 1;
  while (i < j) {
    if (letters[i] !== letters[j]) return false;
    i++;
    j--;
  }
  return true;
}

function truncate(text, limit) {
  if (text.length <= limit) return text;
  return text.slice(0, limit - 1) + '…';
}

function count(text, word) {
  let found = 0;
  let at = text.indexOf(word);
  while (at !== -1) {
    found += 1;
    at = text.indexOf(word, at + word.length);
  }
  return found;
}

module.exports = { capitalize, isPalindrome, truncate, count };

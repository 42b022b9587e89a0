const PAIRS = { ')': '(', ']': '[', '}': '{' };

function balanced(text) {
  const open = [];
  for (const letter of text) {
    if ('([{'.includes(letter)) {
      open.push(letter);
    } else if (letter in PAIRS) {
      if (open.length === 0 || open.pop() !== PAIRS[letter]) {
        return false;
      }
    }
  }
  return open.length === 0;
}

function depth(text) {
  let now = 0;
  let most = 0;
  for (const letter of text) {
    if (letter === '(') {
      now += 1;
      most = Math.max(most, now);
    } else if (letter === ')') {
      now -= 1;
    }
  }
  return most;
}

module.exports = { balanced, depth };

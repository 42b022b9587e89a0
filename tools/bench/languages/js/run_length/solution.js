function encode(text) {
  let result = '';
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    count += 1;
    if (i === text.length - 1 || text[i] !== text[i + 1]) {
      result += (count > 1 ? count : '') + text[i];
      count = 0;
    }
  }
  return result;
}

function decode(text) {
  let result = '';
  let digits = '';
  for (const letter of text) {
    if (letter >= '0' && letter <= '9') {
      digits += letter;
    } else {
      result += letter.repeat(digits === '' ? 1 : Number(digits));
      digits = '';
    }
  }
  return result;
}

module.exports = { encode, decode };

const VALUES = [[1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'],
  [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I']];

function toRoman(number) {
  let left = number;
  let text = '';
  for (const [value, letters] of VALUES) {
    while (left >= value) {
      text += letters;
      left -= value;
    }
  }
  return text;
}

function fromRoman(text) {
  let total = 0;
  for (let i = 0; i < text.length; i++) {
    const here = valueOf(text[i]);
    const next = i + 1 < text.length ? valueOf(text[i + 1]) : 0;
    total += here < next ? -here : here;
  }
  return total;
}

function valueOf(letter) {
  const found = VALUES.find((entry) => entry[1] === letter);
  return found ? found[0] : 0;
}

module.exports = { toRoman, fromRoman };

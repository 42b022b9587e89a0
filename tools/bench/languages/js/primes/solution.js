function isPrime(number) {
  if (number < 2) return false;
  for (let i = 2; i * i <= number; i++) {
    if (number % i === 0) return false;
  }
  return true;
}

function factors(number) {
  const found = [];
  let left = number;
  for (let i = 2; i <= left; i++) {
    while (left % i === 0) {
      found.push(i);
      left /= i;
    }
  }
  return found;
}

function gcd(a, b) {
  while (b !== 0) {
    [a, b] = [b, a % b];
  }
  return a;
}

module.exports = { isPrime, factors, gcd };

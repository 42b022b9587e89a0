function multiply(a, b) {
  const result = [];
  for (let i = 0; i < a.length; i++) {
    const row = [];
    for (let j = 0; j < b[0].length; j++) {
      let sum = 0;
      for (let k = 0; k < b.length; k++) {
        sum += a[i][k] * b[k][j];
      }
      row.push(sum);
    }
    result.push(row);
  }
  return result;
}

function transpose(a) {
  return a[0].map((_, j) => a.map((row) => row[j]));
}

function trace(a) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i][i];
  }
  return sum;
}

module.exports = { multiply, transpose, trace };

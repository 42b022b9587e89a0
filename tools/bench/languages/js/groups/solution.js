function groupBy(items, key) {
  const groups = {};
  for (const item of items) {
    const name = item[key];
    if (!(name in groups)) {
      groups[name] = [];
    }
    groups[name].push(item);
  }
  return groups;
}

function chunk(items, size) {
  const result = [];
  for (let i = 0; i < items.length; i += size) {
    result.push(items.slice(i, i + size));
  }
  return result;
}

function unique(items) {
  return items.filter((item, at) => items.indexOf(item) === at);
}

function zip(a, b) {
  const length = Math.min(a.length, b.length);
  return Array.from({ length }, (_, i) => [a[i], b[i]]);
}

module.exports = { groupBy, chunk, unique, zip };

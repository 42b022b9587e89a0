function merge(intervals) {
  const ordered = [...intervals].sort((one, two) => one[0] - two[0]);
  const merged = [];
  for (const [start, end] of ordered) {
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) {
      last[1] = Math.max(last[1], end);
    } else {
      merged.push([start, end]);
    }
  }
  return merged;
}

function covered(intervals) {
  return merge(intervals).reduce((sum, [start, end]) => sum + end - start, 0);
}

function contains(intervals, point) {
  return intervals.some(([start, end]) => start <= point && point < end);
}

module.exports = { merge, covered, contains };

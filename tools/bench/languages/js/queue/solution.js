class Queue {
  constructor(limit = 3) {
    this.items = [];
    this.limit = limit;
    this.dropped = 0;
  }

  get size() {
    return this.items.length;
  }

  add(item, priority = 0) {
    if (this.items.length >= this.limit) {
      this.dropped += 1;
      return false;
    }
    let at = this.items.length;
    while (at > 0 && this.items[at - 1].priority < priority) {
      at -= 1;
    }
    this.items.splice(at, 0, { item, priority });
    return true;
  }

  take() {
    const first = this.items.shift();
    return first === undefined ? null : first.item;
  }
}

module.exports = { Queue };

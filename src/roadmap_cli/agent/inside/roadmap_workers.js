// Runs test files on many variants of a project in one process of node: a new worker thread, with modules of its own,
// for each. Used by roadmap_variants.py; argv: where the work is described, where its results go.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const [, , given, results] = process.argv;
const spec = JSON.parse(fs.readFileSync(given, 'utf8'));
const until = Date.now() + spec.seconds * 1000;
let limit = spec.limit * 1000, quickest = Infinity;

function run(file) {
  return new Promise((done) => {
    const parts = [];
    let size = 0;
    const keep = (data) => {
      size += data.length;
      if (size < spec.output_limit) parts.push(data);
    };
    let worker;
    try {
      worker = new Worker(path.resolve(spec.root, file), {
        stdout: true, stderr: true, argv: [], resourceLimits: { maxOldGenerationSizeMb: 128 },
      });
    } catch (error) {
      done({ exit: 1, output: String(error) });
      return;
    }
    worker.stdout.on('data', keep);
    worker.stderr.on('data', keep);
    let stopped = false;
    const timer = setTimeout(() => { stopped = true; worker.terminate(); }, limit);
    worker.on('error', (error) => keep(Buffer.from(`\n${error && error.stack}\n`)));
    worker.on('exit', (code) => {
      clearTimeout(timer);
      setImmediate(() => done({ exit: stopped ? null : code, output: Buffer.concat(parts).toString('utf8') }));
    });
  });
}

async function main() {
  const found = [];
  for (const variant of spec.variants) {
    if (Date.now() > until) break;
    const before = new Map();
    for (const [name, text] of Object.entries(variant)) {
      const file = path.resolve(spec.root, name);
      before.set(file, fs.readFileSync(file));
      fs.writeFileSync(file, text);
    }
    const runs = [];
    const began = Date.now();
    for (const file of spec.test_files) runs.push(await run(file));
    if (runs.every((each) => each.exit !== null)) {
      quickest = Math.min(quickest, Date.now() - began);
      limit = Math.min(spec.limit, spec.least + (8 * quickest) / 1000) * 1000;
    }
    for (const [file, text] of before) fs.writeFileSync(file, text);
    found.push(runs);
    fs.writeFileSync(`${results}.part`, JSON.stringify(found));
    fs.renameSync(`${results}.part`, results); // what is done is there even if the next one takes all down
  }
  process.exit(0);
}

main();

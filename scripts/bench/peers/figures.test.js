// What needs no peer: run by `node --test`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { derived, derivedLines, floorHere, ratios } from './derived.js';
import { line, read } from './gobench.js';
import { median, percentile, spread } from './measure.js';
import { derivedRow, row } from './table.js';

const ms = { name: 'FirstSync', unit: 'ms' };

test('medians and percentiles are those of the floors', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.deepEqual(spread([5, 9, 1]), { median: 5, min: 1, max: 9 });
  const list = Array.from({ length: 300 }, (_, i) => 300 - i);
  assert.deepEqual([50, 95, 99].map((p) => percentile(list, p)), [150, 285, 297]);
});

test('a run is a line that Go programs read, and so do we', () => {
  const text = line('FirstSync', 'zero', { ns: 991_000_000, metrics: { 'wire-B': 10_100_000, 'p50-ms': 1.25 } });
  assert.equal(text, 'BenchmarkFirstSync/peer=zero\t1\t991000000 ns/op\t10100000 wire-B\t1.25 p50-ms');
  const figures = read(`${text}\n# a remark\nBenchmarkLive-2   \t300\t  50 ns/op\t 1.24 p50-ms\n${text}\nok  \tx\t1s\n`);
  assert.deepEqual(figures.get('FirstSync/peer=zero').get('wire-B'), [10_100_000, 10_100_000]);
  assert.deepEqual(figures.get('Live').get('p50-ms'), [1.24]);
  assert.equal(figures.size, 2);
  const sides = read('side: floor\nBenchmarkLive 1 0 ns/op 1 p50-ms\nside: product\nBenchmarkLive 1 0 ns/op 3 p50-ms\n', 'product');
  assert.deepEqual(sides.get('Live').get('p50-ms'), [3]);
});

test('what failed is told beside what did not', () => {
  const good = (milliseconds) => ({ result: { ns: milliseconds * 1e6, metrics: { 'wire-B': 5 } } });
  assert.deepEqual(row(ms, [good(700), good(712), good(740)]), ['712 [700 - 740] ms, n=3, 5.00 wire-B']);
  assert.deepEqual(row(ms, [good(700), { error: 'Error: cut\n at x' }, { error: 'Error: cut\n at y' }]),
    ['700 [700 - 700] ms, n=1, 5.00 wire-B', '2 of 3 runs failed: Error: cut']);
  assert.deepEqual(row(ms, [{ error: 'not finished after 60 s' }]), ['1 of 1 runs failed: not finished after 60 s']);
  assert.deepEqual(row(ms, [{ result: { absent: 'it cannot' } }]), ['not run: it cannot']);
});

test('a derived figure says so, and how it was', () => {
  const [one] = derived;
  const [low, high] = ratios(one);
  assert.ok(low > 22 && low < high && high < 28, `${low} ${high}`);
  assert.equal(derivedRow(ms, one, [22.5, 27.4], 100), 'derived: 22.5 - 27.4 x the floor FirstSyncRows, here 2,250 - 2,740 ms');
  const here = floorHere(read('BenchmarkFirstSyncRows-2 5 100000000 ns/op\nBenchmarkFirstSyncRows-2 5 120000000 ns/op\n'), one, ms);
  assert.equal(here, 110);
  assert.match(derivedLines(ms, one, here)[0], /^BenchmarkFirstSync\/peer=couchdb-derived\t1\t2473\d{6} ns\/op$/);
  assert.deepEqual(derivedLines(ms, one, undefined), []);
  assert.equal(derivedRow(ms, one, [22.5, 27.4]), 'derived: 22.5 - 27.4 x the floor FirstSyncRows');
});

// W5: two phones have the same records and edit them offline: of one half different fields, of the other half the same one.
// Then both connect, until both have the same and nothing moves any more. What became of every edit is counted.
import { timed } from '../measure.js';

export const name = 'Conflicts';
export const title = (size) => `W5 ${size.edits} records edited on two phones, half of them in the same field`;
export const unit = 'ms';

const theirs = { a: { note: 'note of A', minutes: 101 }, b: { note: 'note of B', people: 102 } };

// edits are what a phone changes: its own field of the first half, the note of the second.
export function edits(list, who) {
  const half = list.length >> 1;
  const { note, ...own } = theirs[who];
  return list.map(({ id }, i) => ({ id, ...(i < half ? own : { note }) }));
}

// outcome counts what became of the edits. get reads a record from a replica, kept the losing contents that it still has.
export async function outcome(list, get, kept) {
  const half = list.length >> 1;
  const count = { 'merged/op': 0, 'won-by-A/op': 0, 'losers-kept/op': 0, 'lost/op': 0 };
  for (const [i, { id }] of list.entries()) {
    const values = i < half
      ? [['minutes', theirs.a.minutes], ['people', theirs.b.people]]
      : [['note', theirs.a.note], ['note', theirs.b.note]];
    const stands = await get(id);
    const others = await kept(id);
    const missing = values.filter(([column, value]) => stands[column] !== value);
    const saved = missing.filter(([column, value]) => others.some((other) => other[column] === value));
    if (i < half) count['merged/op'] += missing.length === 0 ? 1 : 0;
    else count['won-by-A/op'] += stands.note === theirs.a.note ? 1 : 0;
    count['losers-kept/op'] += saved.length;
    count['lost/op'] += missing.length - saved.length;
  }
  return count;
}

export async function run(centre, bench) {
  const list = bench.records(5, bench.size.edits);
  await centre.fill(list);
  const [a, b] = [await centre.device('a'), await centre.device('b')];
  for (const device of [a, b]) await device.pull(list.length);
  await a.cut();
  await b.cut();
  await a.edit(edits(list, 'a'));
  await b.edit(edits(list, 'b'));
  const ns = await timed(() => centre.converge(a, b, list));
  for (const { id } of list) {
    const [left, right] = [await a.get(id), await b.get(id)];
    for (const column of ['note', 'minutes', 'people']) {
      if (left[column] !== right[column]) throw new Error(`the phones differ in ${column} of a record: ${left[column]} and ${right[column]}`);
    }
  }
  return { ns, metrics: await outcome(list, (id) => a.get(id), (id) => a.losers(id)) };
}

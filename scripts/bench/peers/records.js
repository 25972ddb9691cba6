// The records of scripts/bench/record, which a command of that package has printed as lines of JSON: SEED.jsonl.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const columns = [
  'id', 'home', 'worker', 'kind', 'state', 'door', 'visited_at', 'updated_at', 'minutes', 'people', 'risk', 'note',
];

// parse takes the first n records of a text of lines.
export function parse(text, n) {
  const list = [];
  for (let at = 0; list.length < n; ) {
    const end = text.indexOf('\n', at);
    if (end < 0) throw new Error(`there are ${list.length} records, not the ${n} asked for`);
    list.push(JSON.parse(text.slice(at, end)));
    at = end + 1;
  }
  return list;
}

// reader gives a function that reads n records of a seed.
export function reader(dir) {
  return (seed, n) => parse(readFileSync(join(dir, `${seed}.jsonl`), 'utf8'), n);
}

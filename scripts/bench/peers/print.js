// Prints what came of a sitting, for people.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { about } from './about.js';

export const processors = `${cpus().length} x ${cpus()[0].model}`;

// version is that which is installed.
function version(name) {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', 'node_modules', name, 'package.json'), 'utf8')).version;
}

const label = (peer) => about[peer].packages.map((name) => `${name} ${version(name)}`).join(' + ') || about[peer].known;

// print takes the rows of each workload, and why Zero did not run if it did not.
export function print(rows, size, { noZero, small }) {
  console.log(`Peers side by side: node ${process.version}, ${processors}. Median [min - max].`);
  if (small) console.log('SMALL SIZES, to try the programs out: these figures say nothing.');
  if (noZero) console.log(`Zero did not run: ${noZero}. Its figures are derived.`);
  for (const [work, list] of rows) {
    console.log(`\n${work.title(size).replace(/\d{4,}/g, (n) => Number(n).toLocaleString('en-GB'))}`);
    for (const { peer, lines } of list) {
      for (const [i, text] of lines.entries()) console.log(`  ${(i === 0 ? peer : '').padEnd(16)} ${text}`);
    }
  }
  console.log('\nWhat each keeps when it says that it has something:');
  for (const peer of new Set([...rows.values()].flat().map((row) => row.peer))) {
    console.log(`  ${peer.padEnd(16)} ${about[peer].promise} (${label(peer)})`);
  }
  console.log('');
}

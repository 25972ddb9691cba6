// Runs the workloads on the peers and prints one table, then a line a run in the format of `go test -bench`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { derived, derivedLines, floorHere, ratios, told, zeroDerived } from './derived.js';
import { line, read } from './gobench.js';
import { names } from './peers.js';
import { print, processors } from './print.js';
import { derivedRow, row } from './table.js';
import { measure } from './turns.js';
import { full, small, workloads } from './workloads.js';
import { whyZeroCannotRun } from './zero/needs.js';

const { values: options } = parseArgs({
  options: {
    peer: { type: 'string', default: '' },
    work: { type: 'string', default: '' },
    runs: { type: 'string', default: '3' },
    limit: { type: 'string', default: '180' },
    small: { type: 'boolean', default: false },
    floor: { type: 'string', default: '' },
    product: { type: 'string', default: '' },
    records: { type: 'string' },
    out: { type: 'string' },
  },
});

// chosen are those whose names hold one of the parts.
const chosen = (list, parts, name) => list.filter((one) => parts.split(',').some((part) => name(one).toLowerCase().includes(part.toLowerCase())));
const figuresOf = (file, side) => read(file ? readFileSync(file, 'utf8') : '', side);

const plan = {
  runs: Number(options.runs),
  seconds: Number(options.limit),
  size: options.small ? small : full,
  records: resolve(options.records),
  logs: join(options.out, 'logs'),
};
const works = chosen(workloads, options.work, ({ name }) => name);
const peers = chosen(names, options.peer, (name) => name);
const noZero = peers.includes('zero') ? whyZeroCannotRun() : undefined;

// keeper gathers lines and writes them down at once: a long run may be cut.
function keeper() {
  const lines = ['side: peer', `# node ${process.version}, ${processors}`];
  return {
    lines,
    keep: (text) => {
      lines.push(text);
      if (!options.small) writeFileSync(join(options.out, 'bench.txt'), `${lines.join('\n')}\n`);
    },
  };
}

// productRuns is what `./scripts/task bench -- -keep FILE` measured of the product, as answers of its runs.
function productRuns(product, work) {
  const units = product.get(work.name);
  if (!units) return [];
  const others = [...units].filter(([unit]) => unit !== 'ns/op');
  return units.get('ns/op').map((ns, i) => ({ result: { ns, metrics: Object.fromEntries(others.map(([unit, list]) => [unit, list[i]])) } }));
}

async function peersOf(work, keep) {
  const rows = [];
  for (const [peer, answers] of await measure(work, peers.filter((name) => name !== 'zero' || !noZero), plan)) {
    rows.push({ peer, lines: row(work, answers) });
    for (const { result, error } of answers) {
      if (result && !result.absent) keep(line(work.name, peer, result));
      else keep(`# ${work.name}/peer=${peer}: ${result?.absent ?? error.split('\n')[0]}`);
    }
  }
  return rows;
}

function derivedOf(work, floors, keep) {
  return (noZero ? [...zeroDerived, ...derived] : derived).filter((one) => one.work === work.name).map((one) => {
    const here = floorHere(floors, one, work);
    derivedLines(work, one, here).forEach(keep);
    return { peer: one.peer, lines: [derivedRow(work, one, ratios(one), here)] };
  });
}

rmSync(plan.logs, { recursive: true, force: true });
mkdirSync(plan.logs, { recursive: true });
const [floors, product] = [figuresOf(options.floor, 'floor'), figuresOf(options.product, 'product')];
const { lines, keep } = keeper();
const rows = new Map();
for (const work of works) {
  const ours = productRuns(product, work);
  rows.set(work, [
    ...(ours.length > 0 ? [{ peer: 'doorstep', lines: row(work, ours) }] : []),
    ...(await peersOf(work, keep)),
    ...derivedOf(work, floors, keep),
    ...told.filter((one) => one.work === work.name).map(({ peer, text }) => ({ peer, lines: [`derived: ${text}`] })),
  ]);
}
print(rows, plan.size, { noZero, small: options.small });
if (!options.small) console.log(lines.join('\n'));

// The table that a person reads.
import { spread } from './measure.js';

const digits = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-GB') : value.toPrecision(3));

const range = (list) => {
  const { median, min, max } = spread(list);
  return `${digits(median)} [${digits(min)} - ${digits(max)}]`;
};

// figure says what a workload is judged by, in its unit.
export function figure(work, runs) {
  if (work.unit === 'ms') return `${range(runs.map(({ ns }) => ns / 1e6))} ms`;
  if (work.unit === 'p50-ms') return `${[50, 95, 99].map((p) => range(runs.map(({ metrics }) => metrics[`p${p}-ms`]))).join(' / ')} ms (p50 / p95 / p99)`;
  return `${range(runs.map(({ metrics }) => metrics[work.unit]))} ${work.unit}`;
}

const said = new Set(['ms', 'p50-ms', 'p95-ms', 'p99-ms', 'deliveries/s', 'records/s']);

// rest are the other figures, each with its unit: bytes, listeners, what became of edits.
export function rest(runs) {
  const units = [...new Set(runs.flatMap(({ metrics }) => Object.keys(metrics)))].filter((unit) => !said.has(unit));
  return units.map((unit) => {
    const words = unit.replace(/\/op$/, '');
    const list = runs.map(({ metrics }) => metrics[unit]).filter((value) => value !== undefined);
    return new Set(list).size === 1 ? `${digits(list[0])} ${words}` : `${range(list)} ${words}`;
  });
}

// row says in lines what came of all runs of a workload on a peer: figures, and what happened where there are none.
export function row(work, answers) {
  const runs = answers.flatMap(({ result }) => (result && !result.absent ? [result] : []));
  const lines = [];
  if (runs.length > 0) lines.push([`${figure(work, runs)}, n=${runs.length}`, ...rest(runs)].join(', '));
  for (const absent of new Set(answers.flatMap(({ result }) => result?.absent ?? []))) lines.push(`not run: ${absent}`);
  const errors = answers.flatMap(({ error }) => (error ? [firstLine(error)] : []));
  for (const error of new Set(errors)) lines.push(`${errors.filter((one) => one === error).length} of ${answers.length} runs failed: ${error}`);
  return lines;
}

const firstLine = (text) => text.split('\n')[0].slice(0, 200);

// derivedRow says what a peer would be here if it still were so many times the floor as it was there.
export function derivedRow(work, { floor }, [low, high], here) {
  const times = (ratio) => (work.unit === 'deliveries/s' ? `1/${digits(1 / ratio)}` : digits(ratio));
  const text = `derived: ${times(low)} - ${times(high)} x the floor ${floor}`;
  const unit = work.unit === 'p50-ms' ? 'ms (p50)' : work.unit;
  return here ? `${text}, here ${digits(low * here)} - ${digits(high * here)} ${unit}` : text;
}

// Figures in the format of `go test -bench`: a line a run, so that other programs make medians of them.

const number = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(6).replace(/\.?0+$/, ''));

// line writes a run. Its nanoseconds are 0 where the pace of the work, and not the peer, says how long it takes.
export function line(work, peer, { ns, metrics }) {
  const extra = Object.entries(metrics).map(([unit, value]) => `\t${number(value)} ${unit}`);
  return `Benchmark${work}/peer=${peer}\t1\t${ns} ns/op${extra.join('')}`;
}

// read gives the figures of a text by benchmark and unit: figures.get('Live').get('p50-ms') is a list. Where lines "side: …"
// say whose the figures behind them are, those of one side are taken.
export function read(text, side) {
  const figures = new Map();
  let whose = side;
  for (const one of text.split('\n')) {
    whose = /^side: (.+)$/.exec(one)?.[1] ?? whose;
    if (whose !== side) continue;
    const found = /^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$/.exec(one);
    if (!found) continue;
    const [, name, rest] = found;
    if (!figures.has(name)) figures.set(name, new Map());
    const fields = rest.trim().split(/\s+/);
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const [value, unit] = [Number(fields[i]), fields[i + 1]];
      const byUnit = figures.get(name);
      byUnit.set(unit, [...(byUnit.get(unit) ?? []), value]);
    }
  }
  return figures;
}

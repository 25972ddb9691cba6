// Figures of several runs, and the clock.

export function sorted(list) {
  return [...list].sort((a, b) => a - b);
}

// percentile takes the value below which so many percent lie, as the floor of the live latency does.
export function percentile(list, percent) {
  return sorted(list)[Math.floor(((list.length - 1) * percent) / 100)];
}

export function median(list) {
  const all = sorted(list);
  const middle = all.length >> 1;
  return all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
}

export function spread(list) {
  return { median: median(list), min: Math.min(...list), max: Math.max(...list) };
}

// timed gives how many nanoseconds fn took.
export async function timed(fn) {
  const began = process.hrtime.bigint();
  await fn();
  return Number(process.hrtime.bigint() - began);
}

// Figures that are derived, and not measured here.
import { line } from './gobench.js';
import { median } from './measure.js';

// Peers that npm does not have, by their ratio to the floor: both were measured in the same sitting on 2026-11-21, on a
// machine of two cores. Each pair is [peer, floor], a sitting each, in the unit of the floor's figure.
export const derived = [
  { peer: 'couchdb', work: 'FirstSync', floor: 'FirstSyncRows', pairs: [[3072, 112], [4002, 178]] },
  { peer: 'couchdb', work: 'BacklogOne', floor: 'BacklogOne', pairs: [[870, 79], [1363, 104]] },
  { peer: 'couchdb', work: 'BacklogMany', floor: 'BacklogMany', pairs: [[1338, 91], [2483, 116]] },
  { peer: 'couchdb', work: 'Live', floor: 'Live', pairs: [[17.3, 1.24], [21.2, 1.81]] },
  { peer: 'couchdb', work: 'FanOut', floor: 'FanOut', pairs: [[3201, 264000], [3201, 384000]] },
  { peer: 'powersync', work: 'FirstSync', floor: 'FirstSyncRows', pairs: [[1235, 112], [1233, 178]] },
  { peer: 'powersync', work: 'BacklogOne', floor: 'BacklogOne', pairs: [[807, 79], [1204, 104]] },
  { peer: 'powersync', work: 'BacklogMany', floor: 'BacklogMany', pairs: [[1394, 91], [1201, 116]] },
  { peer: 'powersync', work: 'Live', floor: 'Live', pairs: [[27.1, 1.24], [16.5, 1.81]] },
  { peer: 'powersync', work: 'FanOut', floor: 'FanOut', pairs: [[11077, 264000], [11077, 384000]] },
];

// told is what is known of W5, whose floor was not measured then.
export const told = [
  { peer: 'couchdb', work: 'Conflicts', text: '1,167 ms on 2026-11-21, no ratio; 0 of 500 merged, 1,000 losers kept as hidden revisions' },
  { peer: 'powersync', work: 'Conflicts', text: "not measured: what the application's own backend makes of uploads" },
];

// zeroDerived stands in for Zero where it cannot run.
export const zeroDerived = [
  { peer: 'zero', work: 'FirstSync', floor: 'FirstSyncRows', pairs: [[991, 112], [987, 178]] },
  { peer: 'zero', work: 'BacklogOne', floor: 'BacklogOne', pairs: [[1161, 79], [2234, 104]] },
  { peer: 'zero', work: 'BacklogMany', floor: 'BacklogMany', pairs: [[1418, 91], [2371, 116]] },
  { peer: 'zero', work: 'Live', floor: 'Live', pairs: [[15.1, 1.24], [16.8, 1.81]] },
  { peer: 'zero', work: 'FanOut', floor: 'FanOut', pairs: [[5504, 264000], [5504, 384000]] },
];

// ratios gives the smallest and the largest.
export function ratios({ pairs }) {
  const all = pairs.map(([peer, floor]) => peer / floor);
  return [Math.min(...all), Math.max(...all)];
}

// The unit of the floor's figure that a workload's ratio is about.
const floorUnit = { ms: 'ns/op', 'p50-ms': 'p50-ms', 'deliveries/s': 'deliveries/s' };

// floorHere is the floor of this sitting in the workload's unit, or undefined.
export function floorHere(floors, { floor }, work) {
  const list = floors.get(floor)?.get(floorUnit[work.unit]);
  return list && median(list) / (work.unit === 'ms' ? 1e6 : 1);
}

// derivedLines are the smallest and the largest derived figure as benchmarks. Their names say what they are.
export function derivedLines(work, one, here) {
  if (!here) return [];
  return ratios(one).map((ratio) => {
    const value = ratio * here;
    const result = work.unit === 'ms' ? { ns: Math.round(value * 1e6), metrics: {} } : { ns: 0, metrics: { [work.unit]: value } };
    return line(work.name, `${one.peer}-derived`, result);
  });
}

// W3: one device writes, another has it: twenty times a second, each from before the write until the other's store shows it.
import { percentile } from '../measure.js';

export const name = 'Live';
export const title = (size) => `W3 live latency of ${size.live} writes, ${1000 / every} a second`;
export const unit = 'p50-ms';

const every = 50;
const warm = 40; // the first ones are not counted: an engine that compiles as it runs has not settled

export async function run(centre, bench) {
  const list = bench.records(3, bench.size.live + warm);
  const [writer, reader] = [await centre.device('writer', { sendsOnly: true }), await centre.device('reader')];
  const began = new Map();
  const took = [];
  let all;
  const done = new Promise((resolve) => { all = resolve; });
  await writer.live(() => {});
  await reader.live((id) => {
    if (!began.has(id)) return; // again, or not ours
    took.push(performance.now() - began.get(id));
    began.delete(id);
    if (took.length === list.length) all();
  });
  const start = performance.now();
  for (let i = 0; i < list.length; i++) {
    // By the clock and not after the one before: a peer that is slow gets no slower load.
    await new Promise((resolve) => { setTimeout(resolve, Math.max(0, start + i * every - performance.now())); });
    began.set(list[i].id, performance.now());
    await writer.write([list[i]]);
  }
  await done;
  const counted = took.slice(warm);
  const metrics = {};
  for (const percent of [50, 95, 99]) metrics[`p${percent}-ms`] = percentile(counted, percent);
  return { ns: 0, metrics };
}

// W4: what one device writes goes to many listeners. The clock includes the writes, one after another.
import { timed } from '../measure.js';

export const name = 'FanOut';
export const title = (size) => `W4 fan-out of ${size.messages} single writes`;
export const unit = 'deliveries/s';

// settled leaves a second for connections that are still being made; who listens is told nothing before.
const settled = () => new Promise((resolve) => { setTimeout(resolve, 1000); });

export async function run(centre, bench, peer) {
  const listeners = Math.min(bench.size.listeners, peer.listeners);
  const list = bench.records(4, bench.size.messages);
  const wanted = new Set(list.map((record) => record.id));
  const writer = await centre.device('writer', { sendsOnly: true });
  await writer.live(() => {});
  const before = centre.memory();
  let left = listeners * list.length;
  let all;
  const done = new Promise((resolve) => { all = resolve; });
  for (let i = 0; i < listeners; i++) {
    const seen = new Set();
    await centre.listener(i, (id) => {
      if (!wanted.has(id) || seen.has(id)) return;
      seen.add(id);
      if (--left === 0) all();
    });
  }
  await settled();
  const held = (centre.memory() - before) / listeners;
  const ns = await timed(async () => {
    for (const record of list) await writer.write([record]);
    await done;
  });
  return { ns, metrics: { 'deliveries/s': (listeners * list.length) / (ns / 1e9), listeners, 'KiB/listener': held / 1024 } };
}

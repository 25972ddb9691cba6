// Runs a workload on all peers, in turns.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { line } from './gobench.js';
import { runOnce } from './runs.js';

// measure runs a workload on all peers in turns, so that what slows the machine down for a while slows all of them down.
// It gives each peer's answers. The plan says how often, for how long at most, how large, and where records and logs are.
export async function measure(work, peers, plan) {
  const answers = new Map(peers.map((peer) => [peer, []]));
  for (let i = 0; i < plan.runs; i++) {
    for (const peer of peers) {
      // What cannot be run, or took too long, would be no other a second time.
      const last = answers.get(peer).at(-1);
      if (!last?.result?.absent && !last?.error?.startsWith('not finished')) answers.get(peer).push(await once(work, peer, plan));
    }
  }
  if (work.name === 'FirstSync') for (const [peer, list] of answers) await countBytes(work, peer, list, plan);
  return answers;
}

const settingsOf = (work, peer, { size, seconds, records, logs }) => ({
  size, seconds, records, log: join(logs, `${peer}-${work.name}.log`),
});

async function once(work, peer, plan) {
  const settings = settingsOf(work, peer, plan);
  const answer = await runOnce(peer, work.name, settings);
  const { result, error } = answer;
  if (error) appendFileSync(settings.log, `${error}\n`);
  process.stderr.write(`${peer} ${work.name}: ${error ? error.split('\n')[0] : result.absent ?? line(work.name, peer, result)}\n`);
  return answer;
}

// countBytes runs a workload once more, with its bytes counted, and adds them to the figures of the runs that were timed.
async function countBytes(work, peer, answers, plan) {
  const timed = answers.filter(({ result }) => result && !result.absent);
  if (timed.length === 0) return;
  const { result } = await runOnce(peer, work.name, { ...settingsOf(work, peer, plan), count: true });
  if (result) for (const one of timed) Object.assign(one.result.metrics, result.metrics);
}

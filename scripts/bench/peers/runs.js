// Runs a workload in a process of its own, within a time limit, and clears up what it leaves.
import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endRun } from './strays.js';

let running; // the folder of the run that is going on
let stopping = false; // no other begins

async function clear() {
  if (!running) return;
  await endRun(running);
  rmSync(running, { recursive: true, force: true });
  running = undefined;
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => {
    stopping = true;
    clear().finally(() => process.exit(1));
  });
}

// answer is what the process of a run says; a process that says nothing, or nothing in time, has failed.
function answer(child, seconds) {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve({ error: `not finished after ${seconds} s` }), seconds * 1000);
    const done = (value) => {
      clearTimeout(limit);
      resolve(value);
    };
    child.on('message', done);
    child.on('exit', (code, name) => done({ error: `ended with ${name ?? `status ${code}`} and said nothing` }));
  });
}

// runOnce gives {result}, or {error} with what happened. What the peer prints goes to the log.
export async function runOnce(peer, work, { seconds, log, ...settings }) {
  running = mkdtempSync(join(tmpdir(), 'doorstep-peers-'));
  const out = openSync(log, 'a');
  const child = fork(join(import.meta.dirname, 'once.js'), [peer, work, JSON.stringify({ ...settings, dir: running })], {
    stdio: ['ignore', out, out, 'ipc'],
    env: { ...process.env, DOORSTEP_PEERS_RUN: running }, // so that strays can be found
  });
  const came = await answer(child, seconds);
  closeSync(out);
  if (stopping) await new Promise(() => {}); // whoever stops us clears up
  await clear();
  return came;
}

// Processes that a run starts: centres, and what those need.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

// freePort finds a port that nobody listens on.
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// start starts a program whose output goes where ours goes.
export function start(command, args, options = {}) {
  return spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
}

// finish waits for a program and fails if it did.
export async function finish(child, what) {
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${what} ended with ${signal ?? `status ${code}`}`);
}

export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

// forkCentre starts a module as a centre in a process of its own. The module calls serveCentre; what it can do is then
// called from here by name.
export async function forkCentre(module, ...args) {
  const child = fork(module, args.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map();
  let last = 0;
  child.on('message', ({ id, value, error }) => {
    const [resolve, reject] = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(value);
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    for (const [, reject] of waiting.values()) reject(new Error(`the centre ended with ${signal ?? `status ${code}`}`));
  });
  const call = (name, ...values) => new Promise((resolve, reject) => {
    waiting.set(++last, [resolve, reject]);
    child.send({ id: last, name, values });
  });
  return { pid: child.pid, call, stop: () => stop(child, 'SIGKILL').then(() => ended) };
}

// serveCentre answers calls in the process of the centre. A centre whose starter has gone ends.
export function serveCentre(verbs) {
  process.on('message', async ({ id, name, values }) => {
    try {
      process.send({ id, value: await verbs[name](...values) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.on('disconnect', () => process.exit());
}

// Whether nothing of a run is left, even of what has left its group and lost its parent.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { endRun, ofRun } from './strays.js';

test('a process that got away is found and ended', { skip: process.platform !== 'linux' && 'it reads /proc' }, async () => {
  const dir = `/nowhere/doorstep-peers-${process.pid}-${Math.random()}`;
  // The child starts another in a session of its own, that takes no hint, and ends.
  const away = "process.on('SIGQUIT', () => {}); setInterval(() => {}, 1000); console.log('up')";
  const child = spawn(process.execPath, ['-e', `
    const it = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(away)}], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    it.stdout.once('data', () => process.exit(0));
  `], { env: { ...process.env, DOORSTEP_PEERS_RUN: dir }, stdio: 'ignore' });
  await once(child, 'exit');
  assert.equal(ofRun(dir).length, 1);
  await endRun(dir);
  assert.deepEqual(ofRun(dir), []);
});

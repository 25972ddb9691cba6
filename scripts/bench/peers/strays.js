// Ends the processes of a run, wherever they have got to: Zero's workers leave their group, and lose their parent when that
// one dies. All of them have the run's folder in their environment or on their command line.
import { readdirSync, readFileSync } from 'node:fs';

function mentions(pid, dir) {
  try {
    return ['environ', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(dir));
  } catch {
    return false; // it has ended, or is another's
  }
}

export const ofRun = (dir) => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && mentions(name, dir)).map(Number);

function signal(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended
    }
  }
}

// endRun asks first, with the signal at which PostgreSQL stops at once but lets go of its memory, and then does not ask.
export async function endRun(dir) {
  for (const name of ['SIGQUIT', 'SIGKILL']) {
    signal(ofRun(dir), name);
    for (let i = 0; i < 20; i++) {
      if (ofRun(dir).length === 0) return;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
}

// How much memory a centre holds: the resident pages of a process and of all that it started. Pages that they share are
// counted once for each.
import { readdirSync, readFileSync } from 'node:fs';

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

// parents says of every process who started it.
function parents() {
  const all = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = read(`/proc/${pid}/stat`);
    if (stat) all.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  return all;
}

// family gives the process and its descendants.
export function family(pid, all = parents()) {
  const out = [pid];
  for (let i = 0; i < out.length; i++) {
    for (const [child, parent] of all) if (parent === out[i]) out.push(child);
  }
  return out;
}

export function resident(pid) {
  return family(pid).reduce((sum, one) => {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${one}/status`));
    return sum + (kib ? Number(kib[1]) * 1024 : 0);
  }, 0);
}

// A proxy that counts bytes. It stands in the way only in a run of its own, which is not timed.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';

// countingProxy listens on a free port for what is meant for another; down counts what comes from there.
export async function countingProxy(port) {
  const counted = { down: 0, up: 0 };
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.on('data', (bytes) => { counted.up += bytes.length; });
    far.on('data', (bytes) => { counted.down += bytes.length; });
    for (const [from, to] of [[near, far], [far, near]]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return { port: server.address().port, counted };
}

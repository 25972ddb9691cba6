// One run of one workload on one peer, in a process of its own: PEER WORKLOAD SETTINGS. Its starter hears what came of it.
import { countingProxy } from './proxy.js';
import { load } from './peers.js';
import { reader } from './records.js';
import { workloads } from './workloads.js';

const [peerName, workName, text] = process.argv.slice(2);
const settings = JSON.parse(text);

// prepare gives what peers and workloads are handed: sizes, records, a folder, and the way to a centre's port.
function prepare() {
  const bench = { size: settings.size, dir: settings.dir, records: reader(settings.records), route: (port) => port };
  if (settings.count) {
    bench.route = async (port) => {
      const proxy = await countingProxy(port);
      bench.counted = () => proxy.counted;
      return proxy.port;
    };
  }
  return bench;
}

async function run() {
  const peer = await load(peerName);
  const work = workloads.find(({ name }) => name === workName);
  if (peer.absent[workName]) return { absent: peer.absent[workName] };
  const bench = prepare();
  const centre = await peer.open(bench);
  try {
    return await work.run(centre, bench, peer);
  } finally {
    await centre.close();
  }
}

// A failure that nobody waits for is a failure of the run too.
const fail = (error) => process.send({ error: String(error?.stack ?? error) }, () => process.exit(1));
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('disconnect', () => process.exit(1));

run().then((result) => process.send({ result }, () => process.exit(0)), fail);

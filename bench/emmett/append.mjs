// Appends one event after another with Emmett, each with the version that it expects of its stream, many at a time. The
// database is named by the PG* variables. Each line on stdin, such as
//
//   {"streams": 10000, "concurrency": 64, "seconds": 5}
//
// is a run, answered with one line of JSON on stdout when it is over. One process does them all, so that a first run warms it.
//
// Versions are kept in memory, as an application that has just read its streams has them: reading before each append would
// only be slower. Only after a conflict the stream is read on.
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { isExpectedVersionConflictError } from '@event-driven-io/emmett';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

const { PGHOST, PGPORT, PGUSER, PGDATABASE } = process.env;

const event = {
  type: 'money.deposited',
  data: {
    transaction_id: '01a1fc47-5cd1-7411-8c71-d0d6d76b03d2', amount: 12550, currency: 'EUR', balance_after: 12550, held_after: 0,
  },
};
const waitMin = 1, waitMax = 64; // milliseconds

const pool = new pg.Pool({ max: 64 });
const address = `postgresql://${PGUSER}@localhost:${PGPORT}/${PGDATABASE}?host=${encodeURIComponent(PGHOST)}`;
const store = getPostgreSQLEventStore(address, { connectionOptions: { pool } });
await store.schema.migrate();

const versions = new Map(); // of a stream, as last seen
let conflicts = 0;

async function append(stream) {
  for (let wait = waitMin; ; wait = Math.min(2 * wait, waitMax)) {
    const expected = versions.get(stream) ?? 0n;
    try {
      const { nextExpectedStreamVersion } = await store.appendToStream(stream, [event], { expectedStreamVersion: expected });
      learn(stream, nextExpectedStreamVersion);
      return;
    } catch (fault) {
      if (!isConflict(fault)) throw fault;
      conflicts++;
    }
    await pause(Math.random() * wait);
    const { currentStreamVersion } = await store.readStream(stream, { from: expected });
    learn(stream, currentStreamVersion);
  }
}

function learn(stream, version) {
  if (version > (versions.get(stream) ?? 0n)) versions.set(stream, version);
}

// Two that begin a stream at the same time collide on its key instead of its version.
function isConflict(fault) {
  return isExpectedVersionConflictError(fault) || fault.code === '23505';
}

async function run({ streams, concurrency, seconds }) {
  const latencies = [];
  conflicts = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (performance.now() < end) {
      const began = performance.now();
      await append(`stream-${Math.floor(Math.random() * streams)}`);
      latencies.push(performance.now() - began);
    }
  }));
  const took = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
  return { appended: latencies.length, conflicts, seconds: took, p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: quantile(1) };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line))));
}
await store.close();
await pool.end();

// ajv in the bench of schemas, as bench/validate.c does it (see rust/src/main.rs).
import fs from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(process.cwd() + '/');
const kinds = { '2020-12': 'ajv/dist/2020.js', '2019-09': 'ajv/dist/2019.js' };

function best(documents, all) {
  let best = Infinity;
  for (let round = 0; round < 7; round++) {
    const start = process.hrtime.bigint();
    let done = 0, ns = 0n;
    while (ns < 100000000n) {
      all();
      done += documents;
      ns = process.hrtime.bigint() - start;
    }
    best = Math.min(best, Number(ns) / done);
  }
  return best;
}

for (const dir of process.argv.slice(2)) {
  const schema = JSON.parse(fs.readFileSync(`${dir}/schema.json`));
  const draft = Object.keys(kinds).find((d) => String(schema.$schema).includes(d));
  const Ajv = require(kinds[draft] ?? 'ajv').default;
  let valid;
  try {
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    valid = ajv.compile(schema);
  } catch (e) {
    console.log(`${dir}\t-\t0\t0`);
    continue;
  }
  const texts = fs.readFileSync(`${dir}/instances.jsonl`, 'utf8').trimEnd().split('\n');
  const bytes = texts.map((t) => Buffer.from(t)), values = texts.map((t) => JSON.parse(t));
  const verdicts = values.map((v) => (valid(v) ? '1' : '0')).join('');
  const whole = best(texts.length, () => bytes.forEach((b) => valid(JSON.parse(b))));
  const alone = best(texts.length, () => values.forEach((v) => valid(v)));
  console.log(`${dir}\t${verdicts}\t${whole.toFixed(0)}\t${alone.toFixed(0)}`);
}

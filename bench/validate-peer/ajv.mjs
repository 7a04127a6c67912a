// ajv as a peer of bench/validate.c, which says how a peer is asked.
import fs from 'fs';
import readline from 'readline';
import { createRequire } from 'module';

const WARM_UP_MS = 800;
const require = createRequire(process.env.PEER_MODULES + '/');
const schema = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const draft = String(schema.$schema || '');
// Up to draft 7, what stands beside a $ref is not looked at.
const options = {
  strict: false, validateFormats: false, logger: false, ignoreKeywordsWithRef: /draft-0[467]/.test(draft),
};
const Ajv = draft.includes('draft-04') ? require('ajv-draft-04').default
  : draft.includes('2019-09') ? require('ajv/dist/2019').default
  : draft.includes('2020-12') || !draft ? require('ajv/dist/2020').default
  : require('ajv').default;
const ajv = new Ajv(options);
if (draft.includes('draft-06')) {
  ajv.addMetaSchema(require('ajv/dist/refs/json-schema-draft-06.json'));
}
// ajv has the meta-schemas already.
const validate = (schema.$id && ajv.getSchema(schema.$id)) || ajv.compile(schema);
const lines = fs.readFileSync(process.argv[3], 'utf8').split('\n').filter((l) => l);
const values = lines.map((l) => JSON.parse(l));

function alone() {
  let valid = 0;
  for (const value of values) {
    valid += validate(value) ? 1 : 0;
  }
  return valid;
}

function bytes() {
  let valid = 0;
  for (const line of lines) {
    valid += validate(JSON.parse(line)) ? 1 : 0;
  }
  return valid;
}

function measure(run, ms) {
  const start = process.cpuUsage();
  let runs = 0;
  for (;;) {
    run();
    runs++;
    const used = process.cpuUsage(start);
    const elapsed = used.user + used.system;
    if (elapsed >= ms * 1e3) {
      return elapsed * 1e3 / (runs * values.length);
    }
  }
}

// Its code is compiled while it runs: not before then is it as fast as it gets.
for (let i = 0; i < 2; i++) {
  measure(alone, WARM_UP_MS / 4);
  measure(bytes, WARM_UP_MS / 4);
}
console.log(values.map((v) => (validate(v) ? '1' : '0')).join(''));
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [mode, ms] = line.split(' ');
  const run = { alone, bytes }[mode];
  console.log(run ? measure(run, Number(ms)) : '-');
});

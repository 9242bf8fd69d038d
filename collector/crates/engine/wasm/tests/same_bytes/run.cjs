// Runs the module over a file of inputs. Each stands after its length, four bytes, least significant first.
//
//   node run.cjs MODULE INPUTS          a line for each input: its fingerprint, or how it ended
//   node run.cjs MODULE INPUTS NUMBER   everything that is computed of that input, counted from 0
//   node run.cjs MODULE TABLE buckets   a line for each row of the table: the bucket of its offer, seed and stream
"use strict";
const { readFileSync } = require("node:fs");

const [path, file, only] = process.argv.slice(2);
const load = () => {
  delete require.cache[path];
  return require(path);
};
let engine = load();
const bytes = readFileSync(file);
const lines = [];
if (only === "buckets") {
  const rows = bytes.toString().trimEnd().split("\n").slice(1);
  process.stdout.write(rows.map((row) => engine.bucket(...row.split("\t").slice(0, 3))).join("\n"));
  process.exit();
}
for (let at = 0, number = 0; at < bytes.length; number++) {
  const end = at + 4 + bytes.readUInt32LE(at);
  const input = bytes.subarray(at + 4, end);
  at = end;
  if (only !== undefined && Number(only) !== number) continue;
  try {
    lines.push(only === undefined ? engine.fingerprint(input) : engine.computed(input));
  } catch (error) {
    // A trap leaves the module in no state to go on.
    lines.push(`trapped: ${error.message}`);
    engine = load();
  }
}
process.stdout.write(lines.join("\n"));

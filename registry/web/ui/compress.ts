// Each built file twice more, compressed as small as it goes: once here rather than for each reader.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const built = new URL("../static/", import.meta.url);

for (const name of readdirSync(built)) {
  if (/\.(js|css)$/.test(name)) {
    const whole = readFileSync(new URL(name, built));
    writeFileSync(new URL(`${name}.gz`, built), gzipSync(whole, { level: constants.Z_BEST_COMPRESSION }));
    writeFileSync(new URL(`${name}.br`, built), brotliCompressSync(whole));
  }
}

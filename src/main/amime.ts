#!/usr/bin/env node
/** Runs amime from its sources, as they are; `bin/amime` runs the bundle. */
import { enableCompileCache } from "node:module";
import { resolve } from "node:path";

// Types are stripped and code is compiled once for all starts: that is half of the time a start takes. Without the folder it is done anew.
enableCompileCache(resolve(import.meta.dirname, "../../.cache/compile"));
const { run } = await import("./run.ts");
await run();

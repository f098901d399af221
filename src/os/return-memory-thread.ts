import { parentPort } from "node:worker_threads";
import { findFfi } from "./native.ts";

// Another C library has no such function: the thread ends with an error, which is an answer.
const trim = findFfi()?.dlopen("libc.so.6", { malloc_trim: { return: "int32", arguments: ["uint64"] } });
parentPort?.postMessage(trim !== undefined && trim.functions.malloc_trim(0n) === 1);

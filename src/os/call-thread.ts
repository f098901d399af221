import { workerData } from "node:worker_threads";
import { findFfi, openNativeCalls } from "./native.ts";
import { answerCalls } from "./thread-calls.ts";

// A thread may have the interface that its process was not started with.
const ffi = findFfi();
answerCalls(workerData as SharedArrayBuffer, ffi === undefined ? undefined : openNativeCalls(ffi));

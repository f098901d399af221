import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { findFfi } from "../native.ts";
import { answerTokenCalls } from "./thread-device.ts";
import type { TokenOptions } from "./token.ts";

// A thread may have the interface that its process was not started with.
answerTokenCalls(parentPort as MessagePort, workerData as TokenOptions, findFfi());

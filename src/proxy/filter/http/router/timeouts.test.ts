import assert from "node:assert/strict";
import { test } from "node:test";
import type { ForwardAction } from "../../../../engine/router/index.ts";
import type { PassRequestHead } from "../pass-head.ts";
import { resolveMaxDuration } from "./timeouts.ts";

const headOf = (...headers: string[]): PassRequestHead => ({ headers }) as unknown as PassRequestHead;
const bounded = (boundsOnlyGrpc: boolean): ForwardAction =>
	({ grpcTimeoutHeaderMaxMs: 0, grpcTimeoutHeaderOffsetMs: 0, boundsOnlyGrpc }) as unknown as ForwardAction;

test("max_grpc_timeout is for calls of gRPC alone, grpc_timeout_header_max for every request", () => {
	const call = headOf("content-type", "application/grpc+proto", "grpc-timeout", "100m");
	const other = headOf("content-type", "text/plain", "grpc-timeout", "100m");
	assert.equal(resolveMaxDuration(bounded(true), call), 100);
	assert.equal(resolveMaxDuration(bounded(true), other), undefined);
	assert.equal(resolveMaxDuration(bounded(false), other), 100);
});

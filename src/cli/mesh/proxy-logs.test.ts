import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { readLoggedFailures } from "./proxy-logs.ts";

/** As Envoy 1.40 writes them under this control plane. */
const log = `[2026-11-24 17:20:20.000][1][warning][main] [source/server/server.cc:1] something else
[2026-11-24T17:20:20.611Z] "GET / HTTP/2" 200 - 0 60 2 2 "-" "node" "good" "de" "127.0.0.1:23969"
[2026-11-24T17:20:20.643Z] "GET /admin HTTP/2" 403 - 0 115 0 - "-" "an \\"agent\\"" "denied" "de" "-"
[2026-11-24T17:20:20.643Z] "GET /admin HTTP/2" 403 for "spiffe://cluster.local/ns/n/sa/webe": rbac_access_denied_matched_policy[ns[n]-policy[de]-rule[0]]; ALLOW policies in force: n/allow-de "denied"
[2026-11-24T17:20:21.000Z] "GET /own HTTP/1.1" 403 - 0 1 0 - "-" "node" "own" "de" "127.0.0.1:1"
[2026-11-24T17:20:21.000Z] "GET /own HTTP/1.1" 403 for "-": via_upstream; ALLOW policies in force: n/allow-de "own"
[2026-11-24T17:20:25.175Z] "GET /p?ms=7 HTTP/1.1" 503 UO 0 81 0 - "-" "node" "full" "sa\u001b[2J" "-"
`;

test("failures of a proxy that keeps no list are read from its access log: those with flags, denials with who and why", (t) => {
	const state = makeTemporaryFolder(t);
	mkdirSync(join(state, "logs"));
	writeFileSync(join(state, "logs/de-0.n.sidecar.log"), log);
	writeFileSync(join(state, "logs/de-0.sidecar.log"), log.replaceAll("full", "namesake"));
	const told = readLoggedFailures(state, ["n/de-0", "n/gone-0"], { limit: 10 });
	assert.deepEqual(
		told.map(({ id, request, status, flags }) => [id, request, status, flags]),
		[
			["denied", "GET /admin", "403", "-"],
			["full", "GET /p", "503", "UO"],
		],
	);
	assert.match(
		told[0]!.details ?? "",
		/policy\[de\]-rule\[0\]\]; ALLOW policies in force: n\/allow-de; the caller is spiffe:\/\/cluster\.local\/ns\/n\/sa\/webe$/,
	);
	assert.equal(told[1]!.authority, "sa\ufffd[2J", "a terminal takes no orders from strangers");
	assert.deepEqual(
		readLoggedFailures(state, ["n/de-0"], { limit: 1 }).map(({ id }) => id),
		["full"],
	);
	assert.deepEqual(
		readLoggedFailures(state, ["n/de-0"], { id: "good", limit: 20 }).map(({ status }) => status),
		["200"],
	);
	assert.deepEqual(
		readLoggedFailures(state, ["m/de-0"], { limit: 20 }).map(({ id }) => id),
		["denied", "namesake"],
	);
});

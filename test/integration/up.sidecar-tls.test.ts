/** TLS that a sidecar of `amime up` ends with files beside the documents, and what is said of clients that it refuses. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { askTls } from "../support/ask-tls.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startMesh } from "../support/running-mesh.ts";

const examples = resolve(import.meta.dirname, "../../examples");

test("a sidecar ends TLS with files that lie beside its Workload, and a client without a certificate is told of with the Sidecar", async (t) => {
	const appPort = await findFreePort();
	const mesh = await startMesh(t, "examples/sidecar-ingress-tls", (folder) => {
		cpSync(join(examples, "service"), join(folder, "../service"), { recursive: true });
		for (const file of ["services.yaml", "rules.yaml"]) {
			const path = join(folder, file);
			writeFileSync(path, readFileSync(path, "utf8").replaceAll("7189", String(appPort)));
		}
	});
	const { ports } = await mesh.instance("orders-0");
	const read = (file: string): string => readFileSync(join(mesh.folder, file), "utf8");
	const call = { port: ports[0]!.meshPort, host: "orders.example", path: "/", ca: read("orders.pem") };
	const client = { certificateChainPem: read("partner.pem"), privateKeyPem: read("partner.key") };
	await eventually(async () => assert.equal((await askTls({ ...call, client })).status, 200), { deadlineMs: 30_000 });
	await assert.rejects(askTls(call));
	await eventually(
		async () => {
			const told = await mesh.run("why");
			assert.match(told, /showed no certificate, and one is required/);
			assert.match(told, /a certificate of those in caCertificates of Sidecar sidecar-ingress-tls\/orders/);
		},
		{ deadlineMs: 30_000 },
	);
});

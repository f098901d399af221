/** The bundle endpoint is public: whatever is asked of it is answered, and the control plane goes on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { test } from "node:test";
import { createTestPki } from "../../../test/support/pki.ts";
import { silentLog, systemClock } from "../../core/index.ts";
import type { Authority } from "../../identity/index.ts";
import { startBundleServer } from "./bundle-server.ts";

test("targets that are no URL are answered as unknown paths", async (t) => {
	const { certificateChainPem, privateKeyPem } = createTestPki().issue("spiffe://cluster.local/web");
	const authority: Partial<Authority> = {
		bundle: () => ({ trustDomain: "cluster.local", authorities: [], pem: "" }),
		jwtKeys: () => [],
		sequence: () => 1,
	};
	const server = await startBundleServer({
		address: "127.0.0.1:0",
		authority: authority as Authority,
		web: { certificate: certificateChainPem, key: privateKeyPem },
		clock: systemClock,
		log: silentLog,
	});
	t.after(() => server.close());
	const ask = async (path: string): Promise<number | undefined> => {
		const call = request({ host: "127.0.0.1", port: server.port, path, rejectUnauthorized: false, agent: false }).end();
		const [answer] = (await once(call, "response")) as [IncomingMessage];
		answer.resume();
		return answer.statusCode;
	};
	for (const path of ["//", "http://[", "https://:99999/", "/other"]) assert.equal(await ask(path), 404, path);
	for (const path of ["/", "/?x=1", "https://any.host/"]) assert.equal(await ask(path), 200, path);
});

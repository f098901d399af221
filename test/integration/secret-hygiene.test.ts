/** Planted keys, tokens and passwords appear in no log, dump, metric, page or error of a running mesh. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { createLog } from "../../src/core/index.ts";
import { createRunningInstance, startApplication, startControlPlane, testToken } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { ask, limitedServices, limitPolicy } from "../support/limited-mesh.ts";
import { createTestPki } from "../support/pki.ts";
import { startMesh } from "../support/running-mesh.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const pages = [
	...["/v1/config", "/v1/proxies", "/v1/problems", "/v1/instances", "/v1/certificates", "/v1/routes", "/v1/endpoints"],
	...["/v1/workloads", "/v1/history", "/v1/analysis", "/metrics", "/debug/syncz", "/debug/adsz", "/debug/endpointz"],
	...["/debug/registryz", "/debug/config_dump?proxyID=web-0.shop", "/v1/identity/bundle"],
];
const proxyPages = [
	...["/config_dump", "/config_dump?include_eds", "/stats", "/stats/prometheus", "/clusters?format=json", "/certs"],
	...["/failed_requests", "/server_info", "/runtime", "/listeners?format=json"],
];

test("nothing that a mesh says holds a secret", async (t) => {
	const pki = createTestPki();
	const key = pki.issue("spiffe://cluster.local/ns/shop/sa/gateway").privateKeyPem;
	const planted = new Map([
		["the key of a Secret", Buffer.from(key).toString("base64").slice(40, 100)],
		["the key's own text", key.split("\n")[2]!],
		["a header's token", "planted-bearer-5b1d77"],
		["a cookie", "planted-cookie-9f01c2"],
		["a token in a query", "planted-query-3c44aa"],
		["a password in a broken object", "planted-password-77e1f0"],
		["a header of the application", "planted-api-key-4e2a90"],
	]);
	const secret = {
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: "edge", namespace: "shop" },
		type: "kubernetes.io/tls",
		data: {
			"tls.crt": Buffer.from(pki.bundlePem).toString("base64"),
			"tls.key": Buffer.from(key).toString("base64"),
		},
	};
	const broken = {
		...secret,
		metadata: { name: "broken", namespace: "shop" },
		data: { "tls.key": planted.get("a password in a broken object") },
	};
	const mesh = await startMesh(t, "examples/shop", (folder) => {
		writeFileSync(join(folder, "secret.yaml"), JSON.stringify(secret));
	});
	const said: (readonly [from: string, text: string])[] = [];
	const hear = (from: string, text: string): number => said.push([from, text]);

	const headers = {
		authorization: `Bearer ${planted.get("a header's token")}`,
		cookie: `session=${planted.get("a cookie")}`,
		"x-api-key": planted.get("a header of the application")!,
		"proxy-authorization": `Basic ${planted.get("a header of the application")}`,
		"x-goog-iap-jwt-assertion": planted.get("a header's token")!,
	};
	for (const url of ["http://orders/orders", "http://reviews/reviews", "http://nobody/x"]) {
		const query = `?access_token=${planted.get("a token in a query")}`;
		for (const method of ["GET", "POST"]) {
			const answer = await mesh.call("catalog-0", `${url}${query}`, { method, headers });
			hear(`the answer of ${url}`, answer.status < 400 ? "" : answer.body + JSON.stringify(answer.headers));
		}
	}
	hear("PUT of a broken Secret", (await mesh.admin("PUT", "/v1/config", JSON.stringify(broken))).body);
	hear("GET without a token", (await sendRequest({ port: adminPort(mesh), path: "/v1/config" })).body);
	for (const page of pages) hear(page, (await mesh.admin("GET", page)).body);
	for (const { adminPort, name } of await mesh.instances()) {
		for (const path of proxyPages) hear(`${name}${path}`, (await sendRequest({ port: adminPort!, path })).body);
	}
	for (const command of [["get", "Secret", "-o", "yaml"], ["status"], ["history"], ["why"], ["certs"], ["analyze"]]) {
		hear(`amime ${command.join(" ")}`, await mesh.run(...command).catch((error: { stdout: string }) => error.stdout));
	}
	for (const file of readdirSync(join(mesh.stateFolder, "logs"))) {
		hear(`logs/${file}`, readFileSync(join(mesh.stateFolder, "logs", file), "utf8"));
	}
	hear("the supervisor", mesh.output());

	const { token } = JSON.parse(readFileSync(join(mesh.stateFolder, "control.json"), "utf8")) as { token: string };
	planted.set("the token of the admin API", token);
	for (const [what, text] of planted)
		for (const [from, all] of said) assert.ok(!all.includes(text), `${what} is in ${from}`);
	for (const [from, all] of said) assert.doesNotMatch(all, /BEGIN [A-Z ]*PRIVATE KEY/, `a private key is in ${from}`);
	// Keys are left out where they would stand, not only where a test looks.
	const dumps = said.filter(([from]) => from.endsWith("/config_dump"));
	assert.ok(dumps.length > 0 && dumps.every(([, text]) => /\[redacted\]|W3JlZGFjdGVkXQ==/.test(text)));
	assert.ok(said.length > 100, `only ${said.length} texts were looked at`);

	for (const path of listFiles(mesh.stateFolder)) {
		assert.equal(statSync(path).mode & 0o077, 0, `${path} can be read by others`);
	}
});

test("limits by key, roles by token, tokens of nodes: none of them is said, at any path there is", async (t) => {
	const secrets = {
		"an API key that limits count by": "planted-limit-key-31ac09",
		"a client's token": "planted-client-token-77aa12",
		"a token of the API": "planted-editor-token-5f0b1c",
		"a wrong token of the API": "planted-wrong-token-90d4e2",
		"a password in a Secret of a rollout": "planted-rollout-password-1b2c3d",
		"what a signer was asked with": "planted-signing-request-44dd55",
	};
	const tokensFile = join(makeTemporaryFolder(t), "tokens.yaml");
	const tokens = [{ name: "ed", role: "editor", token: secrets["a token of the API"] }];
	writeFileSync(tokensFile, JSON.stringify(tokens), { mode: 0o600 });
	const lines: string[] = [];
	const limit = "{name: by-key, keys: [{type: Header, name: x-api-key}], requests: 1000, unit: Minute, scope: Global}";
	const control = await startControlPlane(
		t,
		`${limitedServices}${limitPolicy("{kind: Service, name: orders}", limit)}`,
		{
			...{ tokensFile, agentAddress: "127.0.0.1:0" },
			log: createLog({ level: "debug", format: "json", write: (line) => lines.push(line) }),
		},
	);
	const instance = {
		...(await createRunningInstance("orders", await startApplication(t, answerAll))),
		name: "orders-0",
	};
	await control.register(instance);
	const sidecar = await control.startProxy(t, instance, "amime");
	const headers = {
		"x-api-key": secrets["an API key that limits count by"],
		authorization: `Bearer ${secrets["a client's token"]}`,
	};
	await eventually(async () => assert.equal((await ask(instance, "/limited", headers)).status, 200), {
		deadlineMs: 60_000,
	});
	const said: (readonly [from: string, text: string])[] = [];
	const hear = async (from: string, answer: Promise<{ readonly body: string }>): Promise<string> => {
		const { body } = await answer;
		said.push([from, body]);
		return body;
	};
	const call = (token: string, method: string, path: string, body?: string) =>
		sendRequest({
			...{ port: control.plane.adminPort, method, path, headers: { authorization: `Bearer ${token}` } },
			...(body !== undefined && { body }),
		});
	const editor = secrets["a token of the API"];
	const secret = (name: string) =>
		`{apiVersion: v1, kind: Secret, metadata: {name: ${name}, namespace: shop}, type: Opaque, stringData: {password: ${secrets["a password in a Secret of a rollout"]}}}`;
	await hear("a rollout", call(editor, "POST", "/v1/rollouts?steps=10", secret("rolled")));
	await hear("PUT", call(editor, "PUT", "/v1/config", secret("put")));
	await hear("diff", call(editor, "POST", "/v1/diff", secret("diffed")));
	await hear("a wrong token", call(secrets["a wrong token of the API"], "GET", "/v1/config"));
	const made = JSON.parse((await control.admin("POST", "/v1/identity/join-tokens", "{}")).body) as { token: string };
	const signing = { namespace: "shop", serviceAccount: "orders", csr: secrets["what a signer was asked with"] };
	await hear("a bad signing request", control.admin("POST", "/v1/identity/sign", JSON.stringify(signing)));
	// The budget is kept by key, so that the control plane has heard of it.
	await eventually(async () => assert.match((await control.admin("GET", "/v1/limits")).body, /"sha256:[0-9a-f]{12}"/), {
		deadlineMs: 60_000,
	});

	const { paths } = JSON.parse((await control.admin("GET", "/openapi.json")).body) as {
		paths: Record<string, Record<string, unknown>>;
	};
	const readable = Object.keys(paths).filter((path) => "get" in paths[path]! && !path.includes("{"));
	assert.ok(readable.length > 25, `only ${readable.length} paths`);
	for (const path of readable) {
		const query = path === "/debug/config_dump" ? "?proxyID=orders-0.shop" : "";
		await hear(path, control.admin("GET", `${path}${query}`));
	}
	for (const path of proxyPages) await hear(`orders-0${path}`, sendRequest({ port: sidecar.adminPort, path }));
	said.push(["the control plane's log", lines.join("")], ["the sidecar's log", sidecar.output()]);
	for (const [what, text] of Object.entries({ ...secrets, "a join token": made.token, "the first token": testToken }))
		for (const [from, all] of said) assert.ok(!all.includes(text), `${what} is in ${from}`);
	for (const [from, all] of said) assert.doesNotMatch(all, /BEGIN [A-Z ]*PRIVATE KEY/, `a private key is in ${from}`);
});

function answerAll(_request: IncomingMessage, response: ServerResponse): void {
	response.end("ok");
}

function adminPort(mesh: { readonly stateFolder: string }): number {
	const { adminUrl } = JSON.parse(readFileSync(join(mesh.stateFolder, "control.json"), "utf8")) as { adminUrl: string };
	return Number(new URL(adminUrl).port);
}

function listFiles(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		return entry.isDirectory() ? listFiles(path) : [path];
	});
}

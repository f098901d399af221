/** The agent's socket: who gets what, attacks, outages, and `amime agent` as users start it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { readCertificates } from "../../src/identity/index.ts";
import { awaitIdentities, startAgentProcess } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startNodeWorld } from "../support/node-agent.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";
import { createWorkloadClient, type WorkloadClient, workloadMethods } from "../support/workload-client.ts";

const web = "spiffe://cluster.local/ns/shop/sa/web";

async function setUp(t: TestContext, change: Record<string, unknown> = {}) {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web", ...change });
	const agent = await world.startAgent(t);
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
	return { world, agent, client: open(t, agent.socketPath) };
}

function open(t: TestContext, socketPath: string): WorkloadClient {
	const client = createWorkloadClient(socketPath);
	t.after(() => client.close());
	return client;
}

test("a request without the security header, or with another value of it, is refused by every method", async (t) => {
	const { client } = await setUp(t);
	const bent: readonly Record<string, string>[] = [
		{},
		...["false", "TRUE", ""].map((value) => ({ "workload.spiffe.io": value })),
	];
	for (const method of workloadMethods)
		for (const headers of bent)
			await assert.rejects(client.ask(method, { audience: method === "FetchJWTSVID" ? ["x"] : "x" }, headers), {
				code: status.INVALID_ARGUMENT,
				details: "security header missing from request",
			});
});

test("the certificate is the entry's, its key fits it, and the bundle is the trust domain's", async (t) => {
	const { client, world } = await setUp(t, { dnsNames: ["web.shop"], hint: "internal" });
	const { svids, federatedBundles, crl } = await client.ask("FetchX509SVID");
	const [svid] = svids;
	assert.deepEqual([svid!.spiffeId, svid!.hint, svids.length, crl, federatedBundles], [web, "internal", 1, [], {}]);
	const key = createPrivateKey({ key: Buffer.from(svid!.x509SvidKey), format: "der", type: "pkcs8" });
	assert.ok(new X509Certificate(svid!.x509Svid).checkPrivateKey(key));
	const bundle = JSON.parse((await world.admin("GET", "/v1/identity/bundle")).body) as { bundle: string };
	assert.deepEqual(Buffer.from(svid!.bundle), readCertificates(bundle.bundle)[0]!.der);
	const { bundles } = await client.ask("FetchX509Bundles");
	assert.deepEqual(Object.keys(bundles), ["spiffe://cluster.local"]);
	const jwt = await client.ask("FetchJWTBundles");
	const { keys } = JSON.parse(Buffer.from(jwt.bundles["spiffe://cluster.local"]!).toString()) as { keys: object[] };
	assert.ok(keys.length > 0 && keys.every((key) => "kid" in key && !("d" in key)), "public keys only");
});

test("a token is for its audiences and its identity; what is asked wrongly is refused", async (t) => {
	const { client } = await setUp(t);
	const { svids } = await client.ask("FetchJWTSVID", { audience: ["reviews", "ratings"] });
	const token = svids[0]!.svid;
	const [header, claims] = token
		.split(".")
		.slice(0, 2)
		.map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>);
	assert.equal(header!["alg"], "ES256");
	assert.deepEqual([claims!["sub"], claims!["aud"]], [web, ["reviews", "ratings"]]);
	assert.ok(Number(claims!["exp"]) - Number(claims!["iat"]) <= 300, "five minutes at most");
	const valid = await client.ask("ValidateJWTSVID", { audience: "ratings", svid: token });
	assert.equal(valid.spiffeId, web);
	assert.equal(valid.claims!["sub"], web);
	const [, body, signature] = token.split(".");
	const none = Buffer.from(JSON.stringify({ ...header, alg: "none" })).toString("base64url");
	const hmac = Buffer.from(JSON.stringify({ ...header, alg: "HS256" })).toString("base64url");
	const wrong: readonly (readonly [string, object])[] = [
		["another audience", { audience: "details", svid: token }],
		["no audience", { audience: "", svid: token }],
		["no token", { audience: "reviews", svid: "" }],
		["alg none", { audience: "reviews", svid: `${none}.${body}.` }],
		["alg none, signed", { audience: "reviews", svid: `${none}.${body}.${signature}` }],
		["alg HS256", { audience: "reviews", svid: `${hmac}.${body}.${signature}` }],
		["changed claims", { audience: "reviews", svid: `${token.split(".")[0]}.${body}AA.${signature}` }],
	];
	for (const [what, request] of wrong)
		await assert.rejects(
			client.ask("ValidateJWTSVID", request as Record<string, unknown>),
			{ code: status.INVALID_ARGUMENT },
			what,
		);
	for (const audience of [[], [""]])
		await assert.rejects(client.ask("FetchJWTSVID", { audience }), { code: status.INVALID_ARGUMENT });
	await assert.rejects(client.ask("FetchJWTSVID", { audience: ["x"], spiffeId: "nonsense" }), {
		code: status.INVALID_ARGUMENT,
	});
	await assert.rejects(client.ask("FetchJWTSVID", { audience: ["x"], spiffeId: `${web}2` }), {
		code: status.PERMISSION_DENIED,
	});
});

test("of several identities the oldest entry's is the first, and of one hint only the older is told", async (t) => {
	const { client, world, agent } = await setUp(t, { hint: "a" });
	await world.createEntry({ id: "second", spiffeId: "/second", hint: "b" });
	await world.createEntry({ id: "third", spiffeId: "/third", hint: "a" });
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 3));
	const { svids } = await client.ask("FetchX509SVID");
	assert.deepEqual(
		svids.map(({ spiffeId, hint }) => [spiffeId, hint]),
		[
			[web, "a"],
			["spiffe://cluster.local/second", "b"],
		],
	);
});

const asRoot = process.getuid!() === 0 ? false : "needs root, to be several users";

test("another user of the machine gets another identity, or none", { skip: asRoot }, async (t) => {
	const { world, agent, client } = await setUp(t);
	assert.equal((await client.ask("FetchX509SVID")).svids[0]!.spiffeId, web);
	chmodSync(resolve(agent.socketPath, ".."), 0o755);
	const ask = (): Promise<string> => askAs(t, 65_533, agent.socketPath);
	assert.match(await ask(), /no identity issued/);
	assert.ok(agent.lines.some((line) => line.includes("no entry matches") && line.includes("unix:uid:65533")));
	await world.createEntry({ id: "guest", spiffeId: "/guest", selectors: ["unix:uid:65533", "unix:gid:65533"] });
	await eventually(async () => assert.equal(await ask(), "spiffe://cluster.local/guest"));
	await world.createEntry({ id: "more", spiffeId: "/more", selectors: ["unix:uid:65533", "unix:gid:0"] });
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 3));
	assert.equal(await ask(), "spiffe://cluster.local/guest", "all selectors must match");
});

/** The first identity that a process of another user gets, or what it is told. The process is the one that runs these tests, as that user. */
function askAs(t: TestContext, user: number, socketPath: string): Promise<string> {
	const code = `
		import { createWorkloadClient } from ${JSON.stringify(resolve(import.meta.dirname, "../support/workload-client.ts"))};
		// What is loaded when it is needed first is loaded as the user who may read it.
		await createWorkloadClient(${JSON.stringify(socketPath)}).ask("FetchX509SVID").catch(() => undefined);
		const client = createWorkloadClient(${JSON.stringify(socketPath)});
		process.setgroups([]);
		process.setgid(${user});
		process.setuid(${user});
		client.ask("FetchX509SVID").then(({ svids }) => svids[0].spiffeId, (error) => error.details).then((text) => {
			console.log(text);
			process.exit();
		});
	`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
	t.after(() => child.kill("SIGKILL"));
	const { promise, resolve: done } = Promise.withResolvers<string>();
	let text = "";
	child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
	child.on("close", () => done(text.trim()));
	return promise;
}

test("one user has so many connections and no more, and gets others when some end", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const agent = await world.startAgent(t, { maxConnectionsPerUser: 3 });
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
	const clients = Array.from({ length: 3 }, () => open(t, agent.socketPath));
	for (const client of clients) assert.equal((await client.ask("FetchX509SVID")).svids.length, 1);
	await assert.rejects(open(t, agent.socketPath).ask("FetchX509SVID"), { code: status.UNAVAILABLE });
	assert.ok(agent.lines.some((line) => line.includes("its user has too many")));
	clients[0]!.close();
	await eventually(async () => assert.equal((await open(t, agent.socketPath).ask("FetchX509SVID")).svids.length, 1));
});

test("without its control plane an agent goes on with what it has, and with the control plane again it follows", async (t) => {
	const agentAddress = `127.0.0.1:${await findFreePort()}`;
	const world = await startNodeWorld(t, { agentAddress });
	await world.createEntry({ id: "web" });
	const agent = await world.startAgent(t);
	const client = open(t, agent.socketPath);
	await eventually(async () => assert.equal((await client.ask("FetchX509SVID")).svids.length, 1));
	const before = (await client.ask("FetchJWTSVID", { audience: ["reviews"] })).svids[0]!.svid;
	await world.plane.close();
	assert.equal((await open(t, agent.socketPath).ask("FetchX509SVID")).svids[0]!.spiffeId, web);
	assert.equal((await client.ask("FetchJWTSVID", { audience: ["reviews"] })).svids[0]!.svid, before);
	await assert.rejects(client.ask("FetchJWTSVID", { audience: ["another"] }), { code: status.UNAVAILABLE });
	await world.plane.start();
	await world.createEntry({ id: "second", spiffeId: "/second" });
	await eventually(async () => assert.equal((await client.ask("FetchX509SVID")).svids.length, 2), {
		deadlineMs: 40_000,
	});
});

test("amime agent attests and serves; a wrong start is told in one line", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const folder = makeTemporaryFolder(t);
	const roots = join(folder, "roots.pem");
	writeFileSync(
		roots,
		(JSON.parse((await world.admin("GET", "/v1/identity/bundle")).body) as { bundle: string }).bundle,
	);
	const socket = join(folder, "public/api.sock");
	const server = ["--server", `127.0.0.1:${world.plane.agentPort}`, "--trust-bundle", roots, "--socket", socket];
	const options = [...server, "--state", join(folder, "state")];
	const wrong = startAgentProcess(t, options);
	assert.equal(await wrong.exit, 1);
	assert.match(wrong.output(), /^amime: no agent has attested with .*: say who this node is by .*\[AGENT_STATE\]\n$/);
	const both = startAgentProcess(t, [...options, "--join-token", "x", "--kubernetes-cluster", "y"]);
	assert.equal(await both.exit, 1);
	assert.match(both.output(), /^amime: say in one way who this node is:.*\[AGENT_OPTIONS\]\n$/);
	const used = startAgentProcess(t, [...options, "--join-token", "unknown"]);
	assert.equal(await used.exit, 1);
	assert.match(used.output(), /\[ATTESTATION_REFUSED\]\n$/);
	const line = [...options, "--join-token", await world.createToken()];
	// The second start is of the same line: the token is used up, and the agent is who it was.
	for (const given of [line, line, options]) {
		const agent = startAgentProcess(t, given);
		await awaitIdentities(socket, [web], agent);
		agent.child.kill("SIGTERM");
		assert.equal(await agent.exit, 0, agent.output());
		assert.doesNotMatch(agent.output(), /PRIVATE KEY/);
	}
});

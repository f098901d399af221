/** Raw requests of another project's tests, good and bad: amime lets none through that Envoy refuses. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { managerFilter, socketAddress, staticCluster } from "../support/bootstraps.ts";
import { findEnvoy, findRequestCorpus, skipWithout } from "../support/peers.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const atOnce = 16;
/** So long nothing more may come. */
const quietMs = 300;
const patientMs = 2000;

test("raw requests are judged at least as strictly as Envoy judges them", {
	skip: skipWithout("envoy", findEnvoy()) || skipWithout("the raw requests of gunicorn's tests", findRequestCorpus()),
}, async (t) => {
	const corpus = readCorpus(findRequestCorpus()!);
	assert.ok(corpus.length > 90, `${corpus.length} requests`);
	const [envoy, amime] = await Promise.all([startSide(t, "envoy"), startSide(t, "amime")]);
	let refused = 0;
	for (let from = 0; from < corpus.length; from += atOnce) {
		await Promise.all(
			corpus.slice(from, from + atOnce).map(async ({ name, bytes }) => {
				let expected = await countAnswers(envoy, bytes, quietMs);
				let seen = await countAnswers(amime, bytes, quietMs);
				if (seen > expected) expected = await countAnswers(envoy, bytes, patientMs);
				assert.ok(seen <= expected, `${name}: amime let ${seen} requests through, Envoy ${expected}`);
				if (name.startsWith("valid") && seen < expected) {
					seen = await countAnswers(amime, bytes, patientMs);
					assert.equal(seen, expected, `${name}: amime let ${seen} requests through, Envoy ${expected}`);
				}
				if (expected === 0) refused++;
			}),
		);
	}
	assert.ok(refused > 20, `Envoy refuses ${refused} of ${corpus.length}`);
});

/** The corpus writes line ends, tabs and zero bytes as escapes, and its own line ends mean nothing. */
function readCorpus(folder: string): { name: string; bytes: Buffer }[] {
	return ["valid", "invalid"].flatMap((kind) =>
		readdirSync(join(folder, kind))
			.filter((file) => file.endsWith(".http"))
			.map((file) => {
				const text = readFileSync(join(folder, kind, file), "latin1")
					.replaceAll("\n", "")
					.replaceAll("\\r\\n", "\r\n")
					.replaceAll("\\0", "\0")
					.replaceAll("\\n", "\n")
					.replaceAll("\\t", "\t");
				return { name: `${kind}/${file}`, bytes: Buffer.from(text, "latin1") };
			}),
	);
}

/** A proxy in front of a backend that answers whole requests with 200. */
async function startSide(t: TestContext, kind: ProxyKind): Promise<number> {
	const backend = createServer((request, response) => {
		request.resume();
		request.on("end", () => response.end("ok"));
	});
	await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		backend.closeAllConnections();
		backend.close();
	});
	const { port } = backend.address() as { port: number };
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
	const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [managerFilter()] }] }],
			clusters: [staticCluster("c1", { load_assignment: { cluster_name: "c1", endpoints } })],
		},
	});
	return await proxy.port("l");
}

/** How many requests in the bytes are answered with 200. */
function countAnswers(port: number, bytes: Buffer, patienceMs: number): Promise<number> {
	return new Promise((resolve) => {
		let text = "";
		const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(bytes));
		const finish = (): void => {
			clearTimeout(timer);
			socket.destroy();
			resolve(text.match(/HTTP\/1\.[01] 200 /g)?.length ?? 0);
		};
		let timer = setTimeout(finish, patienceMs);
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			text += String(data);
			clearTimeout(timer);
			timer = setTimeout(finish, patienceMs);
		});
		socket.on("error", finish);
		socket.on("end", finish);
	});
}

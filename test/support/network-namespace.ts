import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { findEnvoy, findNft, findProgram, skipWithout } from "./peers.ts";

/** Set where the namespace is there already. */
const inside = "AMIME_TEST_NAMESPACE";

/** Whether this process has a network namespace to itself, where addresses and a firewall may be set up. */
export const isInNamespace = process.env[inside] === "1";

/** A test that runs its file again in a network namespace of its own, with an Envoy beside. */
export function testInNamespace(name: string, file: string): void {
	const skip =
		skipWithout("envoy", findEnvoy()) ||
		skipWithout("nft", findNft()) ||
		skipWithout("unshare", findProgram("unshare")) ||
		cannotUnshare();
	test(name, { skip }, () => {
		const { NODE_TEST_CONTEXT: _context, ...environment } = process.env;
		const { status, stdout, stderr } = spawnSync(
			"unshare",
			[...namespaces(), process.execPath, ...process.execArgv, file],
			{ encoding: "utf8", env: { ...environment, [inside]: "1" } },
		);
		assert.equal(status, 0, `${stdout}\n${stderr}`);
	});
}

/** Root has namespaces of its own; everybody else becomes root in one. */
function namespaces(): string[] {
	return process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
}

function cannotUnshare(): string | false {
	const { status } = spawnSync("unshare", [...namespaces(), "true"]);
	return status === 0 ? false : "this machine gives no network namespaces";
}

/** Brings the loopback interface up, with further addresses. */
export function addAddresses(addresses: readonly string[]): void {
	for (const address of addresses) run("ip", "addr", "add", `${address}/32`, "dev", "lo");
	run("ip", "link", "set", "lo", "up");
}

/** Redirects connections of a client, as the kernel does it in a Pod.
 *  @param destination of a rule of nft, such as `ip daddr 10.9.0.0/16 tcp dport 1-1000` */
export function redirect(client: string, destination: string, port: number): void {
	const nft = findNft();
	assert.ok(nft !== undefined);
	const rule = `ip saddr ${client} ${destination} redirect to :${port}`;
	run(
		nft,
		`add table ip test; add chain ip test output { type nat hook output priority -100; }; add rule ip test output ${rule}`,
	);
}

function run(program: string, ...args: string[]): void {
	execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const cache = resolve(import.meta.dirname, "../../.cache/peers");

/** The Envoy that `npm test` installed, or undefined when it could not be had. */
export function findEnvoy(): string | undefined {
	return findCached(/^envoy-\d/);
}

/** The HTTP/2 conformance tester that `npm test` built, or undefined when there was no Go toolchain. */
export function findH2spec(): string | undefined {
	return findCached(/^h2spec-\d/);
}

/** The program that loads firewall rules, of the system or the one that `npm test` installed; as a script that finds its libraries. */
export function findNft(): string | undefined {
	return findProgram("nft") ?? findCached(/^nft-debian$/);
}

/** The etcd server on PATH or that `npm test` unpacked. */
export function findEtcd(): string | undefined {
	return findProgram("etcd") ?? findCached(/^etcd$/);
}

/** A folder of raw requests, `valid` and `invalid`, that `npm test` installed. */
export function findRequestCorpus(): string | undefined {
	return findCached(/^gunicorn-.*-requests$/);
}

function findCached(pattern: RegExp): string | undefined {
	if (!existsSync(cache)) return undefined;
	const name = readdirSync(cache).find((entry) => pattern.test(entry));
	return name === undefined ? undefined : join(cache, name);
}

/** A program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
	try {
		return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim() || undefined;
	} catch {
		return undefined;
	}
}

/** The `skip` option of a test that needs a peer: false when it is there, else the peer's name for the report. */
export function skipWithout(peer: string, path: string | undefined): string | false {
	return path === undefined ? `PEER MISSING: ${peer}` : false;
}

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
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

/** A Chromium on PATH, or the one that `npm test` unpacked. */
export function findChromium(): string | undefined {
	return findProgram("chromium-headless-shell") ?? findProgram("chromium") ?? findCached(/^chromium-debian$/);
}

/** A server on PATH, or the one that `npm test` unpacked. */
export function findOriginServer(name: "nginx" | "haproxy"): string | undefined {
	return findProgram(name) ?? findCached(new RegExp(`^${name}-debian$`));
}

/** The etcd server on PATH or that `npm test` unpacked. */
export function findEtcd(): string | undefined {
	return findProgram("etcd") ?? findCached(/^etcd$/);
}

/** A folder with the software token `libsofthsm2.so` and `softhsm2-util`, that `npm test` unpacked. */
export function findSoftToken(): string | undefined {
	return findCached(/^softhsm$/);
}

/** A folder of raw requests, `valid` and `invalid`, that `npm test` installed. */
export function findRequestCorpus(): string | undefined {
	return findCached(/^gunicorn-.*-requests$/);
}

/** The name of the folder of a gRPC program and what it needs: another one when its source is another. */
export function proxylessPeerName(language: "go" | "python" | "java"): string {
	const folder = join(import.meta.dirname, "../proxyless", language);
	const hash = createHash("sha256");
	for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
	return `proxyless-${language}-${hash.digest("hex").slice(0, 12)}`;
}

/** The command that starts the gRPC program of a language, or undefined when it could not be had. */
export function findProxylessPeer(language: ProxylessLanguage): ProxylessCommand | undefined {
	const source = join(import.meta.dirname, "../proxyless", language);
	if (language === "node") return { program: process.execPath, args: [join(source, "main.ts")], env: {} };
	const folder = join(cache, proxylessPeerName(language));
	if (!existsSync(folder)) return undefined;
	switch (language) {
		case "go":
			return { program: join(folder, "peer"), args: [], env: {} };
		case "python":
			return { program: "python3", args: [join(source, "main.py")], env: { PYTHONPATH: join(folder, "lib") } };
		case "java": {
			const options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];
			return { program: "java", args: [...options, "-cp", `${folder}/classes:${folder}/lib/*`, "Main"], env: {} };
		}
	}
}

/** Languages whose gRPC library takes its configuration over xDS. */
export type ProxylessLanguage = "node" | "go" | "python" | "java";

export interface ProxylessCommand {
	readonly program: string;
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string>>;
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

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { basename, join, resolve } from "node:path";
import { createUpstreamMesh } from "../agent/upstream-mesh/index.ts";
import { type ControlPlaneCommandOptions, splitCommand } from "../cli/index.ts";
import { type ControlPlane, type ControlPlaneOptions, createControlPlane } from "../control/index.ts";
import { type Log, type LogLevel, MeshError, systemClock, systemRandom } from "../core/index.ts";
import {
	createUpstreamCommand,
	createUpstreamFiles,
	type KeyProvider,
	type UpstreamAuthority,
} from "../identity/index.ts";
import { createPluginKeys } from "../identity/key-plugin/index.ts";
import { createExplainEndpoints, createPredict } from "./explain-endpoints.ts";
import { readVersion } from "./host.ts";
import { createProcessLog, waitForSignal } from "./process.ts";
import { followKeptMemory } from "./release-memory.ts";

/** Runs `amime control-plane` until a signal ends it; answers with the exit code. */
export async function runControlPlane(options: ControlPlaneCommandOptions): Promise<number> {
	const stateFolder = resolve(options.state ?? join(".amime", basename(resolve(options.config ?? "control-plane"))));
	// Whoever gives a token holds the state folder and tells others where this control plane is.
	const given = process.env["AMIME_TOKEN"];
	delete process.env["AMIME_TOKEN"];
	const store = readStore(options);
	const ended = waitForSignal();
	const log = createProcessLog(options.logLevel as LogLevel);
	const keys = openKeyPlugin(options, log);
	const upstream = readUpstream(options, log);
	const holder = given === undefined || given === "" ? await holdState(stateFolder) : undefined;
	const adminTls = readAdminTls(options);
	const controlPlane = createControlPlane({
		...(options.config === undefined ? {} : { configFolder: resolve(options.config) }),
		stateFolder,
		...(store === undefined ? {} : { store }),
		authority: { ...(upstream !== undefined && { upstream }), ...(keys !== undefined && { keys }) },
		federation: readFederation(options),
		...(options.tokens === undefined ? {} : { tokensFile: resolve(options.tokens) }),
		...(options.agentAddress === undefined ? {} : { agentAddress: options.agentAddress }),
		...(options.attestation === undefined ? {} : { attestationFile: resolve(options.attestation) }),
		xdsAddress: options.xdsAddress,
		...(options.xdsTlsAddress === undefined ? {} : { xdsTlsAddress: options.xdsTlsAddress }),
		adminAddress: options.adminAddress,
		...(adminTls === undefined ? {} : { adminTls }),
		...(options.adminAllowPlaintext === true && { allowsPlainAdmin: true }),
		token: holder?.token ?? given ?? "",
		log,
		version: readVersion(),
		endpoints: createExplainEndpoints,
		predict: createPredict,
	});
	const keepMemory = followKeptMemory();
	try {
		await controlPlane.start();
		// What it has compiled serves the sidecars, which start next and share much of it.
		flushCompileCache();
		holder?.publish(controlPlane, options.adminAddress);
		await ended;
		await controlPlane.close();
	} finally {
		keepMemory();
		keys?.close();
		upstream?.feed?.close();
		holder?.release();
	}
	return 0;
}

function readAdminTls(options: ControlPlaneCommandOptions): ControlPlaneOptions["adminTls"] {
	const { adminTls, adminTlsCert, adminTlsKey, adminClientCa } = options;
	if ((adminTlsCert === undefined) !== (adminTlsKey === undefined))
		throw new MeshError("ADMIN_TLS", "--admin-tls-cert and --admin-tls-key go together: give both or none");
	if (adminTlsCert === undefined || adminTlsKey === undefined) {
		if (adminClientCa !== undefined)
			throw new MeshError("ADMIN_TLS", "--admin-client-ca is for TLS: give --admin-tls-cert and --admin-tls-key too");
		return adminTls === true ? "mesh" : undefined;
	}
	const read = (file: string): string => readPem(resolve(file), "ADMIN_TLS").toString("utf8");
	return {
		...{ cert: read(adminTlsCert), key: read(adminTlsKey) },
		...(adminClientCa !== undefined && { clientCa: read(adminClientCa) }),
	};
}

/** The etcd of the command line, or of `AMIME_STORE`, which other users of the machine do not see. */
function readStore({ store, storeCa, storeCert, storeKey }: ControlPlaneCommandOptions): ControlPlaneOptions["store"] {
	const address = store ?? process.env["AMIME_STORE"];
	delete process.env["AMIME_STORE"];
	if (address === undefined || address === "") return undefined;
	if ((storeCert === undefined) !== (storeKey === undefined))
		throw new MeshError("STORE_ADDRESS", "--store-cert and --store-key go together: give both or none");
	const read = (file: string): Buffer => readPem(file, "STORE_ADDRESS");
	return {
		address,
		tls: {
			...(storeCa === undefined ? {} : { ca: read(storeCa) }),
			...(storeCert === undefined ? {} : { cert: read(storeCert) }),
			...(storeKey === undefined ? {} : { key: read(storeKey) }),
		},
	};
}

function readPem(file: string, code: string): Buffer {
	try {
		return readFileSync(file);
	} catch (cause) {
		throw new MeshError(code, `${file} cannot be read: give a file with PEM`, { cause });
	}
}

function readUpstream(options: ControlPlaneCommandOptions, log: Log): UpstreamAuthority | undefined {
	const { upstreamCert, upstreamKey, upstreamRoots, upstreamCommand, upstreamServer, upstreamSocket } = options;
	if ((upstreamCert === undefined) !== (upstreamKey === undefined))
		throw new MeshError("AUTHORITY_UPSTREAM", "--upstream-cert and --upstream-key go together: give both or none");
	const [program, ...args] = splitCommand(upstreamCommand ?? []);
	const ways = [upstreamCert, program, upstreamServer].filter((way) => way !== undefined);
	if (ways.length > 1)
		throw new MeshError(
			"AUTHORITY_UPSTREAM",
			"--upstream-cert, --upstream-command and --upstream-server: give one of them",
		);
	if (upstreamServer !== undefined) {
		if (upstreamSocket === undefined)
			throw new MeshError(
				"AUTHORITY_UPSTREAM",
				"--upstream-server needs --upstream-socket: the Workload API of an agent of that mesh on this machine",
			);
		const socketPath = resolve(upstreamSocket.replace(/^unix:(?:\/\/)?/, ""));
		return createUpstreamMesh({ servers: upstreamServer, socketPath, clock: systemClock, random: systemRandom, log });
	}
	if (program !== undefined) return createUpstreamCommand({ program, args });
	if (upstreamCert === undefined || upstreamKey === undefined) return undefined;
	const roots = upstreamRoots === undefined ? {} : { roots: resolve(upstreamRoots) };
	return createUpstreamFiles({ certificate: resolve(upstreamCert), key: resolve(upstreamKey), ...roots });
}

/** The keys of a plugin: a program, or a socket of one that runs. */
function openKeyPlugin({ keyPlugin }: ControlPlaneCommandOptions, log: Log): KeyProvider | undefined {
	const [program, ...args] = keyPlugin ?? [];
	if (program === undefined) return undefined;
	const tools = { clock: systemClock, random: systemRandom, log };
	if (program.startsWith("unix:"))
		return createPluginKeys({ place: { kind: "socket", path: program.replace(/^unix:(?:\/\/)?/, "") }, ...tools });
	return createPluginKeys({ place: { kind: "command", program, args }, ...tools });
}

function readFederation(options: ControlPlaneCommandOptions): NonNullable<ControlPlaneOptions["federation"]> {
	const { bundleEndpoint, bundleEndpointCert, bundleEndpointKey, federationCa } = options;
	if ((bundleEndpointCert === undefined) !== (bundleEndpointKey === undefined))
		throw new MeshError(
			"FEDERATION_ADDRESS",
			"--bundle-endpoint-cert and --bundle-endpoint-key go together: give both or none",
		);
	const read = (file: string): string => readPem(resolve(file), "FEDERATION_ADDRESS").toString("utf8");
	return {
		...(bundleEndpoint !== undefined && { bundleEndpoint }),
		...(bundleEndpointCert !== undefined &&
			bundleEndpointKey !== undefined && {
				bundleEndpointWeb: { certificate: read(bundleEndpointCert), key: read(bundleEndpointKey) },
			}),
		...(federationCa !== undefined && { webRoots: read(federationCa) }),
	};
}

async function holdState(folder: string) {
	const { lockStateFolder, openStateFolder } = await import("../agent/supervise/index.ts");
	const state = openStateFolder(folder);
	const lock = lockStateFolder(state);
	const token = randomBytes(32).toString("base64url");
	return {
		token,
		publish({ adminPort, adminRoots, xdsPort }: ControlPlane, adminAddress: string): void {
			const given = adminAddress.slice(0, adminAddress.lastIndexOf(":"));
			const host = given === "0.0.0.0" || given === "[::]" ? "127.0.0.1" : given;
			const adminUrl = `${adminRoots === undefined ? "http" : "https"}://${host}:${adminPort}`;
			const tls = adminRoots === undefined ? {} : { tls: { ca: adminRoots, isPinned: true } };
			state.writeControlFile({ pid: process.pid, adminUrl, xdsAddress: `127.0.0.1:${xdsPort}`, token, ...tls });
		},
		release(): void {
			state.removeControlFile();
			lock.release();
		},
	};
}

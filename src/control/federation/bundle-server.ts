import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { type Clock, type Log, MeshError } from "../../core/index.ts";
import { type Authority, createSvidSource, formatSpiffeBundle, parseSigningRequest } from "../../identity/index.ts";
import { parseSpiffeId } from "../../model/index.ts";
import { followConnections } from "../follow-connections.ts";

export interface BundleServerOptions {
	readonly authority: Authority;
	/** `host:port` to listen at; others are to reach it. */
	readonly address: string;
	/** PEM of a certificate of the web (`https_web`); the trust domain's own by default (`https_spiffe`). */
	readonly web?: { readonly certificate: string; readonly key: string };
	readonly clock: Clock;
	readonly log: Log;
}

/** Publishes the bundle of this trust domain. */
export interface BundleServer {
	readonly port: number;
	close(): Promise<void>;
}

const refreshHintSeconds = 300;
/** How long a root is published before anything is shown under it: whoever fetches at the hint has it by then, though one fetch failed. */
export const bundlePublishMs = 2 * refreshHintSeconds * 1000;
const svidTtlMs = 3_600_000;
const maxConnections = 1000;

/** The SPIFFE ID of the bundle endpoint of a trust domain. */
export function bundleEndpointId(trustDomain: string): string {
	return `spiffe://${trustDomain}/amime/bundle-endpoint`;
}

/** Serves the bundle at `/` over TLS (SPIFFE Federation, section 5.1); it is public, and nothing is asked of clients.
 *  @throws MeshError `FEDERATION_ADDRESS` */
export async function startBundleServer(options: BundleServerOptions): Promise<BundleServer> {
	const { authority, web, clock, log } = options;
	const match = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d+)$/i.exec(options.address);
	if (match === null)
		throw new MeshError("FEDERATION_ADDRESS", `bundle endpoint '${options.address}': host:port expected`);
	const server = createServer(
		{ minVersion: "TLSv1.2", ...(web !== undefined && { cert: web.certificate, key: web.key }) },
		(request, response) => {
			// Undefined for a target that is no URL, such as "//": the endpoint is public, and a throw here would end the process.
			const path = URL.parse(request.url ?? "/", "https://bundle")?.pathname;
			if (path !== "/" || (request.method !== "GET" && request.method !== "HEAD")) {
				response.writeHead(path === "/" ? 405 : 404, { "content-length": "0" }).end();
				return;
			}
			const text = formatSpiffeBundle({
				authorities: authority.bundle().authorities,
				jwtKeys: authority.jwtKeys(),
				sequence: authority.sequence(),
				refreshHintSeconds,
			});
			response
				.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
				.end(text);
		},
	);
	const end = followConnections(server);
	server.maxConnections = maxConnections;
	server.requestTimeout = 10_000;
	const source = web === undefined ? createSource(server, authority, clock, log) : undefined;
	try {
		await source?.ready();
		await listen(server, (match[1] ?? match[2])!, Number(match[3]));
	} catch (cause) {
		source?.close();
		throw new MeshError("FEDERATION_ADDRESS", `bundle endpoint '${options.address}': cannot listen`, { cause });
	}
	const { port } = server.address() as AddressInfo;
	log.info("bundle published", { port, profile: web === undefined ? "https_spiffe" : "https_web" });
	return {
		port,
		close() {
			source?.close();
			return end();
		},
	};
}

/** The endpoint's own SVID, renewed at half its life and with each change of the authority, so that no root is kept for it. */
function createSource(server: Server, authority: Authority, clock: Clock, log: Log) {
	const spiffeId = parseSpiffeId(bundleEndpointId(authority.trustDomain));
	const source = createSvidSource({
		spiffeId,
		sign: (csr) =>
			authority.sign({ csr: parseSigningRequest(csr), spiffeId, ttlMs: svidTtlMs, followsAuthority: true }),
		clock,
		log,
	});
	source.onUpdate(({ certificateChainPem, privateKeyPem }) =>
		server.setSecureContext({ cert: certificateChainPem, key: privateKeyPem, minVersion: "TLSv1.2" }),
	);
	// What went wrong is in the log, and is tried again.
	const stop = authority.onChange(() => void source.renewNow().catch(() => undefined));
	return {
		ready: () => source.ready(),
		close() {
			stop();
			source.close();
		},
	};
}

function listen(server: Server, host: string, port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, host, () => {
			server.off("error", reject);
			server.on("error", () => undefined);
			resolve();
		});
	});
}

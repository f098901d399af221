import { generateKeyPairSync } from "node:crypto";
import { type Clock, describeError, type Log, type Timer } from "../core/index.ts";
import { type Authority, createSigningRequest } from "../identity/index.ts";
import { parseSpiffeId } from "../model/index.ts";

/** What a TLS server of the control plane shows, and whom it trusts; PEM. */
export interface ServerContext {
	readonly cert: string;
	readonly key: string;
	readonly ca: string;
}

/** The control plane's own certificate, kept fresh. */
export interface ServerCertificate {
	/** The one in use. */
	context(): ServerContext;
	/** Calls back with every other one, also when only the roots are others; returns how to stop. */
	onChange(listener: (context: ServerContext) => void): () => void;
	close(): void;
}

export interface ServerCertificateOptions {
	readonly authority: Pick<Authority, "sign" | "bundle" | "onChange" | "trustDomain">;
	readonly clock: Clock;
	readonly log: Log;
}

const ttlMs = 24 * 3_600_000;
const retryMs = 60_000;
/** For clients that check host names, such as gRPC's and curl. */
const dnsNames = ["localhost"];

/** Has `spiffe://<trust domain>/amime/server` signed, and again at half of its life and whenever the authority changes.
 *  @throws MeshError of the authority */
export async function openServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
	const { authority, clock, log } = options;
	const spiffeId = parseSpiffeId(`spiffe://${authority.trustDomain}/amime/server`);
	const listeners = new Set<(context: ServerContext) => void>();
	let timer: Timer | undefined;
	let isClosed = false;

	async function sign(): Promise<ServerContext> {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const csr = createSigningRequest(privateKey, { names: [{ kind: "uri", value: spiffeId }] });
		const { chain, notAfter } = await authority.sign({ csr, spiffeId, ttlMs, dnsNames, followsAuthority: true });
		schedule((notAfter - clock.wall()) / 2);
		const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
		return { cert: chain, key, ca: authority.bundle().pem };
	}

	function schedule(ms: number): void {
		timer?.cancel();
		if (!isClosed) timer = clock.setTimer(Math.max(ms, 1_000), renew, { unref: true });
	}

	function renew(): void {
		sign().then(
			(context) => {
				current = context;
				for (const listener of [...listeners]) listener(context);
			},
			(error: unknown) => {
				log.error("certificate of the control plane not renewed", { error: describeError(error), retryInMs: retryMs });
				schedule(retryMs);
			},
		);
	}

	let current = await sign();
	const stop = authority.onChange(renew);
	return {
		context: () => current,
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			isClosed = true;
			timer?.cancel();
			stop();
			listeners.clear();
		},
	};
}

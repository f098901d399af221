import { X509Certificate } from "node:crypto";
import type { AdminCertificate, AdminPem } from "../admin/index.ts";
import type { ClusterConfig, CommonTlsConfig, DataSourceConfig, ListenerConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";

const dayMs = 86_400_000;

/** The certificates that clusters and listeners use at the moment, with the roots they check peers against, each pair once. */
export function listCertificates(
	clusters: readonly ClusterConfig[],
	listeners: readonly ListenerConfig[],
	secrets: SecretSource,
): AdminCertificate[] {
	const contexts = [...clusters, ...listeners].flatMap(contextsOf);
	const seen = new Set<string>();
	return contexts
		.flatMap((context) => describeContext(context, secrets))
		.filter((certificate) => {
			const key = [...certificate.caCertificates, ...certificate.chain]
				.map(({ path, pem }) => `${path}\n${pem}`)
				.join("\n");
			if (seen.has(key)) return false;
			seen.add(key);
			return true;
		});
}

/** Whole days until the first of them ends; undefined when there is none. @param wall milliseconds since the Unix epoch */
export function daysUntilFirstExpiry(certificates: readonly AdminCertificate[], wall: number): number | undefined {
	const ends = certificates
		.flatMap(({ caCertificates, chain }) => [...caCertificates, ...chain])
		.flatMap(({ pem }) => pem.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
		.map((block) => new X509Certificate(block).validToDate.getTime());
	return ends.length === 0 ? undefined : Math.max(0, Math.floor((Math.min(...ends) - wall) / dayMs));
}

/** The TLS contexts of a cluster or a listener, in the order of the configuration. */
export function contextsOf(config: ClusterConfig | ListenerConfig): CommonTlsConfig[] {
	if ("filterChains" in config) {
		const { filterChains, defaultFilterChain } = config;
		const chains = [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])];
		return chains.map((chain) => chain.transportSocket).flatMap(tlsOf);
	}
	return [config.transportSocket, ...config.transportSocketMatches.map(({ socket }) => socket)].flatMap(tlsOf);
}

function tlsOf<T>(socket: { readonly kind: "raw-buffer" } | { readonly kind: "tls"; readonly tls: T }): T[] {
	return socket.kind === "tls" ? [socket.tls] : [];
}

function describeContext(context: CommonTlsConfig, secrets: SecretSource): AdminCertificate[] {
	const validation = secrets.validation(context.validation);
	const ca = validation === undefined || validation === "none" ? undefined : validation.ca;
	const caPath = context.validation.kind === "inline" ? pathOf(context.validation.context.trustedCa) : inline;
	const caCertificates = toPem(caPath, ca);
	const pairs = context.certificates.map((source): AdminCertificate => {
		const path = source.kind === "inline" ? pathOf(source.certificate.certificateChain) : inline;
		return { caCertificates, chain: toPem(path, secrets.certificate(source)?.cert) };
	});
	return pairs.length === 0 && caCertificates.length > 0 ? [{ caCertificates, chain: [] }] : pairs;
}

const inline = "<inline>";

function pathOf(source: DataSourceConfig | undefined): string {
	return source?.kind === "file" ? source.path : inline;
}

function toPem(path: string, pem: Buffer | undefined): AdminPem[] {
	return pem === undefined ? [] : [{ path, pem }];
}

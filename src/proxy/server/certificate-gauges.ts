import { X509Certificate } from "node:crypto";
import type { Gauge, StatsScope } from "../../telemetry/index.ts";
import { nameStats } from "../listener/index.ts";
import { type ClusterConfig, type CommonTlsConfig, type ListenerConfig, plainName } from "../runtime-config/index.ts";
import type { CertificateSecret, SecretSource, ValidationSecret } from "../secret/index.ts";
import { contextsOf } from "./certificates.ts";

/** When the certificates of TLS contexts end, as gauges: `ssl.certificate.<name>.expiration_unix_time_seconds`. Of several contexts with one
 *  name the last one tells, as in Envoy.
 *  @param root scope of all statistics
 *  @returns what brings them up to date */
export function createCertificateGauges(
	secrets: SecretSource,
	root: StatsScope,
): (clusters: readonly ClusterConfig[], listeners: readonly ListenerConfig[]) => void {
	const contexts = new WeakMap<object, readonly CommonTlsConfig[]>();
	let shown = new Map<string, Shown>();
	const ends = new WeakMap<object, readonly NamedEnd[]>();

	function set({ scope, gauges }: Shown, { name, seconds }: NamedEnd): void {
		let gauge = gauges.get(name);
		if (gauge === undefined) {
			gauge = scope.gauge(`ssl.certificate.${name}.expiration_unix_time_seconds`);
			gauges.set(name, gauge);
		}
		gauge.value = seconds;
	}

	/** Secrets do not change, so each is read once. */
	function endsOf<Secret extends object>(
		secret: Secret,
		read: (secret: Secret) => readonly NamedEnd[],
	): readonly NamedEnd[] {
		const known = ends.get(secret) ?? read(secret);
		ends.set(secret, known);
		return known;
	}

	function showContext(owner: Shown, context: CommonTlsConfig): void {
		for (const source of context.certificates) {
			const secret = secrets.certificate(source);
			const name = source.kind === "inline" ? "unnamed_cert_e3b0c442" : plainName(source.name);
			if (secret !== undefined) for (const end of endsOf(secret, readLeaf)) set(owner, { ...end, name });
		}
		const validation = secrets.validation(context.validation);
		if (validation === undefined || validation === "none") return;
		const secretName = context.validation.kind === "secret" ? plainName(context.validation.name) : undefined;
		const isSpiffe = validation.trustDomains !== undefined;
		for (const { name, seconds } of endsOf(validation, readRoots)) {
			const base = secretName ?? (isSpiffe ? "unnamed_ca_cert" : "unnamed_ca_cert_e3b0c442");
			set(owner, { name: isSpiffe ? `${base}_${name}` : base, seconds });
		}
	}

	return (clusters, listeners) => {
		const next = new Map<string, Shown>();
		const show = (statName: string, config: ClusterConfig | ListenerConfig): void => {
			const known = contexts.get(config) ?? contextsOf(config);
			contexts.set(config, known);
			if (known.length === 0) return;
			const owner = next.get(statName) ?? shown.get(statName) ?? { scope: root.scope(statName), gauges: new Map() };
			next.set(statName, owner);
			for (const context of known) showContext(owner, context);
		};
		for (const cluster of clusters) show(`cluster.${cluster.statName}`, cluster);
		for (const listener of listeners) show(`listener.${nameStats(listener)}`, listener);
		for (const [statName, { scope }] of shown) if (!next.has(statName)) scope.close();
		shown = next;
	};
}

/** The gauges of one cluster or listener. */
interface Shown {
	readonly scope: StatsScope;
	readonly gauges: Map<string, Gauge>;
}

interface NamedEnd {
	readonly name: string;
	readonly seconds: number;
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function readLeaf({ cert }: CertificateSecret): NamedEnd[] {
	const [leaf] = cert?.toString("latin1").match(certificatePattern) ?? [];
	return leaf === undefined ? [] : [{ name: "", seconds: endOf(new X509Certificate(leaf)) }];
}

/** The first of a bundle to end; of trust domains each root by its number. */
function readRoots({ ca, trustDomains }: ValidationSecret): NamedEnd[] {
	if (trustDomains !== undefined) {
		return [...trustDomains.values()].flat().map((root, index) => ({ name: String(index), seconds: endOf(root) }));
	}
	const roots = (ca?.toString("latin1").match(certificatePattern) ?? []).map((root) =>
		endOf(new X509Certificate(root)),
	);
	return roots.length === 0 ? [] : [{ name: "", seconds: Math.min(...roots) }];
}

function endOf(certificate: X509Certificate): number {
	return Math.floor(certificate.validToDate.getTime() / 1000);
}

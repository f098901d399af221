import { dirname } from "node:path";
import type { Log, Problem, Validated } from "../../core/index.ts";
import type { FileWatcher } from "../file-watcher/index.ts";
import {
	type DataSourceConfig,
	plainName,
	type SecretConfig,
	type TicketKeysSource,
	type TlsCertificateSource,
	type ValidationContextConfig,
	type ValidationSource,
} from "../runtime-config/index.ts";
import { type Environment, loadCertificate, loadGeneric, loadTicketKeys, loadValidation } from "./load.ts";
import type { SecretSource, TlsSecret, ValidationSecret } from "./secret.ts";

export interface SecretStoreOptions {
	readonly files: FileWatcher;
	readonly log: Log;
	/** For secrets that name an environment variable. */
	readonly environment: Environment;
}

/** The secrets of one proxy, in memory. */
export interface SecretStore extends SecretSource {
	/** Adds or replaces a secret and watches its files. Refused with what is wrong; then the earlier one stays. */
	apply(secret: SecretConfig): readonly Problem[];
	remove(name: string): void;
	close(): void;
}

/** Creates an empty store. */
export function createSecretStore(options: SecretStoreOptions): SecretStore {
	const { environment, files } = options;
	const log = options.log.child("secret");
	const secrets = new Map<string, TlsSecret>();
	const unwatch = new Map<string, () => void>();
	const listeners = new Set<(name: string) => void>();
	/** What inline sources were read as; a source is read once, as Envoy does. */
	const inline = new WeakMap<object, TlsSecret>();
	/** Secrets joined with the defaults of the context that refers to them. */
	const joined = new WeakMap<object, { readonly from: ValidationSecret; readonly result: ValidationSecret }>();

	function load(config: SecretConfig): Validated<TlsSecret> {
		if (config.kind === "tls-certificate") return loadCertificate(config.name, config.certificate, environment);
		if (config.kind === "validation-context") return loadValidation(config.name, config.context, environment);
		if (config.kind === "session-ticket-keys") return loadTicketKeys(config.name, config.keys, environment);
		return loadGeneric(config.name, config.secret, environment);
	}

	function set(secret: TlsSecret): void {
		if (secrets.get(secret.name)?.version === secret.version) return;
		secrets.set(secret.name, secret);
		log.info("secret is new", { secret: plainName(secret.name), kind: secret.kind });
		for (const listener of [...listeners]) listener(secret.name);
	}

	function watchFiles(config: SecretConfig): void {
		unwatch.get(config.name)?.();
		const stops = listFiles(config).map(({ path, watchedDirectory }) =>
			files.watch(path, watchedDirectory, () => {
				const loaded = load(config);
				if (loaded.ok) set(loaded.value);
				else
					log.warn("secret was replaced by one that cannot be used", {
						secret: plainName(config.name),
						problems: loaded.problems,
					});
			}),
		);
		unwatch.set(config.name, () => {
			for (const stop of stops) stop();
		});
	}

	function loadInline<Secret extends TlsSecret>(source: object, read: () => Validated<Secret>): Secret | undefined {
		const known = inline.get(source);
		if (known !== undefined) return known as Secret;
		const loaded = read();
		if (!loaded.ok) {
			log.warn("inline secret cannot be used", { problems: loaded.problems });
			return undefined;
		}
		inline.set(source, loaded.value);
		return loaded.value;
	}

	return {
		apply(config) {
			const loaded = load(config);
			if (!loaded.ok) return loaded.problems;
			watchFiles(config);
			set(loaded.value);
			return [];
		},
		remove(name) {
			unwatch.get(name)?.();
			unwatch.delete(name);
			secrets.delete(name);
		},
		get: (name) => secrets.get(name),
		certificate(source: TlsCertificateSource) {
			if (source.kind === "inline") {
				return loadInline(source, () => loadCertificate("inline", source.certificate, environment));
			}
			const secret = secrets.get(source.name);
			return secret?.kind === "certificate" ? secret : undefined;
		},
		validation(source: ValidationSource) {
			if (source.kind === "none") return "none";
			if (source.kind === "inline") {
				return loadInline(source, () => loadValidation("inline", source.context, environment));
			}
			const secret = secrets.get(source.name);
			if (secret?.kind !== "validation") return undefined;
			const { defaults } = source;
			if (defaults === undefined) return secret;
			const known = joined.get(source);
			if (known?.from === secret) return known.result;
			const base = loadInline(defaults, () => loadValidation("inline", defaults, environment));
			if (base === undefined) return undefined;
			const result = joinValidation(base, secret);
			joined.set(source, { from: secret, result });
			return result;
		},
		ticketKeys(source: TicketKeysSource) {
			if (source.kind === "none") return "none";
			if (source.kind === "inline") {
				return loadInline(source, () => loadTicketKeys("inline", source.keys, environment));
			}
			const secret = secrets.get(source.name);
			return secret?.kind === "ticket-keys" ? secret : undefined;
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			for (const stop of unwatch.values()) stop();
			unwatch.clear();
			listeners.clear();
			secrets.clear();
		},
	};
}

/** As Envoy merges the two messages: what the secret sets replaces, lists are joined. */
function joinValidation(defaults: ValidationSecret, secret: ValidationSecret): ValidationSecret {
	return Object.freeze({
		kind: "validation",
		name: secret.name,
		version: `${defaults.version}+${secret.version}`,
		ca: secret.ca ?? defaults.ca,
		systemRoots: secret.systemRoots || defaults.systemRoots,
		crl: secret.crl ?? defaults.crl,
		subjectAltNames: [...defaults.subjectAltNames, ...secret.subjectAltNames],
		spkiHashes: [...defaults.spkiHashes, ...secret.spkiHashes],
		certificateHashes: [...defaults.certificateHashes, ...secret.certificateHashes],
		allowExpired: secret.allowExpired || defaults.allowExpired,
		acceptUntrusted: secret.acceptUntrusted || defaults.acceptUntrusted,
		trustDomains: secret.trustDomains ?? defaults.trustDomains,
		chainRules: secret.chainRules ?? defaults.chainRules,
	});
}

interface SecretFile {
	readonly path: string;
	readonly watchedDirectory: string | undefined;
}

function listFiles(config: SecretConfig): SecretFile[] {
	if (config.kind === "tls-certificate") {
		const { certificateChain, password, pkcs12, privateKey, watchedDirectory } = config.certificate;
		return filesOf([certificateChain, privateKey, password, pkcs12], watchedDirectory);
	}
	if (config.kind === "validation-context") return filesOf(sourcesOf(config.context), config.context.watchedDirectory);
	return filesOf(config.kind === "session-ticket-keys" ? config.keys : [config.secret], undefined);
}

function sourcesOf(context: ValidationContextConfig): (DataSourceConfig | undefined)[] {
	return [context.trustedCa, context.crl, ...(context.spiffeTrustDomains ?? []).map(({ bundle }) => bundle)];
}

function filesOf(
	sources: readonly (DataSourceConfig | undefined)[],
	watchedDirectory: string | undefined,
): SecretFile[] {
	return sources.flatMap((source) =>
		source?.kind === "file"
			? // Anything that moves into the file's folder may have changed it: Kubernetes swaps a link beside it.
				[{ path: source.path, watchedDirectory: source.watchedDirectory ?? watchedDirectory ?? dirname(source.path) }]
			: [],
	);
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { describeError, type Problem, type Validated } from "../../core/index.ts";
import { hashBytes } from "../../xds/client/index.ts";
import {
	type DataSourceConfig,
	type TlsCertificateConfig,
	ticketKeyBytes,
	type ValidationContextConfig,
} from "../runtime-config/index.ts";
import { readRevocationLists } from "./chain-rules.ts";
import type { CertificateSecret, GenericSecret, TicketKeysSecret, ValidationSecret } from "./secret.ts";

/** Environment variables by name, for `DataSource.environment_variable`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a key pair and checks that it can be used. */
export function loadCertificate(
	name: string,
	config: TlsCertificateConfig,
	environment: Environment,
): Validated<CertificateSecret> {
	const problems: Problem[] = [];
	const read = (path: string, source: DataSourceConfig | undefined): Buffer | undefined =>
		readSource(path, source, environment, problems);
	const pfx = read("pkcs12", config.pkcs12);
	const cert = pfx === undefined ? read("certificate_chain", config.certificateChain) : undefined;
	const key = pfx === undefined ? read("private_key", config.privateKey) : undefined;
	const passphrase = read("password", config.password)?.toString("utf8");
	if (problems.length === 0) checkKeyPair(cert, key, pfx, passphrase, problems);
	if (problems.length > 0) return { ok: false, problems };
	const version = hashBytes(Buffer.concat([cert ?? empty, key ?? empty, pfx ?? empty, Buffer.from(passphrase ?? "")]));
	return { ok: true, value: Object.freeze({ kind: "certificate", name, version, cert, key, pfx, passphrase }) };
}

const empty = Buffer.alloc(0);

/** A torn rotation (a new certificate beside the old key) must not reach a connection. */
function checkKeyPair(
	cert: Buffer | undefined,
	key: Buffer | undefined,
	pfx: Buffer | undefined,
	passphrase: string | undefined,
	problems: Problem[],
): void {
	try {
		if (pfx !== undefined) {
			createSecureContext({ pfx, ...(passphrase === undefined ? {} : { passphrase }) });
			return;
		}
		if (cert === undefined || cert.length === 0) {
			problems.push({ path: "certificate_chain", problem: "is empty" });
			return;
		}
		if (key === undefined || key.length === 0) {
			problems.push({ path: "private_key", problem: "is empty" });
			return;
		}
		const privateKey = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
		if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
			problems.push({ path: "private_key", problem: "does not belong to the certificate" });
		}
	} catch (error) {
		problems.push({ path: "", problem: `cannot be used: ${describeError(error)}` });
	}
}

/** Reads what peers must satisfy and checks that it can be used. */
export function loadValidation(
	name: string,
	config: ValidationContextConfig,
	environment: Environment,
): Validated<ValidationSecret> {
	const problems: Problem[] = [];
	const trusted = readSource("trusted_ca", config.trustedCa, environment, problems);
	const crl = readSource("crl", config.crl, environment, problems);
	const bundles = config.spiffeTrustDomains?.map(({ name: domain, bundle }) => ({
		domain,
		pem: readSource(`trust_domains[${domain}].trust_bundle`, bundle, environment, problems) ?? empty,
	}));
	const roots = [...(trusted === undefined ? [] : [trusted]), ...(bundles ?? []).map(({ pem }) => pem)];
	const anchors = trusted === undefined ? [] : splitPem(trusted, problems);
	const trustDomains =
		bundles === undefined ? undefined : new Map(bundles.map(({ domain, pem }) => [domain, splitPem(pem, problems)]));
	if (problems.length > 0) return { ok: false, problems };
	const ca = roots.length === 0 ? undefined : Buffer.concat(roots.flatMap((root) => [root, newline]));
	const { systemRoots, subjectAltNames, spkiHashes, certificateHashes, allowExpired, acceptUntrusted } = config;
	const { maxVerifyDepth, onlyVerifyLeafCrl } = config;
	const rules = { systemRoots, subjectAltNames, spkiHashes, certificateHashes, allowExpired, acceptUntrusted };
	const described = describeRules({ ...rules, maxVerifyDepth, onlyVerifyLeafCrl });
	const version = hashBytes(Buffer.concat([ca ?? empty, crl ?? empty, Buffer.from(described)]));
	const checksLeafOnly = crl !== undefined && onlyVerifyLeafCrl;
	const chainRules =
		maxVerifyDepth === undefined && !checksLeafOnly
			? undefined
			: { maxDepth: maxVerifyDepth, anchors, leafLists: checksLeafOnly ? readRevocationLists(crl) : undefined };
	const libraryCrl = checksLeafOnly ? undefined : crl;
	return {
		ok: true,
		value: Object.freeze({
			kind: "validation",
			name,
			version,
			ca,
			crl: libraryCrl,
			...rules,
			trustDomains,
			chainRules,
		}),
	};
}

/** Reads the keys of session tickets and checks their length. */
export function loadTicketKeys(
	name: string,
	sources: readonly DataSourceConfig[],
	environment: Environment,
): Validated<TicketKeysSecret> {
	const problems: Problem[] = [];
	const keys = sources.flatMap((source, index) => readSource(`keys[${index}]`, source, environment, problems) ?? []);
	for (const [index, { length }] of keys.entries()) {
		if (length === ticketKeyBytes) continue;
		problems.push({ path: `keys[${index}]`, problem: `has ${length} bytes, not ${ticketKeyBytes}` });
	}
	if (problems.length > 0) return { ok: false, problems };
	return {
		ok: true,
		value: Object.freeze({ kind: "ticket-keys", name, version: hashBytes(Buffer.concat(keys)), keys }),
	};
}

/** Reads a secret that is nothing but bytes. */
export function loadGeneric(
	name: string,
	source: DataSourceConfig,
	environment: Environment,
): Validated<GenericSecret> {
	const problems: Problem[] = [];
	const bytes = readSource("secret", source, environment, problems);
	if (bytes === undefined) return { ok: false, problems };
	return { ok: true, value: Object.freeze({ kind: "generic", name, version: hashBytes(bytes), bytes }) };
}

const newline = Buffer.from("\n");

function describeRules(rules: object): string {
	return JSON.stringify(rules, (_key, value: unknown) => (value instanceof RegExp ? String(value) : value));
}

function splitPem(pem: Buffer, problems: Problem[]): X509Certificate[] {
	const blocks = pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	if (blocks.length === 0) problems.push({ path: "trusted_ca", problem: "holds no PEM certificate" });
	return blocks.flatMap((block) => {
		try {
			return [new X509Certificate(block)];
		} catch (error) {
			problems.push({ path: "trusted_ca", problem: `holds a broken certificate: ${describeError(error)}` });
			return [];
		}
	});
}

function readSource(
	path: string,
	source: DataSourceConfig | undefined,
	environment: Environment,
	problems: Problem[],
): Buffer | undefined {
	if (source === undefined) return undefined;
	switch (source.kind) {
		case "inline":
			return Buffer.from(source.bytes);
		case "environment": {
			const value = environment[source.variable];
			if (value === undefined) problems.push({ path, problem: `environment variable ${source.variable} is not set` });
			return value === undefined ? undefined : Buffer.from(value);
		}
		default:
			try {
				return readFileSync(source.path);
			} catch (error) {
				problems.push({
					path: `${path}.filename`,
					problem: `${source.path} cannot be read: ${describeError(error, source.path)}`,
				});
				return undefined;
			}
	}
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { TlsParameters } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { describeError } from "../../core/index.ts";
import type { Scope } from "./scope.ts";
import type { DataSourceConfig, TlsCertificateConfig, ValidationContextConfig } from "./tls-config.ts";

/** Reports a key pair that cannot be used as it lies there. Only where the files of the configuration are at hand; what is watched may
 *  come later. */
export function checkCertificate(config: TlsCertificateConfig, scope: Scope): void {
	if (!canLook(scope) || config.watchedDirectory !== undefined || config.pkcs12 !== undefined) return;
	const chain = read(config.certificateChain, scope.at("certificate_chain"));
	const key = config.privateKey === undefined ? undefined : read(config.privateKey, scope.at("private_key"));
	if (chain === undefined || key === undefined) return;
	const passphrase = config.password === undefined ? undefined : read(config.password, scope.at("password"));
	let certificate: X509Certificate;
	try {
		certificate = new X509Certificate(chain);
	} catch (error) {
		scope.at("certificate_chain").report(`failed to load the certificate chain: ${describeError(error)}`);
		return;
	}
	try {
		const loaded = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
		if (!certificate.checkPrivateKey(loaded)) scope.at("private_key").report("the key is not that of the certificate");
	} catch (error) {
		scope.at("private_key").report(`failed to load the private key: ${describeError(error)}`);
	}
}

/** Reports authorities that are none, and lists of revoked certificates that are not there. */
export function checkAuthorities(config: ValidationContextConfig, scope: Scope): void {
	if (!canLook(scope) || config.watchedDirectory !== undefined) return;
	if (config.crl !== undefined) read(config.crl, scope.at("crl"));
	if (config.trustedCa !== undefined) checkRoots(config.trustedCa, "CA certificates", scope.at("trusted_ca"));
}

/** Reports the bundle of a trust domain that is none. */
export function checkTrustBundle(bundle: DataSourceConfig, domain: string, scope: Scope): void {
	if (canLook(scope)) checkRoots(bundle, `CA certificate for ${domain}`, scope);
}

function checkRoots(source: DataSourceConfig, what: string, scope: Scope): void {
	const bytes = read(source, scope);
	if (bytes === undefined) return;
	try {
		new X509Certificate(bytes);
	} catch (error) {
		scope.report(`failed to load trusted ${what}: ${describeError(error)}`);
	}
}

/** The bytes of one key for session tickets: a name, a key for the signature, a key for the cipher. */
export const ticketKeyBytes = 80;

/** Reports keys of session tickets that are too short or too long. */
export function checkTicketKeys(keys: readonly DataSourceConfig[], scope: Scope): void {
	if (!canLook(scope)) return;
	for (const [index, key] of keys.entries()) {
		const at = scope.at("keys", index);
		const bytes = read(key, at);
		if (bytes === undefined || bytes.length === ticketKeyBytes) continue;
		at.report(`a session ticket key has ${ticketKeyBytes} bytes, not ${bytes.length}`);
	}
}

/** Reports ciphers, curves and signature algorithms that the library does not have. */
export function checkAlgorithms({ cipherSuites, ecdhCurves, signatureAlgorithms }: TlsParameters, scope: Scope): void {
	for (const [index, suite] of cipherSuites.entries()) {
		const group = /^\[(.*)\]$/.exec(suite)?.[1] ?? suite;
		const unknown = group.split("|").find((cipher) => !/^[\w-]+$/.test(cipher) || !accepts({ ciphers: cipher }));
		if (unknown !== undefined) scope.at("cipher_suites", index).report(`unknown cipher suite ${unknown}`);
	}
	for (const [index, curve] of ecdhCurves.entries()) {
		if (!accepts({ ecdhCurve: curve })) scope.at("ecdh_curves", index).report(`unknown curve ${curve}`);
	}
	for (const [index, algorithm] of signatureAlgorithms.entries()) {
		if (accepts({ sigalgs: algorithm })) continue;
		scope.at("signature_algorithms", index).report(`unknown signature algorithm ${algorithm}`);
	}
}

function accepts(options: SecureContextOptions): boolean {
	try {
		createSecureContext(options);
		return true;
	} catch {
		return false;
	}
}

function canLook(scope: Scope): boolean {
	return scope.options.pathExists !== undefined;
}

function read(source: DataSourceConfig, scope: Scope): Buffer | undefined {
	if (source.kind === "inline") return Buffer.from(source.bytes);
	if (source.kind === "environment") {
		const value = scope.environment.environment(source.variable);
		if (value === undefined) scope.report(`environment variable ${source.variable} does not exist`);
		return value === undefined ? undefined : Buffer.from(value);
	}
	const bytes = scope.readFile(source.path);
	return bytes === undefined ? undefined : Buffer.from(bytes);
}

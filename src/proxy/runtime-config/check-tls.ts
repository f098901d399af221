import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
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

/** Reports authorities that are none. */
export function checkAuthorities(config: ValidationContextConfig, scope: Scope): void {
	if (!canLook(scope) || config.watchedDirectory !== undefined || config.trustedCa === undefined) return;
	const bytes = read(config.trustedCa, scope.at("trusted_ca"));
	if (bytes === undefined) return;
	try {
		new X509Certificate(bytes);
	} catch (error) {
		scope.at("trusted_ca").report(`failed to load trusted CA certificates: ${describeError(error)}`);
	}
}

/** Reports ciphers and curves that the library does not have. Envoy's groups (`[A|B]`) are left alone. */
export function checkAlgorithms(ciphers: readonly string[], curves: readonly string[], scope: Scope): void {
	for (const [index, cipher] of ciphers.entries()) {
		if (!/^[\w-]+$/.test(cipher) || accepts({ ciphers: cipher })) continue;
		scope.at("cipher_suites", index).report(`unknown cipher suite ${cipher}`);
	}
	for (const [index, curve] of curves.entries()) {
		if (!accepts({ ecdhCurve: curve })) scope.at("ecdh_curves", index).report(`unknown curve ${curve}`);
	}
}

function accepts(options: { readonly ciphers?: string; readonly ecdhCurve?: string }): boolean {
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
	if (source.kind === "environment") return undefined;
	const bytes = scope.readFile(source.path);
	return bytes === undefined ? undefined : Buffer.from(bytes);
}

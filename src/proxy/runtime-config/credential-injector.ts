import type { CredentialInjector } from "../../api/gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js";
import type { Generic } from "../../api/gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.js";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import { qualifyName } from "./resource-name.ts";
import { type Scope, toWireText } from "./scope.ts";
import { readSecretSource } from "./tls.ts";
import { unpackExtension } from "./values.ts";

/** `envoy.extensions.filters.http.credential_injector.v3.CredentialInjector` with a generic credential. */
export interface CredentialInjectorConfig {
	/** Whether a credential that is there already gives way. */
	readonly overwrites: boolean;
	/** Whether requests go on while there is no credential. */
	readonly allowsNone: boolean;
	/** The name of the generic secret that is the credential. */
	readonly secret: string;
	/** Undefined: the secret is one of the bootstrap. */
	readonly source: ConfigSourceConfig | undefined;
	/** Lower case. */
	readonly header: string;
	readonly prefix: string;
}

const genericType = "envoy.extensions.http.injected_credentials.generic.v3.Generic";

/** A credential of another kind is a problem. */
export function readCredentialInjector(message: CredentialInjector, scope: Scope): CredentialInjectorConfig {
	const at = scope.at("credential").at("typed_config");
	const config = unpackExtension(message.credential?.typedConfig, at);
	const generic = config?.$typeName === genericType ? (config as Generic) : undefined;
	if (config !== undefined && generic === undefined) at.report(`credential ${config.$typeName} is not supported`);
	const source = generic?.credential && readSecretSource(generic.credential, at.at("credential"));
	return {
		overwrites: message.overwrite,
		allowsNone: message.allowRequestWithoutCredential,
		secret: qualifyName(generic?.credential?.name ?? "", source),
		source,
		header: generic?.header.toLowerCase() || "authorization",
		prefix: toWireText(generic?.headerValuePrefix ?? ""),
	};
}

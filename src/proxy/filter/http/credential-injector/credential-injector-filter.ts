import { getHeader, setHeader } from "../../../../core/index.ts";
import type { CredentialInjectorConfig } from "../../../runtime-config/index.ts";
import { createCredentialInjectorStats } from "../../../stats/index.ts";
import type { HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

/** Puts a secret into requests, so that applications need not have it. Spec:
 *  `envoy.extensions.filters.http.credential_injector.v3`. */
export function createCredentialInjectorFilter(
	{ name, disabled, index, scope, context }: FilterParts,
	config: CredentialInjectorConfig,
): HttpFilter {
	const stats = createCredentialInjectorStats(scope.scope("credential_injector"));
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { headers } = stream.request;
			if (!config.overwrites && getHeader(headers, config.header) !== undefined) {
				stats.already_exists.value++;
				return "continue";
			}
			const secret = context.secrets.get(config.secret);
			const credential = secret?.kind === "generic" ? secret.bytes.toString("latin1") : "";
			if (credential !== "") {
				setHeader(headers, config.header, config.prefix + credential);
				stats.injected.value++;
				return "continue";
			}
			stats.failed.value++;
			if (config.allowsNone) return "continue";
			stream.sendLocalReply({
				status: 401,
				body: "Failed to inject credential.",
				details: "failed_to_inject_credential",
				flags: 0,
			});
			return "stop";
		},
	};
}

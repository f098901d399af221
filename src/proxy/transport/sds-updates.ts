import type { Counter } from "../../telemetry/index.ts";
import type { CommonTlsConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";

/** Counts what SDS brings for a TLS context: the secrets that are there already, and each one that comes (`ssl_context_update_by_sds`).
 *  @returns what stops counting */
export function countSdsUpdates(config: CommonTlsConfig, secrets: SecretSource, counter: Counter): () => void {
	const names = [...config.certificates, config.validation, config.ticketKeys].flatMap((source) =>
		source.kind === "secret" && source.source !== undefined ? [source.name] : [],
	);
	if (names.length === 0) return () => undefined;
	counter.value += names.filter((name) => secrets.get(name) !== undefined).length;
	return secrets.onChange((name) => {
		counter.value += names.filter((one) => one === name).length;
	});
}

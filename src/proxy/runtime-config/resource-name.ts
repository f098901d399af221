import { xxHash64 } from "../../engine/hash/index.ts";
import type { ApiConfigSourceConfig, ConfigSourceConfig } from "./config-source-config.ts";

const separator = "\0";

/** The name that a resource goes by within the proxy: its own and, unless it comes from the aggregated server, its source's, as every source
 *  may have another one of that name. `source` is undefined for what the bootstrap holds. */
export function qualifyName(name: string, source: ConfigSourceConfig | undefined): string {
	if (source === undefined || source.kind === "ads" || source.kind === "self") return name;
	if (source.kind === "path") return [name, source.path, source.watchedDirectory ?? ""].join(separator);
	return `${name}${separator}${xxHash64(identifyServer(source))}`;
}

/** A resource's own name, as others show it. */
export function plainName(qualified: string): string {
	const end = qualified.indexOf(separator);
	return end === -1 ? qualified : qualified.slice(0, end);
}

/** Something named, with the name that others show. */
export function showPlainly<Named extends { readonly name: string }>(named: Named): Named {
	return { ...named, name: plainName(named.name) };
}

/** Sources of one identity are one server. */
export function identifyServer({ delta, services }: ApiConfigSourceConfig): string {
	return JSON.stringify([delta, services]);
}

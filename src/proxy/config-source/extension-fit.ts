import { type ExtensionConfig, isTerminalFilter } from "../runtime-config/index.ts";
import type { ExtensionReference } from "./references.ts";

/** Why a filter's configuration cannot be what a listener asked for; undefined when it can. */
export function findMisfit(extension: ExtensionConfig, { isTerminal, types }: ExtensionReference): string | undefined {
	const { typeUrl } = extension;
	if (!types.includes(typeUrl)) return `Error: filter config has type URL ${typeUrl} but expect ${types.join(", ")}.`;
	if (extension.of !== "network" || isTerminalFilter(extension.filter) === isTerminal) return undefined;
	return isTerminal
		? `the last filter of a chain must be a terminal one, not ${extension.name}`
		: `terminal filter ${extension.name} must be the last filter of its chain`;
}

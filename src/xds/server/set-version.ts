import { hashBytes } from "../resource/resource.ts";
import type { VersionOf } from "./stream.ts";

/** Hashes names and versions in order of name; the version of a map, which nodes may share, or of a single resource is computed once. */
export function createSetVersions(): VersionOf {
	const versions = new WeakMap<object, string>();
	return (resources) => {
		const [single, second] = resources.values();
		// One changed resource goes to many streams.
		const key = single !== undefined && second === undefined ? single : resources;
		const known = versions.get(key);
		if (known !== undefined) return known;
		const lines = Array.from(resources.values(), (resource) => `${resource.name}\n${resource.version}\n`).sort();
		const version = hashBytes(lines.join(""));
		versions.set(key, version);
		return version;
	};
}

import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import type { Bootstrap } from "../api/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { LocalitySchema, NodeSchema } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { StatsConfigSchema, TagSpecifierSchema } from "../api/gen/envoy/config/metrics/v3/stats_pb.js";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { MeshError, type Validated } from "../core/index.ts";
import { describeProblems, mergeBootstrap, parseBinaryBootstrap, parseBootstrap } from "../proxy/index.ts";

/** The bootstrap that the flags ask for. */
export interface ReadBootstrap {
	readonly bootstrap: Bootstrap;
	/** Fields passed over because nobody knows them. */
	readonly unknownFields: number;
}

/** Reads the file, merges the text over it, and puts what flags say of the node into it.
 *  @throws MeshError */
export function readBootstrap(options: ProxyCommandOptions): ReadBootstrap {
	const { configPath, configYaml } = options;
	let unknownFields = 0;
	const onUnknown = options.allowsUnknownStaticFields ? () => void unknownFields++ : undefined;
	const fromFile = configPath === undefined ? undefined : orThrow(parseFile(configPath, onUnknown));
	const fromText = configYaml === undefined ? undefined : orThrow(parseBootstrap(configYaml, "yaml", onUnknown));
	const bootstrap = (fromFile ?? fromText)!;
	if (fromFile !== undefined && fromText !== undefined) mergeBootstrap(bootstrap, fromText);
	bootstrap.node ??= create(NodeSchema);
	const { node } = bootstrap;
	if (options.serviceNode !== undefined) node.id = options.serviceNode;
	if (options.serviceCluster !== undefined) node.cluster = options.serviceCluster;
	if (options.serviceZone !== undefined) {
		node.locality ??= create(LocalitySchema);
		node.locality.zone = options.serviceZone;
	}
	addStatsTags(bootstrap, options.statsTags);
	return { bootstrap, unknownFields };
}

/** Tags of flags (`name:value`) stand before those of the file. */
function addStatsTags(bootstrap: Bootstrap, texts: readonly string[]): void {
	if (texts.length === 0) return;
	bootstrap.statsConfig ??= create(StatsConfigSchema);
	const tags = texts.map((text) => {
		const colon = text.indexOf(":");
		const value = text.slice(colon + 1);
		return create(TagSpecifierSchema, { tagName: text.slice(0, colon), tagValue: { case: "fixedValue", value } });
	});
	bootstrap.statsConfig.statsTags.unshift(...tags);
}

function parseFile(path: string, onUnknown: (() => void) | undefined): Validated<Bootstrap> {
	const bytes = readBytes(path);
	if (path.endsWith(".pb")) return parseBinaryBootstrap(bytes);
	const format = path.endsWith(".json") ? "json" : /\.(pb_text|pbtxt|textproto)$/.test(path) ? "text-proto" : "yaml";
	return parseBootstrap(bytes.toString("utf8"), format, onUnknown);
}

function orThrow(parsed: Validated<Bootstrap>): Bootstrap {
	if (!parsed.ok) throw describeProblems(parsed.problems);
	return parsed.value;
}

function readBytes(path: string): Buffer {
	try {
		return readFileSync(path);
	} catch (error) {
		throw new MeshError("BOOTSTRAP_UNREADABLE", `cannot read the bootstrap ${path}`, { cause: error });
	}
}

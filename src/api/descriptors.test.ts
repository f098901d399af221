import assert from "node:assert/strict";
import { test } from "node:test";
import {
	create,
	type DescExtension,
	type DescMessage,
	fromBinary,
	fromJson,
	getOption,
	toBinary,
	toJson,
} from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { BootstrapSchema } from "./gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import {
	Cluster_DiscoveryType,
	Cluster_DiscoveryTypeSchema,
	ClusterSchema,
} from "./gen/envoy/config/cluster/v3/cluster_pb.js";
import { NodeSchema } from "./gen/envoy/config/core/v3/base_pb.js";
import { AggregatedDiscoveryService } from "./gen/envoy/service/discovery/v3/ads_pb.js";
import { DiscoveryRequestSchema } from "./gen/envoy/service/discovery/v3/discovery_pb.js";
import { rules } from "./gen/validate/validate_pb.js";
import { apiRegistry } from "./index.ts";

const isMade = (type: object): boolean => Object.hasOwn(type, "proto");

test("a type has its name without being made, and is made when something looks into it", () => {
	const schema = apiRegistry.getMessage("envoy.config.trace.v3.ZipkinConfig") as DescMessage;
	assert.equal(String(schema), "message envoy.config.trace.v3.ZipkinConfig");
	assert.equal(isMade(schema), false);
	assert.equal(schema.field["collectorCluster"]?.number, 1);
	assert.equal(isMade(schema), true);
});

test("every type of the registry can be made, and refers only to types that everybody holds", () => {
	const wrong: string[] = [];
	const check = (type: { readonly typeName: string } | undefined, where: string): void => {
		if (type === undefined || type.typeName.startsWith("google.protobuf.")) return;
		if (apiRegistry.get(type.typeName) !== type) wrong.push(`${where}: ${type.typeName}`);
	};
	for (const type of apiRegistry) {
		assert.equal(type.name, type.typeName.split(".").at(-1));
		if (type.kind === "extension") check(type.extendee, type.typeName);
		if (type.kind === "service")
			for (const part of type.methods.flatMap(({ input, output }) => [input, output])) check(part, type.typeName);
		if (type.kind !== "message") continue;
		check(type.parent, type.typeName);
		for (const nested of [...type.nestedMessages, ...type.nestedEnums]) check(nested, type.typeName);
		for (const field of type.fields) {
			for (const part of [field.parent, field.message, field.enum]) check(part, String(field));
			assert.equal(type.field[field.localName], field);
		}
		for (const oneof of type.oneofs) check(oneof.parent, String(oneof));
	}
	assert.deepEqual(wrong, []);
});

test("types that refer to each other, to nested ones and to the library's are the same objects for everybody", () => {
	assert.equal(BootstrapSchema.field["node"]?.message, NodeSchema);
	assert.equal(ClusterSchema.field["connectTimeout"]?.message, DurationSchema);
	assert.equal(apiRegistry.getMessage("envoy.config.cluster.v3.Cluster"), ClusterSchema);
	assert.equal(Cluster_DiscoveryTypeSchema.parent, ClusterSchema);
	assert.equal(Cluster_DiscoveryTypeSchema.value[Cluster_DiscoveryType.EDS]?.name, "EDS");
	assert.equal(AggregatedDiscoveryService.method["streamAggregatedResources"]?.input, DiscoveryRequestSchema);
});

test("messages pass through JSON and bytes", () => {
	const json = { name: "one", type: "EDS", connectTimeout: "0.250s", metadata: { filterMetadata: { a: { b: 1 } } } };
	const message = fromJson(ClusterSchema, json, { registry: apiRegistry });
	const copy = fromBinary(ClusterSchema, toBinary(ClusterSchema, message));
	assert.deepEqual(toJson(ClusterSchema, copy, { registry: apiRegistry }), json);
	assert.equal(create(ClusterSchema).clusterDiscoveryType.case, undefined);
});

test("the rules of fields are kept", () => {
	assert.equal(getOption(ClusterSchema.field["name"]!, rules).type.case, "string");
});

test("an extension can be read of options before anything looked into it", () => {
	const sensitive = apiRegistry.getExtension("udpa.annotations.sensitive") as DescExtension;
	assert.equal(getOption(ClusterSchema.field["name"]!, sensitive), false);
});

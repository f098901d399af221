import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { RouterSchema } from "./gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { TypedStructSchema } from "./gen/xds/type/v3/typed_struct_pb.js";
import { apiRegistry, findAnyProblem, packAny, unpackAny } from "./index.ts";

const message = create(RouterSchema, { suppressEnvoyHeaders: true, strictCheckHeaders: ["x-envoy-max-retries"] });

test("a packed message is the same as bytes, as JSON and in another message", () => {
	const [lazy, eager] = [packAny(RouterSchema, message), anyPack(RouterSchema, message)];
	assert.deepEqual(
		toJson(AnySchema, lazy, { registry: apiRegistry }),
		toJson(AnySchema, eager, { registry: apiRegistry }),
	);
	assert.deepEqual(toBinary(AnySchema, lazy), toBinary(AnySchema, eager));
	assert.deepEqual({ ...lazy }, { ...eager });
});

test("what was packed here is unpacked without its bytes, what came as bytes by its type", () => {
	const any = packAny(RouterSchema, message);
	assert.equal(unpackAny(any), message);
	const copy = unpackAny(fromBinary(AnySchema, toBinary(AnySchema, any)));
	assert.notEqual(copy, message);
	assert.deepEqual(copy, message);
	assert.equal(unpackAny(create(AnySchema, { typeUrl: "type.googleapis.com/no.such.Type" })), undefined);
});

test("a struct with a type is the message that it describes, where that is known and can be read", () => {
	const typeUrl = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
	const struct = (value: Record<string, boolean | string[]>, url = typeUrl) =>
		packAny(TypedStructSchema, create(TypedStructSchema, { typeUrl: url, value }));
	const good = struct({ suppress_envoy_headers: true, strictCheckHeaders: ["x-envoy-max-retries"] });
	assert.deepEqual(unpackAny(good), message);
	assert.equal(findAnyProblem(good), undefined);
	const unknown = struct({ any: true }, "type.googleapis.com/stats.PluginConfig");
	assert.equal(unpackAny(unknown)?.$typeName, "xds.type.v3.TypedStruct");
	assert.equal(findAnyProblem(unknown), undefined);
	const broken = struct({ no_such_field: true });
	assert.equal(unpackAny(broken)?.$typeName, "xds.type.v3.TypedStruct");
	assert.match(findAnyProblem(broken) ?? "", /no_such_field/);
});

test("bytes that are no message of their type are told, and are none", () => {
	const broken = create(AnySchema, {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
		value: Uint8Array.of(0x42, 0x7f),
	});
	assert.equal(unpackAny(broken), undefined);
	assert.match(findAnyProblem(broken) ?? "", /^is no envoy\.extensions\.filters\.http\.router\.v3\.Router: /);
});

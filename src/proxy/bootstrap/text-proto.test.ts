import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBootstrap } from "./index.ts";

test("a bootstrap as protobuf text is the same as in YAML", () => {
	const text = `
		node { id: "n" cluster: "c" metadata { fields { key: "a" value { string_value: "b" } } } }  # a comment
		static_resources {
			clusters {
				name: "x" 'y'
				connect_timeout { seconds: 1 nanos: 500000000 }
				lb_policy: ROUND_ROBIN
				load_assignment: <
					cluster_name: "xy"
					endpoints { lb_endpoints { endpoint { address { socket_address { address: "127.0.0.1", port_value: 80 } } } } }
				>
				transport_socket {
					name: "raw"
					typed_config {
						[type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer] { }
					}
				}
			}
		}`;
	const yaml = `
node: {id: one, cluster: c}
static_resources:
  clusters:
  - name: xy
    connect_timeout: 1.5s
    lb_policy: ROUND_ROBIN
    load_assignment:
      cluster_name: xy
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}}}]}]
    transport_socket:
      name: raw
      typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}
`;
	const [fromText, fromYaml] = [parseBootstrap(text, "text-proto"), parseBootstrap(yaml)];
	assert.ok(fromText.ok, fromText.ok ? "" : JSON.stringify(fromText.problems));
	assert.ok(fromYaml.ok);
	assert.deepEqual(fromText.value.staticResources, fromYaml.value.staticResources);
});

test("a fault in protobuf text is told with its line", () => {
	const parsed = parseBootstrap('node {\n  idd: "x"\n}', "text-proto");
	assert.ok(!parsed.ok);
	assert.match(parsed.problems[0]!.problem, /line 2: field idd is not known/);
});

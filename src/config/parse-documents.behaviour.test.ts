import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "./document/node.ts";
import { formatProblem } from "./located-problem.ts";
import { parseDocuments, parseValue } from "./parse-documents.ts";

const lines = (text: string): string[] => parseDocuments(text, "mesh.yaml").problems.map(formatProblem);
const good = "apiVersion: v1\nkind: Service\nmetadata: { name: good }\nspec: { ports: [{ port: 80 }] }\n";

test("all problems of all documents come at once, each with its place and likely fix", () => {
	const text = `apiVersion: v1
kind: Service
metadata:
  name: Reviews
  labls: {}
spec:
  ports:
    - port: "80"
      protocol: UPD
    - port: 70000
---
${good}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: reviews, namespace: shop }
spec:
  parentRefs:
    - { group: "", kind: Service, name: reviews }
  rules:
    - backendRefs: [{ name: reviews-v1, port: 80, weigth: 90 }]
    - backendRefs: [{ name: reviews-v2, port: 80 }]
---
apiVersion: v1
kind: Servcie
metadata: { name: x }
spec: {}
`;
	assert.deepEqual(lines(text), [
		"mesh.yaml:4:3: Service default/Reviews: metadata.name: 'Reviews' is not an RFC 1123 subdomain: lower case letters, digits, '-' and '.'",
		"mesh.yaml:5:3: Service default/Reviews: metadata.labls: unknown field (did you mean 'labels'?)",
		"mesh.yaml:8:7: Service default/Reviews: spec.ports[0].port: must be a whole number from 1 to 65535, not a string: remove the quotes",
		"mesh.yaml:9:7: Service default/Reviews: spec.ports[0].protocol: must be TCP, UDP or SCTP, not 'UPD' (did you mean 'UDP'?)",
		"mesh.yaml:10:7: Service default/Reviews: spec.ports[1].port: must be a whole number from 1 to 65535, not 70000",
		"mesh.yaml:24:51: HTTPRoute shop/reviews: spec.rules[0].backendRefs[0].weigth: unknown field (did you mean 'weight'?); this rule is left out, the other rules are served",
		"mesh.yaml:28:1: Servcie default/x: kind: unknown kind 'Servcie' (did you mean 'Service'?)",
	]);
	const { objects } = parseDocuments(text, "mesh.yaml");
	assert.deepEqual(
		objects.map((object) => [object.kind, object.namespace, object.name, object.isPartial, object.source.line]),
		[
			["Service", "default", "good", false, 12],
			["HTTPRoute", "shop", "reviews", true, 17],
		],
	);
});

test("what is missing is told at the nearest place there is", () => {
	assert.deepEqual(lines("kind: Service\nspec: {}\n"), [
		"mesh.yaml:1:1: Service: apiVersion: is required",
		"mesh.yaml:1:1: Service: metadata: is required",
		"mesh.yaml:2:1: Service: spec.ports: is required",
	]);
	assert.deepEqual(lines("apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n"), [
		"mesh.yaml:4:1: Service default/a: spec: has no value: give it one or remove the field",
	]);
	assert.deepEqual(lines("- a\n"), ["mesh.yaml:1:1: must be a map, not a list"]);
});

test("a wrong version of a kind is answered with the right one, a known kind in another case with its name", () => {
	assert.deepEqual(lines(good.replace("v1", "v2")), [
		"mesh.yaml:1:1: Service default/good: apiVersion: Service has no version 'v2': write v1",
	]);
	assert.deepEqual(lines(good.replace("Service", "service")), [
		"mesh.yaml:2:1: Service default/good: kind: unknown kind 'service' (did you mean 'Service'?)",
	]);
	assert.match(
		lines(good.replace("Service", "CronJob"))[0]!,
		/unknown kind 'CronJob': known are Workload, MeshConfig,/,
	);
});

test("JSON is read with places too, and so is a List as kubectl prints it", () => {
	const service = { apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { ports: [{ port: 0 }] } };
	assert.deepEqual(lines(JSON.stringify(service, null, 2)), [
		"mesh.yaml:10:9: Service default/a: spec.ports[0].port: must be a whole number from 1 to 65535, not 0",
	]);
	const list = { apiVersion: "v1", kind: "List", items: [service, { ...service, spec: { ports: [{ port: 1 }] } }] };
	const parsed = parseDocuments(JSON.stringify(list), "api");
	assert.equal(parsed.objects.length, 1);
	assert.equal(parsed.problems[0]?.path, "items[0].spec.ports[0].port");
});

test("text that is no YAML takes out its own document only", () => {
	const text = `${good}---\napiVersion: v1\n  kind: [\n---\n${good.replace("good", "other")}`;
	const { objects, problems } = parseDocuments(text, "mesh.yaml");
	assert.deepEqual(
		objects.map((object) => object.name),
		["good", "other"],
	);
	assert.ok(problems.length > 0);
	assert.ok(
		problems.every((problem) => problem.line >= 6 && problem.line <= 9 && /not valid YAML/.test(problem.problem)),
	);
});

test("two objects of one name are a problem that names both places", () => {
	const { objects, problems } = parseDocuments(`${good}---\n${good}`, "mesh.yaml");
	assert.equal(objects.length, 1);
	assert.deepEqual(problems.map(formatProblem), [
		"mesh.yaml:8:13: Service default/good: metadata.name: the same object is at mesh.yaml:1, and that one is served: rename or remove one",
	]);
});

test("a key that is there twice is a problem, also when it looks different", () => {
	assert.deepEqual(lines(`${good}kind: Service\n`), ["mesh.yaml:5:1: kind: the key is there twice: remove one"]);
	assert.deepEqual(lines('{ "1": a, 1: b }'), [`mesh.yaml:1:11: 1: the key is there twice: remove one`]);
});

test("anchors and merges work; what a map says itself wins", () => {
	const text = `apiVersion: v1
kind: Service
metadata:
  name: a
  labels: &labels { app: a, tier: back }
spec:
  selector:
    <<: *labels
    tier: front
  ports: [{ port: 80 }]
`;
	const [object] = parseDocuments(text, "mesh.yaml").objects;
	assert.ok(object?.kind === "Service");
	assert.deepEqual(object.value.selector, { app: "a", tier: "front" });
	assert.deepEqual(lines("a: *nothing\n"), ["mesh.yaml:1:4: a: alias '*nothing' names no anchor before it"]);
});

test("bare yes, no and on are text; numbers where text belongs are told to be quoted", () => {
	const text = good.replace("name: good", "name: good, labels: { a: yes, b: on, c: 1, d: true }");
	assert.deepEqual(lines(text), [
		`mesh.yaml:3:50: Service default/good: metadata.labels.c: must be text, not a number: put it in quotes, "1"`,
		`mesh.yaml:3:56: Service default/good: metadata.labels.d: must be text, not a boolean: put it in quotes, "true"`,
	]);
});

test("fields that Kubernetes writes are accepted", () => {
	const text = `apiVersion: v1
kind: Service
metadata:
  name: a
  uid: 3f1c
  resourceVersion: "12"
  creationTimestamp: 2026-01-02T03:04:05Z
  managedFields: [{ manager: kubectl }]
  annotations: { note: "x" }
spec:
  type: ClusterIP
  clusterIP: 10.0.0.1
  sessionAffinity: None
  ports: [{ port: 80, protocol: TCP, targetPort: 8080 }]
status: { loadBalancer: {} }
`;
	assert.deepEqual(lines(text), []);
});

test("empty files, comments and bare markers hold nothing", () => {
	for (const text of ["", "\n\n", "# a\n# b\n", "---\n---\n# x\n...\n", "\ufeff", "%YAML 1.2\n---\n"]) {
		assert.deepEqual(
			parseDocuments(text, "a.yaml"),
			{ objects: [], problems: [], isForeign: false },
			JSON.stringify(text),
		);
	}
});

test("markers with content, directives, byte order marks and Windows line ends are read", () => {
	for (const text of [
		`--- # one\n${good}`,
		`%YAML 1.2\n---\n${good}`,
		`\ufeff${good}`,
		good.replaceAll("\n", "\r\n"),
		`---\r\n${good.replaceAll("\n", "\r\n")}...\r\n`,
		`--- {apiVersion: v1, kind: Service, metadata: {name: good}, spec: {ports: [{port: 80}]}}\n`,
	]) {
		const { objects, problems } = parseDocuments(text, "a.yaml");
		assert.deepEqual([objects.length, problems], [1, []], JSON.stringify(text));
	}
});

test("documents of Kubernetes and other programs are passed over; what configures a mesh is not", () => {
	const document = (apiVersion: string, kind: string): string =>
		`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\nspec: {}\n`;
	const foreign = [
		["v1", "ServiceAccount"],
		["apps/v1", "ReplicaSet"],
		["batch/v1", "CronJob"],
		["networking.k8s.io/v1", "Ingress"],
		["serving.knative.dev/v1", "Service"],
		["monitoring.coreos.com/v1", "ServiceMonitor"],
	] as const;
	for (const [apiVersion, kind] of foreign) {
		const { objects, problems } = parseDocuments(`${document(apiVersion, kind)}---\n${good}`, "mesh.yaml");
		assert.equal(objects.length, 1, "its neighbour is there");
		assert.deepEqual(
			problems.map(({ severity, code, kind: of, line }) => [severity, code, of, line]),
			[["warning", "KIND_FOREIGN", kind, 1]],
		);
	}
	const meant = [
		["v1", "Servcie", /unknown kind 'Servcie' \(did you mean 'Service'\?\)/],
		["networking.istio.oi/v1", "VirtualService", /VirtualService has no version 'networking\.istio\.oi\/v1'/],
		["extensions.istio.io/v1alpha1", "WasmPlugin", /WasmPlugin is not supported: proxies run no WebAssembly/],
		["rbac.istio.io/v1alpha1", "ServiceRole", /write an AuthorizationPolicy/],
		["gateway.networking.k8s.io/v1", "HTTPRuote", /did you mean 'HTTPRoute'/],
		["networking.istio.io/v1", "Nothing", /unknown kind 'Nothing': known are/],
	] as const;
	for (const [apiVersion, kind, says] of meant) {
		const errors = parseDocuments(document(apiVersion, kind), "mesh.yaml").problems.filter(
			({ severity }) => severity === "error",
		);
		assert.equal(errors.length, 1, kind);
		assert.match(errors[0]!.problem, says);
	}
});

test("a document that is there as a value is read as its text is", () => {
	const good = {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: "web", namespace: "shop", labels: { "a.b/c": "1" } },
		spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }] },
	};
	const broken = { ...good, spec: { ports: [{ name: "http", port: "eighty" }, 5, null] } };
	const list = { apiVersion: "v1", kind: "List", items: [good, broken, good] };
	const documents: readonly Json[] = [good, broken, list, {}, [], "text", null, { apiVersion: 1, kind: [] }];
	for (const document of documents) {
		const options = { createdAt: 7 };
		const [ofValue, ofText] = [
			parseValue(document, "api", options),
			parseDocuments(JSON.stringify(document), "api", options),
		];
		const plain = ({ objects, problems, isForeign }: typeof ofText) => ({
			isForeign,
			objects: objects.map(({ locate: _, ...rest }) => JSON.parse(JSON.stringify(rest)) as unknown),
			// Only texts have places.
			problems: problems
				.map(({ column: _, ...rest }) => rest)
				.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
		});
		assert.deepEqual(plain(ofValue), plain(ofText), JSON.stringify(document));
	}
	let deep: Json = 1;
	for (let depth = 0; depth < 10_000; depth++) deep = [deep];
	assert.match(parseValue(deep, "api").problems[0]!.problem, /nested deeper/);
});

import type { PortProtocol, Workload } from "../../../model/index.ts";
import { list, map } from "../../schema/collections.ts";
import { istioDuration } from "../../schema/durations.ts";
import { dnsLabel, dnsSubdomain } from "../../schema/kubernetes.ts";
import { defaulted, object, optional, required } from "../../schema/object.ts";
import { integer, oneOf, quote, string } from "../../schema/scalars.ts";
import { type Reader, refine } from "../../schema/schema.ts";
import { defineKind } from "../kind.ts";

const protocols: readonly PortProtocol[] = ["http", "http2", "grpc", "tcp"];

const port = object({
	name: required(dnsLabel(), "Name of the port; the process reads its number from `PORT_<NAME>`"),
	protocol: defaulted(oneOf(protocols), "http", "What the application speaks on it"),
	port: optional(
		integer({ min: 1, max: 65_535 }),
		"Port the application listens on, on loopback; without it each replica is given a free one as `PORT` (the first port) and `PORT_<NAME>`. Only for one replica",
	),
});

const readiness = object({
	path: optional(
		string({ format: "an absolute path such as /healthz", pattern: /^\/[\x21-\x7e]*$/ }),
		"Path asked with GET; an answer below 400 is ready. Without it an accepted connection is",
	),
	port: optional(dnsLabel(), "Name of the port asked; the first one when absent"),
	interval: defaulted(istioDuration(), 1000, "Time between two asks", "1s"),
	timeout: defaulted(istioDuration(), 1000, "Time an answer may take", "1s"),
});

const environmentName = {
	format: "a name of an environment variable: letters, digits and '_', not starting with a digit",
	pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
};

const spec = refine(
	object({
		command: required(
			list(string({ pattern: /^[^\0]*$/, minLength: 0 }), { min: 1, max: 256 }),
			"Program and its arguments, run in the folder of the document without a shell; `$(PORT)` and the like stand for what the process finds in its environment",
		),
		env: optional(
			map(string({ minLength: 0, pattern: /^[^\0]*$/, maxLength: 32_768 }), environmentName),
			"Environment variables added to those of the mesh, which `$(PORT)` and the like stand for",
		),
		ports: defaulted(list(port, { max: 16 }), [], "Ports the application listens on"),
		replicas: defaulted(integer({ min: 0, max: 100 }), 1, "How many copies run"),
		serviceAccount: defaulted(
			dnsSubdomain(),
			"default",
			"Account in the identity `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`",
			"default",
		),
		pattern: defaulted(
			oneOf(["sidecar", "proxyless", "none"], { agent: "there is no node agent", library: "there is no library" }),
			"sidecar",
			"Data-plane pattern: a proxy beside the process; `proxyless` for a process whose gRPC library takes its configuration over xDS (`GRPC_XDS_BOOTSTRAP`); or none",
			"sidecar",
		),
		sidecar: defaulted(
			oneOf(["amime", "envoy"]),
			"amime",
			"Which proxy is the sidecar: amime's own, or a stock Envoy",
			"amime",
		),
		readiness: optional(
			readiness,
			"When the process counts as ready; without it, as soon as its first port accepts a connection",
		),
	}),
	(value, _node, reader) => {
		let isGood = true;
		const refuse = (at: typeof reader, problem: string): void => {
			isGood = false;
			at.refuse(problem);
		};
		const names = new Map<string, number>();
		const numbers = new Map<number, number>();
		for (const [index, { name, port: number }] of value.ports.entries()) {
			const at = reader.field("ports").item(index);
			if (names.has(name))
				refuse(at.field("name"), `${quote(name)} is there twice, first as ports[${names.get(name)}]`);
			names.set(name, index);
			if (number === undefined) continue;
			if (numbers.has(number))
				refuse(at.field("port"), `${number} is there twice, first as ports[${numbers.get(number)}]`);
			numbers.set(number, index);
			if (value.replicas > 1)
				refuse(
					at.field("port"),
					`${value.replicas} replicas cannot share one port: remove it, and listen on the port in PORT`,
				);
		}
		if (value.command[0] === "") refuse(reader.field("command").item(0), "must not be empty");
		warnOfShellWords(value.command, reader.field("command"));
		const probed = value.readiness?.port;
		if (probed !== undefined && !names.has(probed))
			refuse(
				reader.field("readiness").field("port"),
				`${quote(probed)} is no port of the workload: known are ${[...names.keys()].join(", ") || "none"}`,
			);
		if (value.readiness !== undefined && value.ports.length === 0)
			refuse(reader.field("readiness"), "needs a port: add one to ports");
		return isGood ? value : undefined;
	},
);

const shells: ReadonlySet<string> = new Set(["ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"]);

/** Tells of `$PORT` where no shell is that would read it. */
function warnOfShellWords(command: readonly string[], reader: Reader): void {
	const program = command[0]?.split("/").at(-1) ?? "";
	if (shells.has(program)) return;
	for (const [index, word] of command.entries()) {
		const [written, name] = /\$\{?(PORT(?:_[A-Z0-9_]+)?|AMIME_[A-Z0-9_]+)\}?/.exec(word) ?? [];
		if (written !== undefined)
			reader.item(index).warn(`no shell reads this, so ${written} stays as it is written: write $(${name})`);
	}
}

/** `amime.dev/v1alpha1` Workload. */
export const workloadKind = defineKind({
	name: "Workload",
	apiVersions: ["amime.dev/v1alpha1"],
	aliases: ["workloads", "wl"],
	doc: "A process to run, with its sidecar. Its labels are those of `metadata.labels`, and `app` with the name of the workload unless given; `istio-locality: region.zone.subzone` says where it is. The annotation `amime.dev/open: /` has `amime up` print the address of its page.",
	example: `apiVersion: amime.dev/v1alpha1
kind: Workload
metadata:
  name: reviews-v2
  namespace: shop
  labels: { app: reviews, version: v2 }
spec:
  command: [node, reviews.ts]
  serviceAccount: reviews
  replicas: 2
  ports:
    - { name: http }
  readiness: { path: /healthz }
`,
	naming: "label",
	spec,
	toModel: (value, context): Workload => ({
		namespace: context.namespace,
		name: context.name,
		labels: { app: context.name, ...context.labels },
		command: value.command,
		env: value.env ?? {},
		ports: value.ports,
		replicas: value.replicas,
		serviceAccount: value.serviceAccount,
		pattern: value.pattern,
		sidecar: value.sidecar,
		readiness:
			value.readiness === undefined
				? undefined
				: {
						path: value.readiness.path,
						port: value.readiness.port ?? value.ports[0]!.name,
						intervalMs: value.readiness.interval,
						timeoutMs: value.readiness.timeout,
					},
		openPath: context.annotations["amime.dev/open"],
		folder: context.folder,
		source: context.source,
	}),
});

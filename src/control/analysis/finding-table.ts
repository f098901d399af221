import type { LocatedProblem, ProblemCode } from "../../config/index.ts";

/** `error`: something does not take effect as written. `warning`: it does, and most likely not what was meant. `info`: worth knowing. */
export type FindingSeverity = "error" | "warning" | "info";

/** One kind of finding, for people and the documentation. */
interface FindingKind {
	readonly severity: FindingSeverity;
	/** What it means. */
	readonly meaning: string;
	/** What to do. */
	readonly fix: string;
}

const error = (meaning: string, fix: string): FindingKind => ({ severity: "error", meaning, fix });
const warning = (meaning: string, fix: string): FindingKind => ({ severity: "warning", meaning, fix });
const info = (meaning: string, fix: string): FindingKind => ({ severity: "info", meaning, fix });

/** Every finding there is. Codes are stable: scripts and suppressions name them. */
export const findingTable = {
	DOCUMENT_INVALID: error(
		"A document, or a part of it, breaks the schema of its kind. It is left out, or served as it last was good",
		"The sentence names the field and what it takes",
	),
	DOCUMENT_DOUBTFUL: warning("A field is used and most likely does not do what was meant", "See the sentence"),
	KIND_FOREIGN: info(
		"A document is of Kubernetes or another program, not of the mesh, and is passed over",
		"Nothing, or what the sentence says",
	),
	OBJECT_DUPLICATE: error("The same object is there twice; the first file and line is served", "Rename or remove one"),
	FIELD_REFUSED: error(
		"A part of an object would make proxies refuse a whole resource, so it is left out alone",
		"The sentence names the field and the reason",
	),
	PROXYLESS_UNSUPPORTED: warning(
		"gRPC clients without a proxy do not do what the object asks of clients",
		"Give those clients a sidecar, or do without it for them",
	),
	PROXY_REFUSED: error(
		"A proxy refused what an object became. The refused piece is held back and its last good version keeps serving",
		"Change the field; the proxy's own words are in the sentence",
	),
	NOT_ACCEPTED: warning("A condition of the object's status is false", "The condition's message says what is missing"),
	INGRESS_TLS_UNUSED: warning(
		"A Sidecar has the proxy end TLS of clients outside the mesh at a port that takes mutual TLS of the mesh: no such client gets in",
		"Say DISABLE for the port in `portLevelMtls` of a PeerAuthentication that selects the workload",
	),
	SERVICE_UNKNOWN: warning("A Service or host that is named does not exist", "Correct the name, or create it"),
	SOURCE_UNKNOWN: warning(
		"A policy names a caller that no workload is, and one is called nearly so",
		"Correct the name; `amime status` shows who runs as what",
	),
	PORT_UNKNOWN: warning("A port that is named does not exist", "Use one of the ports that the sentence lists"),
	SUBSET_UNKNOWN: warning(
		"A subset that a route names is in no DestinationRule: its share is answered with 503",
		"Add the subset to a DestinationRule of the host",
	),
	SUBSET_WITHOUT_ENDPOINTS: warning(
		"No workload has the labels of a subset",
		"Correct the labels, or start the workload",
	),
	SELECTS_NOTHING: warning("A selector selects no workload", "Correct the labels or the namespace"),
	TARGET_UNKNOWN: warning(
		"What a policy is attached to does not exist, or has no such section: the policy has no effect there",
		"Correct the name, or create it in the policy's namespace",
	),
	WEIGHTS_ZERO: warning("Every weight of a rule is zero, so its requests go nowhere", "Give one destination a weight"),
	HOST_MATCHES_LITERALLY: warning(
		"A host of a VirtualService is a short name with a dot: it only matches requests that say exactly this",
		"Write the full name",
	),
	DELEGATE_BROKEN: warning("A rule delegates to what cannot stand in its place", "See the sentence"),
	DELEGATE_UNUSED: info("A VirtualService without hosts that nothing delegates to", "Delegate to it, or remove it"),
	ROUTE_WITHOUT_PARENT: warning(
		"A route of the Gateway API names no Gateway and no Service, so it has no effect",
		"Add parentRefs",
	),
	ROUTE_SHADOWED: warning(
		"A match can never be the one that decides: another that is tried before it takes all its requests",
		"Move it before the other, or narrow the other",
	),
	HOST_CLAIMED_TWICE: warning(
		"Two VirtualServices are for one host; for sidecars the oldest decides alone, as in Istio",
		"Merge them, or delegate from one to the other",
	),
	HOST_ROUTED_TWICE: warning(
		"A VirtualService is for a host that HTTPRoutes decide about; it has no effect for those clients",
		"Keep one of them",
	),
	DESTINATION_RULE_HIDDEN: warning(
		"A DestinationRule has no effect for the clients of a namespace: another one is closer to them",
		"Put both in one object, or remove one",
	),
	DESTINATION_RULES_MERGED: warning(
		"Two DestinationRules of one host in one namespace are merged: the older one's traffic policy and the first of each subset count",
		"Put both in one object",
	),
	SUBSET_UNUSED: info("No route leads to a subset", "Remove it, or route to it"),
	LOCALITY_WITHOUT_OUTLIER_DETECTION: warning(
		"Locality settings have no effect without outlier detection, as in Istio",
		"Add outlierDetection to the same traffic policy",
	),
	METRICS_UNCOUNTED: warning(
		"A Telemetry changes Istio's metrics for workloads whose proxy does not count them: stock Envoys and gRPC without a proxy",
		"Give those workloads amime's sidecar, or take the metrics of Envoy or of the gRPC library",
	),
	PATCH_UNSUPPORTED: warning(
		"An EnvoyFilter adds an extension that amime's proxies do not have, such as Lua or Wasm, and these go without the patch",
		"Say it with a kind of the mesh (VirtualService, AuthorizationPolicy, ext_authz or ext_proc), or give the workloads a stock Envoy",
	),
	PORT_POLICY_REPLACES: warning(
		"Settings of a port stand alone: what they leave out is not taken from the rule, as in Istio",
		"Repeat in portLevelSettings what should hold there",
	),
	TLS_MODE_CONFLICT: warning(
		"Clients are told to send plain text to workloads that take mutual TLS only",
		"Remove the tls setting, or make the PeerAuthentication permissive",
	),
	CERTIFICATE_EXPIRED: error("A certificate is not valid any more, or not yet", "Replace it"),
	CERTIFICATE_EXPIRES_SOON: warning("A certificate ends within 30 days", "Replace it in time"),
	GATEWAY_UNKNOWN: warning(
		"A VirtualService names a Gateway that does not exist",
		"Correct the name, with its namespace",
	),
	GATEWAY_HOST_UNMATCHED: warning(
		"No host of the VirtualService is one that its Gateway takes",
		"Add the host to a server of the Gateway",
	),
	GATEWAY_UNUSED: info("Nothing is attached to a Gateway", "Attach a route, or remove it"),
	SECRET_UNKNOWN: warning("A Secret that is named does not exist", "Create it in the namespace of the proxy"),
	PROVIDER_UNKNOWN: warning(
		"A CUSTOM policy names a provider that there is not: every request is answered with 403, as in Istio",
		"Add it to extensionProviders of the MeshConfig",
	),
	PRINCIPAL_WITH_SCHEME: warning(
		"A principal is written with `spiffe://`, which never matches, as in Istio",
		"Leave the scheme out",
	),
	CLAIM_NUMERIC: warning(
		"A claim is compared with a number; claims that are numbers in the token never match, as in Istio",
		"Issue the claim as text, or compare another one",
	),
	HTTP_RULE_ON_TCP_PORT: warning(
		"A policy with rules about HTTP is for a port without HTTP: an ALLOW rule never matches there, a DENY rule denies by its other fields",
		"Limit the rule to HTTP ports, or use ports and principals only",
	),
	NEGATED_SOURCE: info(
		"`notPrincipals`, `notNamespaces` and `notServiceAccounts` match callers in plain text, as in Istio",
		"Require mutual TLS (STRICT) where that is not meant",
	),
	PATHS_NORMALIZED: info(
		"Policies here see paths after `//`, `%2f` and `;` are made plain, which Istio does not do by default",
		"Set pathNormalization in the MeshConfig for Istio's exact behaviour",
	),
	TOKEN_NOT_REQUIRED: info(
		"Tokens are checked when they are there; no policy asks that one is",
		'Add an AuthorizationPolicy with requestPrincipals: ["*"]',
	),
	EXPORT_HIDES: warning(
		"What a route leads to is not exported to the namespace of the route",
		"Add the namespace to exportTo",
	),
	PORT_PROTOCOL_TOLD_BY_BYTES: info(
		"Neither name nor appProtocol of a port says what it speaks",
		"Name it `http-…`, `grpc-…`, `tcp-…`, or give appProtocol",
	),
	PORT_NAME_MISLEADING: warning("The name of a port says another protocol than its number suggests", "Rename the port"),
	SERVER_SPEAKS_FIRST: warning(
		"A protocol whose server speaks first is on a port that waits for the client's first bytes",
		"Declare the port as tcp",
	),
	RETRIES_SKIP_503: info(
		"Retries without `retryOn` are for failed connections only; answers of 503 are not tried again, as in Istio",
		"Add retryOn: 5xx or gateway-error",
	),
	FAULT_OFF: warning("A fault without a percentage never happens, as in Istio", "Add percentage: { value: 100 }"),
	LIMIT_WITHOUT_EFFECT: warning(
		"A rate limit counts the same requests as a stricter one, so it never refuses any",
		"Remove it, or give it another match, key or target",
	),
	LIMIT_KEY_ABSENT: warning(
		"A rate limit is counted by something that no request has, so all requests share one budget",
		"Add what provides it, or count by another key",
	),
	OBJECT_UNREFERENCED: info("Nothing refers to the object", "Remove it if it is not needed any more"),
} satisfies Record<ProblemCode, FindingKind> & Record<string, FindingKind>;

export type FindingCode = keyof typeof findingTable;

/** A located problem, or something legal that is most likely not meant. */
export interface Finding extends Omit<LocatedProblem, "severity" | "code"> {
	readonly code: FindingCode;
	readonly severity: FindingSeverity;
}

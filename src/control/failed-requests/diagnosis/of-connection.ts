import type { ObjectRef } from "../../provenance/index.ts";
import { decideMutualTls, findIngressTls } from "../../translate/index.ts";
import { diagnoseStrangeConnection, findServed } from "./at-gateway.ts";
import { type Case, compact, type Diagnosis, hasFlag, nameOf } from "./diagnosis.ts";
import {
	findInstanceAt,
	findOwnInstance,
	findTrafficPolicy,
	findUpstream,
	isOwnApplication,
	ofServiceAt,
} from "./upstream.ts";

/** Connections that could not be made, or broke: which endpoint, and how. */
export function diagnoseConnection(asked: Case): Diagnosis | undefined {
	const { failure } = asked;
	if (failure.method === null && (hasFlag(failure, "NR") || failure.caller_failure !== null))
		return diagnoseRefusedClient(asked);
	if (hasFlag(failure, "DF"))
		return {
			fault: "network",
			explanation: [
				failure.dns_failure === null
					? "DNS gives no address for the name of the endpoint"
					: `the endpoint has no address: ${failure.dns_failure}`,
			],
			fix: "correct the name, or the DNS of the machine of the proxy",
			objects: findUpstream(asked)?.objects ?? [],
		};
	if (!hasFlag(failure, "UF", "UC")) return undefined;
	return (
		diagnosePlainText(asked) ?? (isOwnApplication(asked) ? diagnoseOwnApplication(asked) : diagnoseEndpoint(asked))
	);
}

/** A client that this proxy did not even let speak: in plain text, or with a certificate that is not the mesh's, where mutual TLS is
 *  wanted. */
function diagnoseRefusedClient(asked: Case): Diagnosis {
	const { failure, mesh } = asked;
	const who = failure.remote_address ?? "a client";
	const at = findInstanceAt(mesh, failure.local_address) ?? wholeInstance(asked);
	const decision = at === undefined ? undefined : decideMutualTls(mesh.index, at.instance, at.port);
	const isStrict = decision?.mode === "STRICT" && at?.instance.pattern === "sidecar";
	const policy = isStrict ? findPeerAuthentication(asked, decision) : undefined;
	const wanted = isStrict ? `; ${policy === undefined ? "its mode" : nameOf(policy)} is STRICT` : "";
	const reason = failure.caller_failure;
	const ended =
		at?.port !== undefined && decision?.mode === "DISABLE"
			? findIngressTls(mesh.index, at.instance, at.port)
			: undefined;
	const ending = ended && mesh.provenance.of("Sidecar", ended.sidecar, ended.path);
	const told = { fault: "caller" as const, objects: compact([policy, ending]) };
	if (isStrict && (reason === null || isPlainText(reason)))
		return {
			...told,
			explanation: [`mutual TLS is required, and ${who} spoke plain text${wanted}`],
			fix: "call through a sidecar or a Gateway; or set that port to PERMISSIVE in a PeerAuthentication",
		};
	const served = reason === null ? findServed(asked) : undefined;
	if (served !== undefined) return diagnoseStrangeConnection(asked, served);
	if (reason === null)
		return {
			...told,
			explanation: [`the connection from ${who} fits no filter chain of the listener`],
			fix: "is the port right, and the server name (SNI) that the client sends?",
		};
	if (isPlainText(reason))
		return { ...told, explanation: [`${who} spoke plain text to a port of TLS`], fix: "use https, or another port" };
	const verified = readVerification(reason);
	return {
		...told,
		explanation: [
			verified !== undefined
				? `the certificate of ${who} is not accepted: ${verified}${wanted}`
				: /did_not_return_a_certificate|PEER_DID_NOT_RETURN/i.test(reason)
					? `${who} showed no certificate, and one is required${wanted}`
					: `the TLS handshake with ${who} failed: ${words(reason)}${wanted}`,
		],
		fix: isStrict
			? "only workloads of the mesh, and of related trust domains, have such certificates: call through a sidecar or a Gateway"
			: ending === undefined
				? "give the client a certificate that the Gateway's authority signed"
				: `give the client a certificate of those in caCertificates of ${nameOf(ending)}`,
	};
}

function isPlainText(reason: string): boolean {
	return /WRONG_VERSION_NUMBER|HTTP_REQUEST|wrong_version|http_request/.test(reason);
}

/** Why a certificate was not accepted, where that is why a handshake failed. */
function readVerification(text: string): string | undefined {
	const found = /certificate_verification_error_at_depth_\d+:_?([^:]*)/.exec(text)?.[1];
	return found === undefined ? undefined : words(found);
}

function wholeInstance(asked: Case) {
	const instance = findOwnInstance(asked);
	return instance === undefined ? undefined : { instance, port: instance.ports[0] };
}

function findPeerAuthentication(
	{ mesh }: Case,
	{ policy, path }: ReturnType<typeof decideMutualTls>,
): ObjectRef | undefined {
	return policy === undefined ? undefined : mesh.provenance.of("PeerAuthentication", policy, path);
}

/** The endpoint is a sidecar that takes only mutual TLS, and was spoken to without. */
function diagnosePlainText(asked: Case): Diagnosis | undefined {
	const { failure, mesh } = asked;
	const upstream = findUpstream(asked);
	if (upstream === undefined || failure.callee !== null || !hasFlag(failure, "UC")) return undefined;
	const at = findInstanceAt(mesh, failure.upstream_host);
	if (at === undefined || at.instance.pattern !== "sidecar") return undefined;
	const decision = decideMutualTls(mesh.index, at.instance, at.port);
	if (decision.mode !== "STRICT") return undefined;
	const tls = findTrafficPolicy(upstream, mesh, "tls");
	const policy = findPeerAuthentication(asked, decision);
	const told = policy === undefined ? "STRICT" : `STRICT (${nameOf(policy)})`;
	const cause =
		tls?.ref === undefined
			? "this proxy speaks plain text to it"
			: `${nameOf(tls.ref)} has this proxy speak ${tls.value.mode === "DISABLE" ? "plain text" : `TLS of mode ${tls.value.mode}`} to it`;
	return {
		fault: "configuration",
		explanation: [`mutual TLS is required: ${at.instance.namespace}/${at.instance.name} is ${told}, and ${cause}`],
		fix:
			tls === undefined
				? "set that port to PERMISSIVE, or have the caller speak mutual TLS (ISTIO_MUTUAL)"
				: "take tls out of the DestinationRule, or say ISTIO_MUTUAL; or set that port to PERMISSIVE",
		objects: compact([tls?.ref, policy, upstream.objects[0]]),
	};
}

function diagnoseOwnApplication({ failure, ...rest }: Case): Diagnosis {
	const instance = findOwnInstance({ failure, ...rest });
	const who = instance === undefined ? "the application" : `the application of ${instance.namespace}/${instance.name}`;
	const place = failure.upstream_host ?? "its port";
	if (hasFlag(failure, "UC"))
		return {
			fault: "application",
			explanation: [`${who} closed the connection at ${place} before it answered`],
			fix: "look into its log: it crashed, or ended connections that its own keep-alive timeout had used up",
			objects: [],
		};
	return {
		fault: "application",
		explanation: [`${who} takes no connections at ${place}: ${describeBreak(failure).what}`],
		fix: "is the process up, and does it listen on the port ($PORT) that it was given, on loopback?",
		objects: [],
	};
}

function diagnoseEndpoint(asked: Case): Diagnosis {
	const { failure, mesh } = asked;
	const upstream = findUpstream(asked);
	const at = findInstanceAt(mesh, failure.upstream_host);
	const host = failure.upstream_host ?? upstream?.host ?? "the endpoint";
	const name = at === undefined ? host : `${at.instance.namespace}/${at.instance.name} (${host})`;
	const tries =
		failure.upstream_attempts !== null && failure.upstream_attempts > 1
			? `, ${failure.upstream_attempts} attempts`
			: "";
	const { what, fix, isTls } = describeBreak(failure);
	const tls = isTls && upstream !== undefined ? findTrafficPolicy(upstream, mesh, "tls")?.ref : undefined;
	const isMesh = at !== undefined;
	const place =
		upstream === undefined || isMesh
			? []
			: ofServiceAt(upstream, mesh, placeOfEndpoint(failure.upstream_host, upstream));
	return {
		fault: isTls ? "configuration" : hasFlag(failure, "UC") ? "application" : "network",
		explanation: [
			hasFlag(failure, "UC")
				? `${name} closed the connection before it answered${tries}`
				: `no connection to ${name}: ${what}${tries}`,
		],
		fix: isMesh && !isTls ? `is ${at.instance.name} up? 'amime status' and its log know` : fix,
		objects: [...compact([tls]), ...(place.length > 0 ? place : (upstream?.objects.slice(0, 1) ?? []))],
	};
}

function placeOfEndpoint(host: string | null, { service }: NonNullable<ReturnType<typeof findUpstream>>): string {
	const address = host?.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
	const at = service?.endpoints?.findIndex((endpoint) => endpoint.address === address) ?? -1;
	return at < 0 || service?.entry === undefined ? "spec.hosts" : `spec.endpoints[${at}].address`;
}

interface Break {
	readonly what: string;
	readonly fix: string;
	readonly isTls?: boolean;
}

/** What proxies say about a connection, in plain words. */
const breaks: readonly (readonly [pattern: RegExp, told: Break])[] = [
	[
		/refused/i,
		{
			what: "connection refused: nothing listens there",
			fix: "start what should listen there, or correct the address and port",
		},
	],
	[
		/connection_timeout|timed?_?\s?out/i,
		{
			what: "no answer within the connect timeout",
			fix: "wrong address, or a firewall in between; connectTimeout of a DestinationRule allows more time",
		},
	],
	[
		/unreachable|EHOSTUNREACH|ENETUNREACH/i,
		{ what: "the network has no way there", fix: "correct the address, or the routing of the machine" },
	],
	[
		/WRONG_VERSION_NUMBER|wrong version number|HTTP_REQUEST/i,
		{
			what: "TLS failed: the endpoint does not speak TLS on this port",
			fix: "correct the port, or set tls mode DISABLE in the DestinationRule",
			isTls: true,
		},
	],
	[
		/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/,
		{
			what: "TLS failed: the endpoint does not take this proxy's certificate, or wants one",
			fix: "set mode MUTUAL with a certificate the endpoint knows, or ISTIO_MUTUAL inside of the mesh",
			isTls: true,
		},
	],
];

function describeBreak({ upstream_failure: failure, details }: Case["failure"]): Break {
	const text = failure ?? details ?? "";
	const verified = readVerification(text);
	if (verified !== undefined)
		return {
			what: `TLS failed: its certificate is not accepted: ${verified}`,
			fix: "give its authority as caCertificates (or credentialName) of the DestinationRule, or have the endpoint renew its certificate",
			isTls: true,
		};
	if (/SAN_matcher|SAN matcher|subject_alt/i.test(text))
		return {
			what: "TLS failed: its certificate is for other names than expected",
			fix: "correct subjectAltNames and sni of the DestinationRule",
			isTls: true,
		};
	const known = breaks.find(([pattern]) => pattern.test(text));
	if (known !== undefined) return known[1];
	const isTls = text.includes("TLS_error");
	return {
		what: words(text) || "it broke",
		fix: isTls ? "do both sides speak TLS, of one version?" : "is the address right, and the process there up?",
		isTls,
	};
}

function words(text: string): string {
	return text
		.replaceAll("_", " ")
		.replace(/^delayed connect error: /, "")
		.trim();
}

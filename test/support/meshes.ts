import type { ConfigObject } from "../../src/config/index.ts";
import { application, parseObjects, readObjects } from "./control-mesh.ts";

/** One of everything. */
const everything = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: everything, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: a}]
  rules:
    - matches:
        - {path: {type: RegularExpression, value: "/r/[0-9]+"}, headers: [{name: x, type: RegularExpression, value: "a|b"}], queryParams: [{name: q, value: "1"}], method: PATCH}
        - {path: {type: Exact, value: /exact}}
      filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: "100%"}], add: [{name: x-b, value: "{b}"}], remove: [x-c]}}
        - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-d, value: d}]}}
        - {type: URLRewrite, urlRewrite: {hostname: other.example, path: {type: ReplaceFullPath, replaceFullPath: /new}}}
      timeouts: {request: 2s, backendRequest: 500ms}
      backendRefs:
        - {name: b, port: 80, weight: 3, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-backend, value: b}]}}]}
        - {name: missing, port: 80, weight: 1}
    - matches: [{path: {type: PathPrefix, value: /api/}}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
      backendRefs: [{name: b, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /go}}]
      filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: go.example, port: 8443, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}, statusCode: 301}}]
    - matches: [{path: {type: PathPrefix, value: /none}}]
      backendRefs: [{name: missing, port: 80}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: shop}
spec:
  host: a
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
    connectionPool: {tcp: {maxConnections: 1, connectTimeout: 1s}, http: {http1MaxPendingRequests: 1, http2MaxRequests: 1, maxRequestsPerConnection: 1, maxRetries: 1}}
    outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 1s, maxEjectionPercent: 100, minHealthPercent: 50}
  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: DISABLE}}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b, namespace: shop}
spec: {host: b, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: shop}
spec:
  action: DENY
  rules:
    - from: [{source: {principals: ["*", "td/*", "*/sa/x"], notPrincipals: [td/ns/a/sa/b], namespaces: [a, "b-*"], notNamespaces: [c]}}]
      to: [{operation: {hosts: [a, "*.b", "c.*", "*"], ports: ["80"], methods: [GET], notMethods: [PUT], paths: [/a, "/b*", "*c", "*"], notPaths: [/f]}}]
    - to: [{operation: {ports: ["20000"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: amime-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: shop}
spec: {selector: {matchLabels: {app: b}}, mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: c, namespace: shop}
spec: {selector: {matchLabels: {app: c}}, mtls: {mode: DISABLE}}
`;

/** Meshes that between them use everything that translation can emit, by name. */
export const everyKindOfMesh: Readonly<Record<string, () => ConfigObject[]>> = {
	"the example shop": () => readObjects("examples/shop"),
	"one of everything": () =>
		parseObjects(
			application("a"),
			application("b"),
			application("c", { protocol: "tcp", port: 5432 }),
			application("d", { protocol: "grpc", port: 9090, namespace: "other" }),
			everything,
		),
	"a workload alone": () => parseObjects(application("a").split("---")[0]!),
};

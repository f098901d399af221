/** Versions that Istio has published its networking objects under; they mean the same. */
export const networkingVersions = [
	"networking.istio.io/v1",
	"networking.istio.io/v1beta1",
	"networking.istio.io/v1alpha3",
] as const;

/** The same of its security objects. */
export const securityVersions = ["security.istio.io/v1", "security.istio.io/v1beta1"] as const;

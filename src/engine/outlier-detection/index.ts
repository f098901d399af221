/** Passive health: which hosts their answers throw out, and for how long. Spec: Envoy "outlier detection". */
export type { OutlierDetectionConfig } from "./config.ts";

import { testProxyless } from "./conformance.ts";

testProxyless("python");

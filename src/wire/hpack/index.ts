/** Header compression for HTTP/2: the tables, integers, texts and Huffman code of either direction. Knows nothing about what fields mean.
 *  Spec: RFC 7541. */
export { HpackDecoder, type HpackOutcome } from "./decoder.ts";
export { createHpackDictionary, type HpackDictionary, type HpackField } from "./dictionary.ts";
export { HpackEncoder } from "./encoder.ts";
export { decodeHuffman, encodeHuffman, huffmanBytes, maxDecodedBytes } from "./huffman.ts";

/** One thing that is generated into the repository. `outputs` computes; only `scripts/generate.ts` writes. */
export interface Generator {
  readonly name: string;
  /**
   * Every file that it makes: path from the package root → whole text. Throws an error that says what to do
   * when the sources themselves are wrong (an incompatible schema, say).
   */
  outputs(): Promise<ReadonlyMap<string, string>> | ReadonlyMap<string, string>;
}

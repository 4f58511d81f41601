/** A handful of texts that repeat in a million rows (sources, classes): text ↔ small integer, as plain strings. */
export class NameList {
  private readonly ids = new Map<string, number>();
  private readonly names: string[] = [];

  intern(name: string): number {
    let id = this.ids.get(name);
    if (id === undefined) this.ids.set(name, (id = this.names.push(name) - 1));
    return id;
  }

  text(id: number): string {
    return this.names[id] ?? '';
  }
}

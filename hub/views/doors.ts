import type { Door } from '../../contracts/types.js';
import type { DoorFacts } from '../decide/model.js';

/** Doors by key. Thousands, not millions: plain objects. */
export class DoorsView {
  private readonly doors = new Map<string, DoorFacts>();

  get size(): number {
    return this.doors.size;
  }

  apply(key: string, value: Door | null): void {
    if (value === null) {
      this.doors.delete(key);
      return;
    }
    this.doors.set(key, {
      key,
      source: value.source,
      version: value.version,
      doorClass: value.doorClass,
      groups: value.groups,
      auditRequired: value.auditRequired,
      state: value.state,
      ...(value.building !== null && { building: value.building }),
      ...(value.readerProfile !== null && { readerProfile: value.readerProfile }),
    });
  }

  /** Buildings that have a door which was not removed. Walks all doors: for an operator's command. */
  buildings(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const { building, state } of this.doors.values()) {
      if (building !== undefined && state !== 'REMOVED') found.add(building);
    }
    return found;
  }

  get(key: string): DoorFacts | undefined {
    return this.doors.get(key);
  }
}

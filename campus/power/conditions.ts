import type { Faults, FaultTarget } from '../faults.js';
import type { DormGroup } from '../world/dorms.js';
import type { PowerCondition } from '../world/power.js';

/** What `match` of a switch calls a group. */
const NAME: Readonly<Record<DormGroup, string>> = { east: 'east', west: 'west', north: 'pingdu' };
const TARGET: Readonly<Record<DormGroup, FaultTarget>> = {
  east: 'power-cascade',
  west: 'power-cascade',
  north: 'power-form',
};

/**
 * A switch on a vendor changes what happens to orders as well as what the hub is told. One whose `match` names a group
 * is of that group only; one that counts requests (`times`, `rate`) is of requests only.
 */
export function powerConditions(faults: Faults): (group: DormGroup, condition: PowerCondition) => boolean {
  return (group, condition) =>
    faults
      .list()
      .some(
        ({ target, fault, times, rate, match }) =>
          target === TARGET[group] &&
          fault === condition &&
          times === undefined &&
          rate === undefined &&
          (match === undefined || match.includes(NAME[group])),
      );
}

import { accessControllers } from './access-control/controllers.js';
import { accessFiles } from './access-control/files.js';
import { accessRest } from './access-control/rest.js';
import { accessSql } from './access-control/sql.js';
import { bankSoap } from './bank/soap.js';
import { cardFiles } from './card-core/files.js';
import { cardGateway } from './card-core/gateway.js';
import { cardSql } from './card-core/sql.js';
import { powerCascade } from './power/cascade.js';
import { powerForm } from './power/http-form.js';
import { roomMap } from './power/room-map.js';
import { powerSql } from './power/sql.js';
import { classroomsRest } from './classrooms/rest.js';
import { classroomsSql } from './classrooms/sql.js';
import { deskExport } from './library/desk-export.js';
import { libraryRest } from './library/rest.js';
import { librarySql } from './library/sql.js';
import { lockersRest } from './lockers/rest.js';
import { lockersSql } from './lockers/sql.js';
import { referenceData } from './reference-data/file.js';
import type { ConnectorFactory } from './sdk.js';

/** Every connector by its kind, as `connector:` in hub.yaml names it. */
export const connectors: Readonly<Record<string, ConnectorFactory>> = Object.fromEntries(
  [
    cardGateway,
    cardFiles,
    cardSql,
    accessRest,
    accessFiles,
    accessSql,
    accessControllers,
    bankSoap,
    powerCascade,
    powerForm,
    powerSql,
    roomMap,
    libraryRest,
    librarySql,
    deskExport,
    lockersRest,
    lockersSql,
    classroomsRest,
    classroomsSql,
    referenceData,
  ].map((factory) => [factory.spec.kind, factory]),
);

import type { CliCommand } from './cli-command.ts';
import { audit } from './commands/audit.ts';
import { cacheCommands } from './commands/cache.ts';
import { completion } from './commands/completion.ts';
import { deadCommands } from './commands/dead.ts';
import { doctor } from './commands/doctor.ts';
import { ledgerPrune } from './commands/ledger.ts';
import { migrateCommand } from './commands/migrate.ts';
import { pauseCommands } from './commands/pause.ts';
import { publish } from './commands/publish.ts';
import { stateCreate } from './commands/state-create.ts';
import { stateExport } from './commands/state-export.ts';
import { stateCommands } from './commands/state.ts';
import { status } from './commands/status.ts';
import { streamsCopy, streamsCreate } from './commands/streams.ts';
import { streamsArchive, streamsReplay } from './commands/streams-archive.ts';
import { traceCommands } from './commands/trace.ts';
import { tail } from './commands/tail.ts';
import { takeover } from './commands/takeover.ts';

/** Every command, in the order of the help. */
export const commands: readonly CliCommand[] = [
  doctor,
  status,
  tail,
  publish,
  ...deadCommands,
  ...stateCommands,
  stateCreate,
  stateExport,
  ...traceCommands,
  ...pauseCommands,
  ...cacheCommands,
  ledgerPrune,
  audit,
  migrateCommand,
  streamsCreate,
  streamsCopy,
  streamsArchive,
  streamsReplay,
  takeover,
  completion(() => commands),
];

import type { CliCommand } from './cli-command.ts';
import { cacheCommands } from './commands/cache.ts';
import { completion } from './commands/completion.ts';
import { deadCommands } from './commands/dead.ts';
import { doctor } from './commands/doctor.ts';
import { ledgerPrune } from './commands/ledger.ts';
import { migrateCommand } from './commands/migrate.ts';
import { publish } from './commands/publish.ts';
import { stateExport } from './commands/state-export.ts';
import { stateCommands } from './commands/state.ts';
import { status } from './commands/status.ts';
import { streamsCopy, streamsCreate } from './commands/streams.ts';
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
  stateExport,
  ...cacheCommands,
  ledgerPrune,
  migrateCommand,
  streamsCreate,
  streamsCopy,
  takeover,
  completion(() => commands),
];

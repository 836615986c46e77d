import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { reasonOf } from '../message/to-outcome.ts';
import { errorReply, type HttpReply } from '../http/http-server.ts';
import { writeAudit } from '../postgres/audit-log.ts';
import { auditedCommands } from './audited-commands.ts';
import { audit } from './commands/audit.ts';
import { cacheInvalidate, cacheStats } from './commands/cache.ts';
import { deadList, deadShow } from './commands/dead-read.ts';
import { deadEdit } from './commands/dead-edit.ts';
import { deadGroups } from './commands/dead-groups.ts';
import { deadPurge, deadReplay } from './commands/dead-change.ts';
import { graph } from './commands/graph.ts';
import { history, historyRecord } from './commands/history.ts';
import { ledgerPrune } from './commands/ledger.ts';
import { pause, pauses, pausesRenew, resume } from './commands/pause.ts';
import { repairFind, repairMend } from './commands/repair.ts';
import { routingShow } from './commands/routing.ts';
import { messageTrace } from './commands/message-trace.ts';
import { rowFind } from './commands/row-find.ts';
import { stateList, stateShow } from './commands/state.ts';
import { stateCreate } from './commands/state-create.ts';
import { stateTrace } from './commands/state-trace.ts';
import { traceShow } from './commands/trace-show.ts';
import { status } from './commands/status.ts';
import { CommandError } from './command-error.ts';
import type { ManageCommand, ManageContext } from './manage-context.ts';
import { argumentReader } from './read-arguments.ts';

/** Every command by the name that a request carries. */
export const commands: Readonly<Record<string, ManageCommand>> = {
  status,
  'cache.invalidate': cacheInvalidate,
  'cache.stats': cacheStats,
  'routing.show': routingShow,
  'dead.list': deadList,
  'dead.groups': deadGroups,
  'dead.show': deadShow,
  'dead.edit': deadEdit,
  'dead.replay': deadReplay,
  'dead.purge': deadPurge,
  'state.list': stateList,
  'state.show': stateShow,
  'state.create': stateCreate,
  'state.trace': stateTrace,
  'row.find': rowFind,
  'message.trace': messageTrace,
  'trace.show': traceShow,
  'repair.find': repairFind,
  'repair.mend': repairMend,
  'ledger.prune': ledgerPrune,
  graph,
  history,
  'history.record': historyRecord,
  audit,
  pause,
  resume,
  pauses,
  'pauses.renew': pausesRenew,
};

/** Errors of the NATS client that mean "not now": they carry a code, not a class that we may import. */
const natsCodes = /^(TIMEOUT|503|CONNECTION_(CLOSED|DRAINING|REFUSED|TIMEOUT)|DISCONNECT|JETSTREAM_NOT_ENABLED|408)$/;

/** Runs one request `{command, ...arguments}`. @throws CommandError, or what the rooms throw */
export const runCommand = async (request: unknown, context: ManageContext): Promise<unknown> => {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new CommandError(400, 'invalid_json', 'the request must be a JSON object with a command');
  }
  const fields = request as Readonly<Record<string, unknown>>;
  const name = fields['command'];
  const command = typeof name === 'string' && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw new CommandError(400, 'unknown_command', `command must be one of ${Object.keys(commands).join(', ')}`);
  }
  const result = await command(argumentReader(fields), context);
  await noteAudit(fields, result, context);
  return result;
};

/** The one place where an error of a command becomes an answer: a stable code, a reason, a status. */
export const failureReply = (error: unknown): HttpReply => {
  if (error instanceof CommandError) return errorReply(error.status, error.code, error.message);
  if (error instanceof TerminalError) return errorReply(422, error.code, reasonOf(error));
  if (error instanceof RetryableError) {
    const missing = error.code.startsWith('unknown_');
    return errorReply(missing ? 404 : 503, error.code, reasonOf(error), missing ? {} : { 'retry-after': '1' });
  }
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (typeof code === 'string' && natsCodes.test(code)) {
    return errorReply(503, 'nats_unavailable', `NATS did not answer (${code})`, { 'retry-after': '1' });
  }
  return errorReply(500, 'internal_error', reasonOf(error));
};

/** What was done is done: an audit log that cannot be written is told, and fails nothing. */
const noteAudit = async (
  fields: Readonly<Record<string, unknown>>,
  result: unknown,
  context: ManageContext,
): Promise<void> => {
  const action = String(fields['command']);
  const target = Object.fromEntries(
    Object.entries(fields).filter(([name]) => name !== 'command' && name !== 'payload'),
  );
  const affectedBy = Object.hasOwn(auditedCommands, action) ? auditedCommands[action] : undefined;
  const affected = affectedBy?.(result as never);
  if (affected === undefined || affected === 0) return;
  try {
    await writeAudit(context.pool, { actor: context.actor, action, target, affected });
  } catch (error) {
    context.onError(`note ${action} of ${context.actor} in the audit log`, error);
  }
};

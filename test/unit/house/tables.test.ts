import { describe, expect, it } from 'vitest';

import { commands as cliCommands } from '../../../infra/cli/commands.ts';
import { retryableCodes, terminalCodes } from '../../../shared/errors/error-code.ts';
import { messageTypes } from '../../../shared/message/delivery.ts';
import { commandErrorCodes } from '../../../shared/operate/command-error.ts';
import { commands as manageCommands } from '../../../shared/operate/run-command.ts';
import { codeSpans, namesInTable, tableRows } from '../../support/markdown.ts';
import { readProjectFile } from '../../support/project-files.ts';
import { settingNames } from '../../support/setting-names.ts';

const functionsPage = readProjectFile('functions/README.md');
const managePage = readProjectFile('functions/manage/README.md');
const contributing = readProjectFile('.github/CONTRIBUTING.md');
const manifest = JSON.parse(readProjectFile('package.json')) as Readonly<
  Record<'scripts' | 'dependencies' | 'optionalDependencies' | 'devDependencies', Readonly<Record<string, string>>>
>;

const sorted = (names: Iterable<string>): readonly string[] => [...new Set(names)].toSorted();
/** The names in a table, each with the text of another column. */
const pairs = (page: string, header: string, column: number): readonly string[] =>
  tableRows(page, header).flatMap((cells) => codeSpans(cells[0] ?? '').map((name) => `${name} ${cells[column]}`));

describe('what the code has is in its table, and nothing else', () => {
  it('settings, each with the parts that read it', () => {
    const { functions, connector, manage } = settingNames;
    const partsOf = (name: string): string => {
      if (functions.has(name) && connector.has(name)) return 'all';
      const parts = { functions, connector, manage };
      return Object.entries(parts)
        .flatMap(([part, names]) => (names.has(name) ? [part] : []))
        .join(', ');
    };
    const expected = [...functions, ...connector, ...manage].map((name) => `${name} ${partsOf(name)}`);
    expect(sorted(pairs(functionsPage, 'variable', 2))).toEqual(sorted(expected));
  });

  it('settings of `npm start`, which are in its own table or in that of the functions', () => {
    const own = namesInTable(readProjectFile('infra/local/README.md'), 'variable');
    expect(own.filter((name) => !settingNames.local.has(name))).toEqual([]);
    const known = new Set([...own, ...namesInTable(functionsPage, 'variable')]);
    expect([...settingNames.local].filter((name) => !known.has(name))).toEqual([]);
  });

  it('error codes, each with its outcome', () => {
    const expected = [
      ...terminalCodes.map((code) => `${code} reject`),
      ...retryableCodes.map((code) => `${code} retry`),
    ];
    expect(sorted(pairs(functionsPage, 'code', 1))).toEqual(sorted(expected));
  });

  it('message types', () => {
    expect(sorted(namesInTable(functionsPage, 'type'))).toEqual(sorted(messageTypes));
  });

  it('commands of the command line', () => {
    const names = namesInTable(readProjectFile('infra/cli/README.md'), 'command');
    expect(sorted(names)).toEqual(sorted(cliCommands.map(({ name }) => name)));
  });

  it('commands of manage', () => {
    expect(sorted(namesInTable(managePage, 'command'))).toEqual(sorted(Object.keys(manageCommands)));
  });

  it('error codes of manage', () => {
    expect(sorted(namesInTable(managePage, 'error'))).toEqual(sorted(commandErrorCodes));
  });

  it('scripts', () => {
    const scripts = Object.keys(manifest.scripts).filter((name) => !name.startsWith('pre'));
    const names = namesInTable(contributing, 'command').map((command) => command.replace(/^npm (run )?/, ''));
    expect(sorted(names)).toEqual(sorted(scripts));
  });

  it('dependencies, each with its reason', () => {
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    const packages = [dependencies, optionalDependencies, devDependencies].flatMap((some) => Object.keys(some));
    expect(sorted(namesInTable(contributing, 'package'))).toEqual(sorted(packages));
  });
});

describe('a table', () => {
  it('is found by the header of its first column, and ends with the first line that is no row', () => {
    const page =
      '| code | x |\n|---|---|\n| `a`, `b` | 1 |\n\n| name |\n|---|\n| `c` |\n\n| code |\n| --- |\n| `d` |\n';
    expect(namesInTable(page, 'code')).toEqual(['a', 'b', 'd']);
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Json } from './kubernetes-manifests.ts';

const run = promisify(execFile);

/**
 * Builds a program that reads a Dockerfile, a bake file or a Compose file with the parsers of their owners: BuildKit's, buildx's
 * and compose-go, from their Go modules (some minutes).
 */
export const buildBuildfiles = async (target: string): Promise<void> => {
  const source = await mkdtemp(join(tmpdir(), 'buildfiles-'));
  try {
    await writeFile(join(source, 'go.mod'), goModule);
    await writeFile(join(source, 'main.go'), goProgram);
    const env = { ...process.env, GOTOOLCHAIN: 'auto', GOFLAGS: '-mod=mod' };
    const options = { cwd: source, env, maxBuffer: 64 * 1024 * 1024 };
    await run('go', ['mod', 'tidy'], options);
    await run('go', ['build', '-buildvcs=false', '-ldflags=-s -w', '-o', target, '.'], options);
  } finally {
    await rm(source, { recursive: true, force: true });
  }
};

/** What the owner's parser understood of the file. @throws Error with its complaint */
export const parseBuildFile = async (
  program: string,
  kind: 'dockerfile' | 'bake' | 'compose',
  file: string,
  more: { readonly targets?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Json> => {
  const { stdout } = await run(program, [kind, file, ...(more.targets ?? [])], {
    env: { PATH: process.env['PATH'], ...more.env },
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout) as Json;
};

const goModule = `module buildfiles

go 1.26

require (
	github.com/compose-spec/compose-go/v2 v2.16.2
	github.com/docker/buildx v0.38.2
	github.com/moby/buildkit v0.34.2
)
`;

const goProgram = `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/docker/buildx/bake"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kind, path string) error {
	switch kind {
	case "dockerfile":
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		parsed, err := parser.Parse(file)
		if err != nil {
			return err
		}
		stages, _, err := instructions.Parse(parsed.AST, nil)
		if err != nil {
			return err
		}
		names := []string{}
		for _, stage := range stages {
			names = append(names, stage.Name)
		}
		return print(map[string]any{"stages": names, "warnings": len(parsed.Warnings)})
	case "bake":
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files := []bake.File{{Name: path, Data: data}}
		targets, groups, err := bake.ReadTargets(context.Background(), files, os.Args[3:], nil, nil, nil, &bake.EntitlementConf{})
		if err != nil {
			return err
		}
		return print(map[string]any{"targets": targets, "groups": groups})
	case "compose":
		options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv)
		if err != nil {
			return err
		}
		project, err := options.LoadProject(context.Background())
		if err != nil {
			return err
		}
		return print(project)
	}
	return fmt.Errorf("unknown kind %s", kind)
}

func print(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
`;

import { describe, expect, it } from 'vitest';
import { bundles } from '../../infra/image/build.ts';
import { secretFileName } from '../../shared/config/settings.ts';
import { readFunctionConfig } from '../../shared/config/function-config.ts';
import { at, fieldsOf, listOf, textOf } from '../support/kubernetes-manifests.ts';
import { communityFaults, deployRequestsOf, readStack, type DeployRequest } from '../support/openfaas-stack.ts';
import { functionNames, loadPlatform, openfaasSecretsOf, projectVersion, readText } from '../support/platform.ts';

const community = 'stack.yml';
const pro = 'infra/openfaas/stack.pro.yml';
const connector = 'infra/openfaas/connector.yml';
const secretNames = ['database-url', 'msg-url', 'function-token', 'routing', 'nats-functions', 'nats-manage'];

const request = (fields: Partial<DeployRequest>): DeployRequest => ({
  service: 'x',
  image: 'ghcr.io/o/x:1',
  ...fields,
});

describe("Community's rules", () => {
  it('refuse what Standard and Enterprise alone take', () => {
    const refused: readonly Partial<DeployRequest>[] = [
      { labels: { 'com.openfaas.scale.zero': 'true' } },
      { labels: { 'com.openfaas.scale.zero-duration': '' } },
      { labels: { 'com.openfaas.scale.target': '50' } },
      { labels: { 'com.openfaas.scale.type': 'rps' } },
      { labels: { 'com.openfaas.scale.max': '6' } },
      { labels: { 'com.openfaas.scale.min': '6' } },
      { annotations: { topic: 'a,b' } },
      { annotations: { 'eks.amazonaws.com/role-arn': 'x' } },
      { namespace: 'other' },
      { secrets: ['not-made'] },
      { image: 'state-direct:latest' },
      { service: 'State_Direct' },
    ];
    for (const fields of refused)
      expect(communityFaults([request(fields)], []), JSON.stringify(fields)).toHaveLength(1);
    expect(
      communityFaults(
        Array.from({ length: 16 }, () => request({})),
        [],
      ),
    ).toHaveLength(1);
    const taken = request({ labels: { 'com.openfaas.scale.zero': 'false', 'com.openfaas.scale.max': '5' } });
    expect(communityFaults([taken], [])).toEqual([]);
  });

  it('take stack.yml, and not the one for Standard and Enterprise', async () => {
    expect(communityFaults(deployRequestsOf(await readStack(community)), secretNames)).toEqual([]);
    expect(communityFaults(deployRequestsOf(await readStack(pro)), secretNames).length).toBeGreaterThan(4);
  });
});

describe('stack.yml', () => {
  it('has the four functions, each built from its own bundle and named by SERVER, OWNER and TAG', async () => {
    const stack = await readStack(community, { SERVER: 'registry.example', OWNER: 'me', TAG: '1.2.3' });
    expect(Object.keys(fieldsOf(stack['functions']))).toEqual([...functionNames]);
    for (const name of functionNames) {
      const fields = fieldsOf(at(stack, 'functions', name));
      expect(fields).toMatchObject({
        lang: 'dockerfile',
        handler: './infra/image',
        build_args: { FUNCTION: name },
        image: `registry.example/me/${name}:1.2.3`,
        readonly_root_filesystem: true,
        secrets: openfaasSecretsOf(name),
      });
      expect(Object.keys(bundles)).toContain(name);
    }
    const version = await projectVersion();
    const defaults = deployRequestsOf(await readStack(community));
    expect(defaults.map(({ image }) => image)).toEqual(
      functionNames.map((name) => `ghcr.io/alethic-ism/${name}:${version}`),
    );
  });

  it('leaves the gateway to OPENFAAS_URL and has no comment that would be substituted', async () => {
    expect(at(await readStack(community), 'provider')).toEqual({ name: 'openfaas', gateway: 'http://127.0.0.1:8080' });
    for (const line of (await readText(community)).split('\n')) expect(line.replace(/^[^#]*/, '')).not.toContain('$');
  });

  it('gives settings that a function accepts, its secrets as files', async () => {
    for (const { envVars = {}, service } of deployRequestsOf(await readStack(community))) {
      const part = service === 'manage' ? 'manage' : 'functions';
      expect(envVars['NATS_CONTEXT'], service).toBe(`/var/openfaas/secrets/nats-${part}`);
      // The file is there in a pod only.
      const env = { ...envVars, NATS_CONTEXT: '' };
      const config = readFunctionConfig({ env, secretsDir: '/nonexistent' });
      expect(config.deadlineMs, service).toBeLessThan(60_000);
      expect(config.drainMs, service).toBeLessThan(30_000);
      expect(config.routingFile).toBe('/var/openfaas/secrets/routing');
      expect(JSON.stringify(envVars)).not.toMatch(/postgres|DATABASE_URL|TOKEN/);
    }
    const files = ['DATABASE_URL', 'MSG_URL', 'FUNCTION_TOKEN'].map(secretFileName);
    expect([...files, 'routing', 'nats-functions', 'nats-manage']).toEqual(secretNames);
  });

  it('names the secrets that the secrets command makes', async () => {
    const script = await readText('infra/openfaas/secrets.sh');
    expect(script).toContain(`names='${secretNames.join(' ')}'`);
    const made = (await loadPlatform()).secrets.get('state-sync') ?? [];
    expect(made).toEqual(
      expect.arrayContaining([...secretNames, 'migration-database-url', 'nats-connector', 'nats-services']),
    );
    // Every other way to enter NATS that a file can hold.
    for (const name of ['NATS_CREDS', 'NATS_TOKEN', 'NATS_NKEY', 'NATS_CA', 'NATS_CERT', 'NATS_KEY']) {
      expect(made).toContain(secretFileName(name));
    }
  });
});

describe('the stack for Standard and Enterprise', () => {
  it('is stack.yml with scale to zero and probes, and nothing else', async () => {
    const base = await readStack(community);
    const overlay = await readStack(pro, { ZERO_AFTER: '2m' });
    expect(overlay['configuration']).toEqual(base['configuration']);
    for (const name of functionNames) {
      const { labels, annotations, environment, ...rest } = fieldsOf(at(overlay, 'functions', name));
      const { labels: baseLabels, environment: baseEnvironment, ...baseRest } = fieldsOf(at(base, 'functions', name));
      expect(rest).toEqual(baseRest);
      expect(Object.keys(fieldsOf(labels))).toEqual(expect.arrayContaining(Object.keys(fieldsOf(baseLabels))));
      const { write_timeout: writeTimeout, ...sameEnvironment } = fieldsOf(environment);
      expect(writeTimeout).toBe('1m');
      expect(sameEnvironment).toEqual(baseEnvironment);
      expect(fieldsOf(labels)).toMatchObject({
        'com.openfaas.scale.zero': name === 'manage' ? 'false' : 'true',
        'com.openfaas.scale.zero-duration': '2m',
        'com.openfaas.scale.type': 'capacity',
      });
      expect(fieldsOf(annotations)['com.openfaas.ready.http.path']).toBe('/_/ready');
    }
  });
});

describe("the connector's image", () => {
  it('is built by the same Dockerfile from the same context', async () => {
    const [base, own] = [await readStack(community), await readStack(connector)];
    expect(own['configuration']).toEqual(base['configuration']);
    const fields = fieldsOf(at(own, 'functions', 'state-connector'));
    expect(fields).toMatchObject({
      lang: 'dockerfile',
      handler: './infra/image',
      build_args: { FUNCTION: 'connector' },
    });
    const platform = await loadPlatform();
    const deployment = platform.named('Deployment', 'connector');
    const containers = listOf(at(deployment.body, 'spec', 'template', 'spec', 'containers'));
    expect(containers.map((container) => textOf(at(container, 'image')))).toEqual([fields['image']]);
  });
});

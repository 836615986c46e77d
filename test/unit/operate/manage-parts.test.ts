import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { Script } from 'node:vm';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../shared/operate/command-error.ts';
import { describeDeadLetter, traceIdOf, traceLink } from '../../../shared/operate/describe-dead-letter.ts';
import { createLiveStatus } from '../../../functions/manage/live-status.ts';
import { buildPage } from '../../../infra/image/build-page.ts';
import { pageReply } from '../../../functions/manage/page-reply.ts';
import { argumentReader } from '../../../shared/operate/read-arguments.ts';
import { signReplay, standsFor } from '../../../shared/message/replay.ts';

const id = '0af7651916cd43dd8448eb211c80319c';

describe('arguments', () => {
  it('are read by type, and every fault is told at once', () => {
    const args = argumentReader({ command: 'x', n: 0, text: 'a\u0000', flag: 'yes', extra: 1 });
    args.integer('n', 5, { min: 1, max: 9 });
    args.text('text');
    args.text('missing');
    args.flag('flag', false);
    expect(() => args.check()).toThrow(CommandError);
    try {
      args.check();
    } catch (error) {
      const { message } = error as CommandError;
      for (const name of ['n must', 'text must', 'missing is missing', 'flag must', 'extra is not']) {
        expect(message).toContain(name);
      }
    }
  });

  it('of any shape are read or refused, never taken for what they are not', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), (fields) => {
        const args = argumentReader(fields);
        const text = args.optionalText('a');
        const number = args.optionalInteger('b', { min: 0, max: 10 });
        const flag = args.flag('c', false);
        expect(text === undefined || typeof text === 'string').toBe(true);
        expect(number === undefined || (Number.isInteger(number) && number >= 0 && number <= 10)).toBe(true);
        expect(typeof flag).toBe('boolean');
      }),
    );
  });
});

describe('links to traces', () => {
  it.each([
    [`00-${id}-b7ad6b7169203331-01`, id],
    [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
    ['00-short-b7ad6b7169203331-01', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('take the trace of %s', (traceparent, expected) => {
    expect(traceIdOf(traceparent)).toBe(expected);
  });

  it('are there only where a Jaeger is', () => {
    expect(traceLink('http://jaeger:16686/', id)).toBe(`http://jaeger:16686/trace/${id}`);
    expect(traceLink(undefined, id)).toBeNull();
    expect(traceLink('http://jaeger', undefined)).toBeNull();
  });
});

describe('a line of the list of dead letters', () => {
  it('is made of any payload and any headers', () => {
    const header = fc.tuple(fc.string(), fc.array(fc.string(), { maxLength: 2 }));
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(header), (payload, headers) => {
        const line = describeDeadLetter({ sequence: 1, storedMs: 0, info: undefined, headers, payload }, undefined);
        expect(line).toMatchObject({ sequence: 1, code: 'unknown', bytes: payload.byteLength });
      }),
    );
  });
});

describe('a replayed message', () => {
  const position = { stream: 's', sequence: 7, timestampNs: '123', messageId: 'replay/1@2' };

  it('stands for the delivery that its header names, and an ordinary one for itself', () => {
    const named: Readonly<Record<string, string>> = { 'ism-delivery-id': 's/m-1', 'ism-delivery-time-ns': '99' };
    expect(standsFor(position, (name) => named[name])).toEqual({ id: 's/m-1', timestampNs: '99' });
    expect(standsFor(position, () => undefined)).toEqual({ id: 's/replay/1@2', timestampNs: '123' });
  });

  it('counts only if it is signed with the token, for this stream and this payload', () => {
    const payload = new TextEncoder().encode('{}');
    const replay = { stream: 's', identity: 's/m-1', timestampNs: '99' };
    const idOf = (headers: Readonly<Record<string, string>>, token: string, bytes = payload) =>
      standsFor(position, (name) => headers[name], { token, payload: bytes }).id;
    expect(idOf(signReplay('t', replay, payload), 't')).toBe('s/m-1');
    for (const headers of [
      signReplay('other', replay, payload),
      signReplay(undefined, replay, payload),
      signReplay('t', { ...replay, stream: 'another' }, payload),
      { ...signReplay('t', replay, payload), 'ism-delivery-id': 's/m-2' },
      { ...signReplay('t', replay, payload), 'ism-delivery-time-ns': '98' },
    ]) {
      expect(idOf(headers, 't')).toBe('s/replay/1@2');
    }
    expect(idOf(signReplay('t', replay, payload), 't', new TextEncoder().encode('{ }'))).toBe('s/replay/1@2');
  });

  it.each([['x'.repeat(201)], ['']])('is not taken for another by a header of no use (%#)', (value) => {
    expect(standsFor(position, () => value)).toMatchObject({ id: 's/replay/1@2', timestampNs: '123' });
  });
});

describe('the page', () => {
  it('lets exactly its own script and style run, and has no other source', async () => {
    const { headers = {}, body } = pageReply(await buildPage());
    const html = String(body);
    const policy = headers['content-security-policy'] ?? '';
    for (const tag of ['script', 'style']) {
      const found = [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))];
      expect(found).toHaveLength(1);
      const digest = createHash('sha256').update(found[0]![1]!).digest('base64');
      expect(policy).toContain(`${tag}-src 'sha256-${digest}'`);
    }
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
    expect(html).not.toMatch(/<[^>]* (on[a-z]+|style)="/);
    expect(html).not.toMatch(/(src|href)="https?:/);
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
    expect(() => new Script(script)).not.toThrow();
  });

  it('makes no markup and no code from texts', () => {
    const folder = new URL('../../../functions/manage/page/', import.meta.url);
    const sources = globSync('**/*.{ts,tsx}', { cwd: folder });
    expect(sources.length).toBeGreaterThan(10);
    for (const file of sources) {
      const source = readFileSync(new URL(file, folder), 'utf8');
      expect(source, file).not.toMatch(/inner_?HTML|insertAdjacentHTML|document\.write|eval\(|new Function/i);
    }
  });

  it('is small', async () => {
    expect(gzipSync(await buildPage()).byteLength).toBeLessThan(150 * 1_024);
  });

  it.each(['', '<script>a</script>', '<style>a</style>', '<script>a</script><script>b</script><style>c</style>'])(
    'is refused if it has not one script and one style: %s',
    (document) => {
      expect(() => pageReply(document)).toThrow(/must have one inline/);
    },
  );
});

describe('the live status', () => {
  const makeLive = (read: () => Promise<unknown>) =>
    createLiveStatus({ read, intervalMs: 5, longestMs: 10_000, maxClients: 2 });

  const listen = (live: ReturnType<typeof makeLive>, count: number): Promise<string[]> => {
    const stream = live.open();
    if (stream === undefined) throw new Error('refused');
    const leaving = new AbortController();
    const chunks: string[] = [];
    return stream
      .stream((chunk) => {
        chunks.push(chunk);
        if (chunks.length >= count) leaving.abort();
      }, leaving.signal)
      .then(() => chunks);
  };

  it('takes one picture for all who look, and none when nobody does', async () => {
    let taken = 0;
    const live = makeLive(async () => (taken += 1));
    await Promise.all([listen(live, 3), listen(live, 3)]);
    expect(taken).toBeLessThanOrEqual(5);
    expect(live.clients).toBe(0);
    const before = taken;
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(taken - before).toBeLessThanOrEqual(1);
  });

  it('tells of a picture that could not be taken, and goes on', async () => {
    let taken = 0;
    const live = makeLive(async () => {
      taken += 1;
      if (taken === 1) throw new Error('no luck');
      return { taken };
    });
    const [first, second] = await listen(live, 2);
    expect(first).toBe('event: error\ndata: {"reason":"no luck"}\n\n');
    expect(second).toContain('event: status');
  });

  it('is not for more pages than it can bear', async () => {
    const live = makeLive(async () => 1);
    const looking = [listen(live, 4), listen(live, 4)];
    expect(live.open()).toBeUndefined();
    await Promise.all(looking);
    expect(live.open()).toBeDefined();
  });
});

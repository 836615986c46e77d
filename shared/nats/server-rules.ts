/** What a server says of itself when it greets. */
export interface ServerFields {
  readonly version?: string | undefined;
  /** The name of its cluster; absent if it is alone. */
  readonly cluster?: string | undefined;
}

/** A fault of a server by itself, whatever reads from it. */
export interface ServerVerdict {
  readonly code: 'server_loses_streams' | 'copies_differ' | 'repeats_lost';
  readonly text: string;
  readonly fix: string;
}

/** Judges a nats-server by its version: what loses messages that it has confirmed is named. */
export const judgeServer = ({ version = '', cluster }: ServerFields): readonly ServerVerdict[] => {
  const [major, minor, patch] = versionOf(version);
  const verdicts: ServerVerdict[] = [];
  // Mended in 2.10.23.
  if (major === 2 && minor === 10 && patch >= 20 && patch <= 22) {
    verdicts.push({
      code: 'server_loses_streams',
      text: `nats-server ${version} can lose a stream when it is killed`,
      fix: 'update nats-server to 2.10.23 or later',
    });
  }
  // Seen by the fault suite with 2.9.10 and 2.9.25.
  if (major === 2 && minor < 10 && cluster !== undefined) {
    verdicts.push({
      code: 'copies_differ',
      text: `the copies of a stream on nats-server ${version} can come to differ when servers of a cluster fail: messages that were confirmed are lost or come twice`,
      fix: 'update every nats-server of the cluster to a release that is maintained',
    });
  }
  // Read in its source, and seen by the fault suite with 2.10.29: an id is noted before its message is stored.
  if (major === 2 && minor === 10 && cluster !== undefined) {
    verdicts.push({
      code: 'repeats_lost',
      text: `a cluster of nats-server ${version} remembers the ids of messages that it refused or lost: it confirms a repeat and does not store it`,
      fix: 'update every nats-server of the cluster to a release that is maintained',
    });
  }
  return verdicts;
};

const versionOf = (text: string): readonly [number, number, number] => {
  const [major = 0, minor = 0, patch = 0] = text.split(/[.-]/).map(Number);
  return [major, minor, patch];
};

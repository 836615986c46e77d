import fc from 'fast-check';
import { testSeed } from './test-seed.ts';

// Every property test without a seed of its own gets this one.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: testSeed });

import type { Command } from 'commander';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, type Call, type Decider, type Frame } from './frame.js';
import { readLines } from './lines.js';

/** `cardhub decide`: AuthZEN evaluation requests as JSON lines in, one answer a line out, in the same order. */
export function register(program: Command, frame: Frame): void {
  const open = frame.services.openDecider;
  if (open === undefined) return;
  addCommand(program, frame, {
    name: 'decide',
    summary: {
      en: 'Answer AuthZEN requests from stdin, one JSON a line.',
      zh: '从标准输入逐行读取 AuthZEN 请求并作答。',
    },
    examples: [
      `echo '{"subject":{"type":"card","id":"core:100123"},"action":{"name":"enter"},"resource":{"type":"door","id":"gate:1"}}' | cardhub decide`,
    ],
    more:
      'A line that is no JSON, or no such request, gets {"error": …} as its answer, the others are answered all the same, and the\n' +
      'command ends with exit code 2. A deny is an answer like any other: exit code 0.',
    run: async (call) => {
      const decider = await open(await call.config(), { signal: frame.signal });
      try {
        return await answerAll(call, decider);
      } finally {
        await decider.close();
      }
    },
  });
}

async function answerAll({ frame, out }: Call<object>, decider: Decider): Promise<ExitCode> {
  let refused = 0;
  for await (const line of readLines(frame.stdin)) {
    frame.signal.throwIfAborted();
    if (line.text.trim() === '' && !line.tooLong) continue;
    const request = parse(line.text);
    if (request === undefined) {
      refused++;
      const message = line.tooLong ? 'the line is too long' : 'expected one JSON object on the line';
      out.jsonLine({ error: { code: line.tooLong ? 'TOO_LARGE' : 'NOT_JSON', line: line.number, message } });
    } else {
      const answer = await decider.decide(request).catch(async (error: unknown) => {
        const { RequestRefused } = await import('../run/decider.js');
        if (!(error instanceof RequestRefused)) throw error;
        refused++;
        return { error: { code: 'BAD_REQUEST', line: line.number, message: error.message } };
      });
      out.jsonLine(answer);
    }
  }
  return refused > 0 ? EXIT.usage : EXIT.ok;
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

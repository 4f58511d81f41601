import type { Command } from 'commander';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';

const PASSWORD_BYTES_MAX = 1_024;
const PASSWORD_CHARACTERS_MIN = 8;

/** `cardhub sip2 hash`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'sip2', { en: 'Library desks over SIP2.', zh: 'SIP2 图书馆服务台。' });
  addCommand(group, frame, {
    name: 'hash',
    summary: {
      en: 'Read a desk password from stdin, print its hash for hub.yaml.',
      zh: '从标准输入读取终端密码，输出写入 hub.yaml 的散列值。',
    },
    examples: ['cardhub sip2 hash < password.txt', 'read -rs P; echo "$P" | cardhub sip2 hash'],
    more: 'The password is the first line, 8 characters at least. It is an input and no option: options stand in the shell history.',
    run: hash,
  });
}

async function hash({ frame, out }: Call<object>): Promise<ExitCode> {
  const password = await firstLine(frame.stdin);
  if ([...password].length < PASSWORD_CHARACTERS_MIN || /[|\p{Cc}]/u.test(password)) {
    throw new CliError(
      'INPUT',
      `expected a password of at least ${PASSWORD_CHARACTERS_MIN} characters without | and control characters in the first line of stdin`,
    );
  }
  const { hashPassword } = await import('../sip2/password.js');
  const passwordHash = await hashPassword(password);
  out.document({ passwordHash });
  if (!out.json) out.line(passwordHash);
  return EXIT.ok;
}

async function firstLine(input: Frame['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const more = Buffer.from(chunk);
    chunks.push(more);
    bytes += more.length;
    if (more.includes(0x0a) || bytes > PASSWORD_BYTES_MAX) break;
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
  return bytes > PASSWORD_BYTES_MAX ? '' : line;
}

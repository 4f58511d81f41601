import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { ClientState } from '../run/rights.js';
import type { SwitchAnswer, SwitchRequest } from '../run/client-switch.js';
import type { Config } from '../config/types.js';
import { CliError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { addCommand, addGroup, type Call, type Frame } from './frame.js';
import { withReader } from './open-reader.js';
import { withOwnJournal } from './own-journal.js';

/** `cardhub clients list|disable|enable|secret|reload|rotate-keys`. */
export function register(program: Command, frame: Frame): void {
  const group = addGroup(program, 'clients', {
    en: 'Clients of the facade: who may call, switches, secrets, keys.',
    zh: '接口客户端：权限、开关、密钥。',
  });
  addCommand(group, frame, {
    name: 'list',
    summary: { en: 'Every client, and whether it may call now.', zh: '列出客户端及其状态。' },
    examples: ['cardhub clients list', 'cardhub clients list --json'],
    run: list,
  });
  for (const [name, state] of [
    ['disable', 'DISABLED'],
    ['enable', 'ENABLED'],
  ] as const) {
    addCommand<{ reason?: string }>(group, frame, {
      name: `${name} <client>`,
      summary:
        state === 'DISABLED'
          ? { en: 'Refuse a client from now on, whatever it brings.', zh: '立即停用客户端。' }
          : { en: 'Let a client call again, as its agreement says.', zh: '恢复客户端。' },
      examples: [`cardhub clients ${name} library-desk --reason "key was lost"`],
      more: 'In force at once on every hub that follows the log, and after a restart. 对所有 hub 立即生效，重启后仍有效。',
      options: (command) => command.option('--reason <text>', 'why; no names of people 原因（勿填姓名）'),
      run: (call) => give(call, state),
    });
  }
  addCommand(group, frame, {
    name: 'secret',
    summary: {
      en: 'Make a secret or static key; print it once, with its digest for hub.yaml.',
      zh: '生成密钥，仅显示一次，并给出写入 hub.yaml 的摘要。',
    },
    examples: ['cardhub clients secret'],
    more: 'Put the new digest beside the old one, reload, give the client its new secret, then take the old one out. 新旧摘要并列可无间断更换。',
    run: secret,
  });
  addCommand(group, frame, {
    name: 'reload',
    summary: {
      en: 'Give the running hub the clients of hub.yaml as they stand now.',
      zh: '让运行中的 hub 重新读取 hub.yaml 的 clients。',
    },
    examples: ['cardhub clients reload -c hub.yaml'],
    run: reload,
  });
  addCommand<{ revoke?: boolean }>(group, frame, {
    name: 'rotate-keys',
    summary: { en: 'Sign access tokens with a new key from now on.', zh: '更换访问令牌的签名密钥。' },
    examples: ['cardhub clients rotate-keys', 'cardhub clients rotate-keys --revoke'],
    options: (command) =>
      command.option('--revoke', 'void every token of the old keys at once 立即作废旧密钥签发的全部令牌'),
    run: rotate,
  });
}

async function ask<T>(config: Config, name: string, body: unknown): Promise<T> {
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, name, body);
  if (!answer.ok) throw new CliError('INPUT', answer.message);
  return answer.result as T;
}

async function list({ frame, out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const clients = await states(loaded, frame.now());
  out.document({ clients });
  out.table(
    ['client 客户端', 'state 状态', 'until 至', 'tenant 租户', 'scopes 权限', 'purposes 用途'],
    clients.map(({ client, state, untilMs, tenant, scopes, purposes }) => [
      client,
      state,
      untilMs === null ? '-' : new Date(untilMs).toISOString(),
      tenant ?? '-',
      scopes.join(' '),
      purposes.join(' '),
    ]),
  );
  return EXIT.ok;
}

/** Of the hub that runs here; else what hub.yaml and the log say. */
async function states(config: Config, now: number): Promise<ClientState[]> {
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'clients', null);
  if (answer.ok) return answer.result as ClientState[];
  if (answer.code !== 'NOT_RUNNING' && answer.code !== 'NO_CLIENTS') {
    throw new CliError('INPUT', answer.message);
  }
  const { Clients } = await import('../clients/registry.js');
  const { clientsOf, clientState } = await import('../run/rights.js');
  const { readSwitches } = await import('../run/client-switch.js');
  const clients = new Clients(clientsOf(config));
  const switches = await withReader(config, ({ log, codec }) =>
    readSwitches({ log, codec, tenant: config.tenant }),
  );
  for (const { of } of switches.values()) clients.switch(of.client, of.state === 'DISABLED');
  return clientState(clients, now);
}

async function give(
  { args, out, config, options: { reason } }: Call<{ reason?: string }>,
  state: SwitchRequest['state'],
): Promise<ExitCode> {
  const request: SwitchRequest = {
    ...{ client: args[0] ?? '', state, by: userInfo().username },
    ...(reason !== undefined && { reason }),
  };
  const done = await write(await config(), request);
  out.document(done);
  const when = done.inForce
    ? 'in force 已生效'
    : 'on the log, in force at the next start of a hub 已记录，hub 启动后生效';
  out.line(`${done.switch.client}: ${done.from ?? 'ENABLED'} → ${done.switch.state}; ${when}`);
  return EXIT.ok;
}

async function write(config: Config, request: SwitchRequest): Promise<SwitchAnswer> {
  const { askHub } = await import('./ask-hub.js');
  const answer = await askHub(config, 'client-switch', request);
  if (answer.ok) return answer.result as SwitchAnswer;
  if (answer.code !== 'NOT_RUNNING') throw new CliError('INPUT', answer.message);
  const { switchRecordOf, SwitchError } = await import('../run/client-switch.js');
  const { clientsOf } = await import('../run/rights.js');
  const known = new Set(clientsOf(config).map(({ id }) => id));
  return withOwnJournal(config, async ({ log, codec, journal }) => {
    try {
      const parts = { log, codec, tenant: config.tenant };
      const { record, value, from } = await switchRecordOf(parts, request, (id) => known.has(id), Date.now());
      await journal.append([record]);
      return { switch: value, from, inForce: false };
    } catch (error) {
      if (error instanceof SwitchError) throw new CliError('INPUT', error.message);
      throw error;
    }
  });
}

async function secret({ out }: Call<object>): Promise<ExitCode> {
  const { newSecret } = await import('../clients/secrets.js');
  const made = newSecret();
  out.document(made);
  out.line(`secret 密钥: ${made.secret}`);
  out.line(`digest 摘要 (hub.yaml): ${made.digest}`);
  return EXIT.ok;
}

async function reload({ out, config }: Call<object>): Promise<ExitCode> {
  const loaded = await config();
  const done = await ask<{ clients: number }>(loaded, 'clients-reload', loaded.clients);
  out.document(done);
  out.line(`${done.clients} clients 客户端, in force 已生效`);
  return EXIT.ok;
}

async function rotate({ out, config, options }: Call<{ revoke?: boolean }>): Promise<ExitCode> {
  const done = await ask<{ kid: string }>(await config(), 'rotate-keys', { revoke: options.revoke === true });
  out.document(done);
  out.line(`signed by 签名密钥: ${done.kid}`);
  return EXIT.ok;
}

import { Command, CommanderError } from 'commander';
import * as alert from './alert.js';
import * as audit from './audit.js';
import * as banks from './banks.js';
import * as bridge from './bridge.js';
import * as clients from './clients.js';
import * as connector from './connector.js';
import * as controllers from './controllers.js';
import * as decide from './decide.js';
import * as demo from './demo.js';
import * as doctor from './doctor.js';
import { explain, CliError } from './errors.js';
import * as explainDecision from './explain.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { exitCodeOf, type Frame } from './frame.js';
import * as grants from './grants.js';
import * as init from './init.js';
import { createOutput } from './output.js';
import * as policy from './policy.js';
import * as quarantine from './quarantine.js';
import * as read from './read.js';
import * as reader from './reader.js';
import * as reconcile from './reconcile.js';
import * as rooms from './rooms.js';
import * as run from './run.js';
import * as shadow from './shadow.js';
import * as sip2 from './sip2.js';
import * as sink from './sink.js';
import * as snapshot from './snapshot.js';
import * as status from './status.js';
import * as sync from './sync.js';
import * as topics from './topics.js';

/** One file a command; in the order of `--help`. */
const COMMANDS: readonly { register(program: Command, frame: Frame): void }[] = [
  demo,
  init,
  run,
  sync,
  status,
  read,
  reconcile,
  quarantine,
  snapshot,
  sink,
  topics,
  policy,
  alert,
  decide,
  explainDecision,
  grants,
  shadow,
  rooms,
  banks,
  reader,
  sip2,
  controllers,
  bridge,
  clients,
  audit,
  connector,
  doctor,
];

/** Runs one command line (without `node` and the script's name); resolves with the exit code. */
export async function runCli(argv: readonly string[], frame: Frame, version: string): Promise<ExitCode> {
  const program = new Command('cardhub')
    .description('Campus-card integration hub\n校园卡数据集成枢纽')
    .version(version)
    .configureOutput({
      writeOut: (text) => void frame.stdout.write(text),
      writeErr: (text) => void frame.stderr.write(text),
    })
    .addHelpText('after', EXIT_HELP)
    .showHelpAfterError('See --help. 请查看 --help。')
    .exitOverride();
  // Subcommands copy these settings when they are made, so this comes last.
  for (const command of COMMANDS) command.register(program, frame);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCodeOf(program);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    if (argv.includes('--json')) {
      const usage = new CliError('USAGE', error.message.replace(/^error: /, ''));
      createOutput({ ...frame, json: true }).error(explain(usage, false));
    }
    return EXIT.usage;
  }
}

const EXIT_HELP = `
Exit codes 退出码:
  0  done                                            成功
  1  the answer is no (unbalanced, differences, …)   结果为否（不平衡、有差异等）
  2  wrong option or configuration                   参数或配置错误
  3  upstream system, broker or running hub trouble  上游系统、Kafka 或运行中的 hub 异常
  4  store damaged, locked, full or of another version  存储损坏、被占用、已满或版本不符
  5  interrupted                                     被中断
  70 a mistake in Cardhub                            程序错误
`;

import { hashPassword } from '../sip2/password.js';

/** The login of the demo's one desk. It opens the demo only, so it may be printed. */
export const DEMO_DESK = { user: 'desk', password: 'demo-desk', institution: 'main', location: 'lobby' };

/** The `sip2` section of the demo's hub.yaml. Readers are named by the card numbers that the demo prints. */
export async function demoDesk(port: number): Promise<object> {
  const { user, password, institution } = DEMO_DESK;
  return {
    port,
    institutions: {
      [institution]: { name: 'Main Library', language: 'zh', reader: { by: 'card-key', source: 'core' } },
    },
    logins: { [user]: { passwordHash: await hashPassword(password), institutions: [institution] } },
  };
}

/** A command that asks about the reader of that card over SIP2. */
export function demoDeskCommand(host: string, port: number, card: string): string {
  const { user, password, institution, location } = DEMO_DESK;
  const login = `9300CN${user}|CO${password}|CP${location}|`;
  // `%-18s` fills the transaction date, which the hub does not look at.
  return `printf '${login}\\r23001%-18sAO${institution}|AA${card}|\\r\\n' 20261123 | nc -w 1 ${host} ${port}`;
}

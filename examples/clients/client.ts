/**
 * What systems of a campus ask the hub, in TypeScript. Start the demo first: npx cardhub demo
 *
 *   node dist/examples/clients/client.js [http://127.0.0.1:8080]
 */
import { CardhubError, createClient } from 'cardhub/client';

const cardhub = createClient({ url: process.argv[2] ?? 'http://127.0.0.1:8080' });
const card = { type: 'card', id: 'core:1000000220' };
const door = { type: 'door', id: 'gate:D-00000' };

// A door: may this card enter, and why (AuthZEN). A deny is an answer, not an error.
const { decision, context } = await cardhub.post('/access/v1/evaluation', {
  subject: card,
  action: { name: 'enter' },
  resource: door,
  options: { reasons: true },
});
console.log('door:', decision, context?.reason, context?.reason_text?.zh);

// Why it was so, rebuilt from the recorded facts; the record is written within a second.
if (context !== undefined) {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const explained = await cardhub.get('/v1/decisions/{id}', { id: context.decisionId });
  console.log(
    'explained:',
    explained.rebuilt?.steps?.map(({ step, outcome }) => `${step} ${outcome}`).join(', '),
  );
}

// Several at once, cut at the first deny.
const { evaluations } = (await cardhub.post('/access/v1/evaluations', {
  subject: card,
  action: { name: 'enter' },
  evaluations: [{ resource: door }, { resource: { type: 'door', id: 'gate:D-00001' } }],
  options: { evaluations_semantic: 'deny_on_first_deny' },
})) as { evaluations: { decision: boolean }[] };
console.log(
  'doors:',
  evaluations.map((one) => one.decision),
);

// Is this card valid, and this person's.
console.log(
  'identity:',
  await cardhub.post('/v1/identity/check', { card: card.id, schoolNumber: '00000022' }),
);

// A library desk lends; the client sends an Idempotency-Key, the same one when it has to ask again.
console.log(
  'loan:',
  await cardhub.post('/v1/library/checkout', { card: card.id, institution: 'main', item: '0000000079' }),
);

// An error has a closed code.
try {
  await cardhub.post('/v1/identity/check', { card: '' });
} catch (error) {
  if (!(error instanceof CardhubError)) throw error;
  console.log('refused:', error.code);
}

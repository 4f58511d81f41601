/** A request as the bytes that go over the wire, broken where it asks to be. */
import { PROTOCOL, type HostileRequest } from './generate.js';

export function bytesOf(request: HostileRequest, host: string): Buffer {
  const { method, path, body } = request;
  const how = request.headers.find(([name]) => name === PROTOCOL)?.[1];
  const lines: string[] = [];
  let target = path;
  let content = body;
  if (how !== 'no-host') lines.push(`host: ${how === 'bad-host' ? 'a b/c' : host}`);
  for (const [name, value] of request.headers) if (name !== PROTOCOL) lines.push(`${name}: ${value}`);
  if (how === 'large-header') lines.push(`x-large: ${'x'.repeat(17_000)}`);
  if (how === 'two-hosts') lines.push('host: elsewhere');
  if (how === 'two-credentials') lines.push('authorization: Bearer a', 'Authorization: Bearer b');
  if (how === 'expectation') lines.push('expect: 200-ok');
  if (how === 'many-headers') for (let i = 0; i < 500; i++) lines.push(`x-${i}: ${i}`);
  if (how === 'header-space') lines.push('x bad : y');
  if (how === 'absolute') target = `http://${host}${path}`;
  if (how === 'length-text') lines.push('content-length: ten');
  if (how === 'two-lengths') lines.push('content-length: 3', 'content-length: 4');
  if (how === 'smuggle') lines.push('content-length: 4', 'transfer-encoding: chunked');
  if (how === 'chunked' || how === 'bad-chunk') {
    lines.push('transfer-encoding: chunked');
    const size = how === 'chunked' ? (content ?? Buffer.alloc(0)).length.toString(16) : 'zz';
    const chunk =
      content === null || content.length === 0 ? '' : `${size}\r\n${content.toString('latin1')}\r\n`;
    content = Buffer.from(`${chunk}0\r\n\r\n`, 'latin1');
  } else if (content !== null && how !== 'length-text' && how !== 'two-lengths' && how !== 'smuggle') {
    lines.push(`content-length: ${content.length}`);
  }
  const version = how === 'http/0.9' ? 'HTTP/0.9' : 'HTTP/1.1';
  const end = how === 'bare-lf' ? '\n' : '\r\n';
  const head = [`${method} ${target} ${version}`, ...lines, '', ''].join(end);
  return Buffer.concat([Buffer.from(head, 'latin1'), content ?? Buffer.alloc(0)]);
}

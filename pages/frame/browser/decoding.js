// Reads in the browser what encoding.py wrote.

const NAN = 65535;

export async function decode(data) {
  return read((await inflate(data)).buffer);
}

// Reads a message with, in front, the name of the visitor whose it is.
export async function decodeAddressed(data) {
  const end = 1 + data[0];
  const content = await decode(data.subarray(end));
  const visitor = new TextDecoder().decode(data.subarray(1, end));
  return content.preview ? { ...content, preview: { ...content.preview, visitor } } : content;
}

export function parse(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

export function areSame(a, b) {
  return a?.length === b?.length && a?.every((byte, i) => byte === b[i]);
}

// By hand, not by Blob and Response: their steps would each wait behind what else the page does.
export async function inflate(data) {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  // What goes wrong in here shows in reading.
  for (const written of [writer.write(data), writer.close()]) written.catch(() => {});
  const reader = stream.readable.getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

// Reads a message that is not compressed.
export function read(buffer) {
  const bytes = new Uint8Array(buffer);
  const length = new DataView(buffer).getUint32(0, true);
  return unpack(parse(bytes.subarray(4, 4 + length)), bytes.subarray(4 + length));
}

// Reads what `join_messages` wrote: of each message its key, and what it says.
export function readParts(buffer) {
  let end = 4 + new DataView(buffer).getUint32(0, true);
  return parse(new Uint8Array(buffer, 4, end - 4)).parts.map(([label, stop, length]) => {
    end += length;
    return [label, stop, read(buffer.slice(end - length, end))];
  });
}

function unpack(value, body) {
  if (Array.isArray(value)) return value.map((item) => unpack(item, body));
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.at)) {
    return value.at.length === 2 ? readBytes(...value.at, body) : readFloats(...value.at, body);
  }
  return Object.fromEntries(Object.entries(value).map(([k, item]) => [k, unpack(item, body)]));
}

function readFloats(start, n, low, step, body) {
  const values = new Float32Array(n);
  for (let i = 0, whole = 0; i < n; i++) {
    whole = (whole + body[start + i] + 256 * body[start + n + i]) & 0xffff;
    values[i] = whole === NAN ? NaN : low + step * whole;
  }
  return values;
}

// Returned the way Plotly takes arrays of any shape, with a buffer in the place of base64.
function readBytes(start, shape, body) {
  const [rows, columns = 1, depth = 1] = shape.split(",").map(Number);
  const inRow = shape.includes(",");
  const n = rows * columns * depth;
  const values = body.slice(start, start + n);
  const row = inRow ? columns * depth : n;
  for (let i = 0; i < n; i++) if (i % row >= depth) values[i] += values[i - depth];
  return inRow ? { dtype: "u1", bdata: values.buffer, shape } : values;
}
